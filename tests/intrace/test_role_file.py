"""What a role file may say, and what it is told when it says something else."""

from __future__ import annotations

import pytest

from tracewell.intrace.access import DEFAULT_ROLES, AccessBook, OwnLimits, scopes_of
from tracewell.intrace.role_file import FILE_BYTES_MAX, RoleFileWrong, parse_role_file
from tracewell.kernel.identity.model import Principal

GOOD = b"""
roles:
  analyst: [lookup:read, lookup:write]
  desk-lead: [lookup:read, audit:read]
groups:
  intel-desk: analyst
  "CN=Leads,OU=Intel": [analyst, desk-lead]
  visitors: []
rate_limits:
  user:ada-7: {requests_per_minute: 600, burst: 50}
  service:crm: {deep_lookups_per_minute: 100}
  key:key_1: {requests_per_minute: 5}
"""


def user(subject: str, groups: tuple[str, ...] = ()) -> Principal:
    return Principal("bearer", f"sub:{subject}", subject=subject, roles=groups)


def test_groups_have_the_roles_of_the_file_and_no_others() -> None:
    book = AccessBook(parse_role_file(GOOD))

    assert book.roles_of(["CN=Leads,OU=Intel", "intel-desk"]) == ("analyst", "desk-lead")
    assert book.roles_of(["admin", "visitors", "nobody"]) == ()
    assert scopes_of(["desk-lead"], book) == {"lookup:read", "audit:read"}
    assert scopes_of(["analyst"], book) == {"lookup:read", "lookup:write"}
    assert scopes_of(["auditor"], book) == DEFAULT_ROLES["auditor"]


def test_without_groups_a_group_is_the_role_of_its_name() -> None:
    book = AccessBook(parse_role_file(b"roles: {reader: [lookup:read]}"))

    assert scopes_of(book.roles_of(["reader", "somebody"]), book) == {"lookup:read"}


def test_limits_belong_to_a_person_an_account_or_a_key() -> None:
    book = AccessBook(parse_role_file(GOOD))
    crm = Principal("service_key", "key_2", key_id="key_2", service_name="crm")
    one = Principal("service_key", "key_1", key_id="key_1", service_name="crm")
    own = Principal("service_key", "key_3", key_id="key_3", requests_per_minute=7)

    assert book.limits_of(user("ada-7")) == OwnLimits(600, 50)
    assert book.limits_of(user("bob")) == OwnLimits()
    assert book.limits_of(crm) == OwnLimits(deep_lookups_per_minute=100)
    assert book.limits_of(one) == OwnLimits(5)
    assert book.limits_of(own) == OwnLimits(7)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rolse: {}", "rolse: is none of roles, groups, rate_limits; did you mean roles?"),
        ("roles: {a: [lookup:wirte]}", "roles.a[0]: 'lookup:wirte' is no scope; did you mean "),
        ("roles: {a: lookup}", "roles.a[0]: 'lookup' is no scope"),
        ("roles: {a: {b: c}}", "roles.a: must be a list of scopes, for example [lookup:write]"),
        ("roles: [a]", "roles: must be a mapping"),
        ("groups: {desk: [anlyst]}", "groups.desk[0]: 'anlyst' is no role; did you mean analyst?"),
        ("groups: {42: analyst}", "groups.42: must be text: write '42' in quotes"),
        ("groups: {'': analyst}", "groups.: must have 1 to 256 printable characters"),
        ('groups: {"a\\u202eb": analyst}', "printable characters"),
        ("rate_limits: {ada: {burst: 1}}", "rate_limits.ada: must name a principal: user:"),
        ("rate_limits: {'user:': {burst: 1}}", "must name a principal"),
        ("rate_limits: {'user:a': {burts: 1}}", "burts: is none of requests_per_minute, burst"),
        ("rate_limits: {'user:a': {requests_per_minute: 0}}", "must be a whole number, 1 to"),
        ("rate_limits: {'user:a': {requests_per_minute: true}}", "must be a whole number"),
        ("rate_limits: {'user:a': {burst: -1}}", "must be a whole number, 0 to 1000000"),
        ("rate_limits: {'user:a': 600}", "for example {requests_per_minute: 600}"),
        (
            "rate_limits: {'user:a': {requests_per_minute: 1000000, burst: 1000000}}",
            "requests_per_minute and burst are over 1048576 together",
        ),
        ("- a", "the file must be a mapping with roles, groups, rate_limits"),
        ("", "the file must be a mapping"),
        ("roles: {a: [}", "line 1, column 13: not YAML that can be used"),
        ("roles: &x {a: []}\ngroups: *x", "line 2, column 9: not YAML that can be used: aliases"),
        ("roles: {a: [], a: [audit:read]}", "'a' stands here twice"),
        ("roles: !!python/object/apply:os.system [id]", "not YAML that can be used"),
        ("[" * 5000, "not YAML that can be used"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(RoleFileWrong) as caught:
        parse_role_file(text.encode())
    assert told in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(RoleFileWrong) as caught:
        parse_role_file(b"roles: {a: [x, y]}\ngroups: {g: [z]}")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "roles.a[0]",
        "roles.a[1]",
        "groups.g[0]",
    ]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (FILE_BYTES_MAX + 1)], ids=["utf-8", "size"])
def test_bytes_that_are_no_role_file_are_refused(data: bytes) -> None:
    with pytest.raises(RoleFileWrong, match="the file is"):
        parse_role_file(data)
