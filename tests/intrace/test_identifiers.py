"""Identifiers through their public functions: what is accepted, normal forms, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.intrace.identifiers import (
    IdentifierError,
    IdentifierType,
    parse_identifier,
    parse_identifiers,
)

ISSUE_OF_THE_ERROR_PAGE = (
    "Must be one of: email, phone, username, ip, domain, name, url, address, company_name,"
    " social_url"
)

GOOD = [
    ("email", "A.Lice@EXAMPLE.com", "a.lice@example.com"),
    ("email", "a+tag@sub.example.co.uk", "a+tag@sub.example.co.uk"),
    ("email", "a@bücher.de", "a@xn--bcher-kva.de"),
    ("email", "a@host.test", "a@host.test"),
    ("email", '"two words"@example.com', '"two words"@example.com'),
    ("email", "user@[192.0.2.1]", "user@[192.0.2.1]"),
    ("email", "user@[IPv6:2001:db8::1]", "user@[IPv6:2001:db8::1]"),
    ("email", "пошта@приклад.укр", "пошта@xn--80aikifvh.xn--j1amh"),
    ("phone", "+14155552671", "+14155552671"),
    ("phone", "+390612345678", "+390612345678"),
    ("phone", "+80012345678", "+80012345678"),
    ("username", "@Alice_99", "Alice_99"),
    ("username", "jos\u0065\u0301", "jos\u00e9"),
    ("username", "ボブ.山田", "ボブ.山田"),
    ("ip", "192.0.2.1", "192.0.2.1"),
    ("ip", "2001:DB8:0:0::1", "2001:db8::1"),
    ("ip", "::ffff:192.0.2.1", "192.0.2.1"),
    ("domain", "Example.COM.", "example.com"),
    ("domain", "bücher.de", "xn--bcher-kva.de"),
    ("domain", "r4---sn.example.com", "r4---sn.example.com"),
    ("domain", "xn--bcher-kva.de", "xn--bcher-kva.de"),
    ("name", "  Ada   Lovelace ", "Ada Lovelace"),
    ("name", "Zoe\u0308", "Zo\u00eb"),
    ("name", "李 小龍", "李 小龍"),
    ("name", "O'Brien-Smith, Jr.", "O'Brien-Smith, Jr."),
    ("name", "نیکی‌پور", "نیکی‌پور"),
    ("url", "HTTPS://Example.com:443/../a?b=1#top", "https://example.com/a?b=1"),
    ("url", "http://bücher.de/ü", "http://xn--bcher-kva.de/%C3%BC"),
    ("url", "http://[::1]:8080/", "http://[::1]:8080/"),
    ("address", "1 Main St\nSpringfield,\r\nIL 62701", "1 Main St, Springfield, IL 62701"),
    ("address", "東京都千代田区千代田1-1", "東京都千代田区千代田1-1"),
    ("company_name", "3M", "3M"),
    ("company_name", "Müller  GmbH & Co. KG", "Müller GmbH & Co. KG"),
    ("social_url", "https://twitter.com/Alice?lang=en", "https://x.com/alice"),
    ("social_url", "github.com/Alice/", "https://github.com/alice"),
    ("social_url", "https://de.linkedin.com/in/ada-l", "https://www.linkedin.com/in/ada-l"),
    ("social_url", "https://www.youtube.com/@Ada.L", "https://www.youtube.com/@ada.l"),
    (
        "social_url",
        "https://news.ycombinator.com/user?id=AdaL",
        "https://news.ycombinator.com/user?id=AdaL",
    ),
]

BAD = [
    *(
        ("email", value)
        for value in (
            "alice",
            "a@b",
            "a@@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a@example.com ",
            "a@example..com",
            "a@-example.com",
            "Name <a@example.com>",
            "a@1.2.3.4",
            "a@x_y.com",
            "a" * 65 + "@example.com",
            "a@" + "b" * 64 + ".com",
            "a@[300.1.1.1]",
            "pos\u00adt@example.com",
            "a@example.com,b@example.com",
        )
    ),
    *(
        ("phone", value)
        for value in (
            "4155552671",
            "0014155552671",
            "+1 415 555 2671",
            "+1-415-555-2671",
            "+0123456789",
            "+1",
            "+999123456789",
            "+1415555",
            "+1234567890123456",
            "tel:+14155552671",
            "+١٤١٥٥٥٥٢٦٧١",
            "＋14155552671",
        )
    ),
    *(("username", value) for value in ("@", "two words", "a/b", "a@b", "...", "a<b>", "-", "a.")),
    *(
        ("ip", value)
        for value in (
            "256.1.1.1", "1.2.3", "01.2.3.4", "fe80::1%eth0", "10.0.0.0/8", "0x7f.1", "١.٢.٣.٤"
        )
    ),
    *(
        ("domain", value)
        for value in (
            "localhost",
            "example..com",
            "-a.com",
            "a-.com",
            "a_b.com",
            "1.2.3.4",
            "https://example.com",
            "a." * 127 + "com",
            "a" * 64 + ".com",
            "xn--zz.com",
            "ex ample.com",
            "☃.com",
            ".",
            "a。b",
        )
    ),
    *(("name", value) for value in ("12345", "???", "   ", "\u202eecilA", "🙂")),
    *(
        ("url", value)
        for value in (
            "example.com",
            "ftp://example.com/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http://",
            "http://user:secret@example.com/",
            "http://256.1.1.1/",
            "http://a b.com/",
            "data:text/html,hi",
        )
    ),
    *(("address", value) for value in ("12", "12345 678", "????????")),
    *(("company_name", value) for value in ("!!!", "  ", "\u2066ACME\u2069")),
    *(
        ("social_url", value)
        for value in (
            "https://example.com/alice",
            "https://github.com/",
            "https://github.com/features",
            "https://x.com/search?q=alice",
            "https://www.instagram.com/p/Cabc/",
            "https://github.com/alice/repository",
            "https://evilgithub.com/alice",
            "https://github.com.evil.example/alice",
            "https://linkedin.com/in/a%0Ab%00c",
        )
    ),
]  # fmt: skip

HOSTILE = [
    "\x00",
    "a\x00b",
    "\x1b[31mred",
    "\ud800",
    "\r\nX-Injected: 1",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "../../etc/passwd",
    "{{7*7}}",
    "\ufeff",
    "Z̸̢͝a̵l̴g̷o̶" * 10,
    "ﷺ" * 50,
    "👨‍👩‍👧‍👦",
    "%00%0a",
    "\u2028",
    "NaN",
    "0",
    "-1",
    "\\",
    "a" * 255,
    "@" * 300,
    "." * 253,
    "1" * 200,
    "xn--" + "a" * 59 + ".com",
]


@pytest.mark.parametrize("kind, submitted, expected", GOOD)
def test_a_good_value_is_normalised(kind: str, submitted: str, expected: str) -> None:
    identifier = parse_identifier(kind, submitted)
    assert identifier.value == expected
    assert identifier.submitted == submitted
    assert identifier.type == kind


@pytest.mark.parametrize("kind, submitted, expected", GOOD)
def test_a_normal_form_is_its_own_normal_form(kind: str, submitted: str, expected: str) -> None:
    first = parse_identifier(kind, submitted)
    again = parse_identifier(kind, first.value)
    assert (again.value, again.key, again.details) == (first.value, first.key, first.details)


@pytest.mark.parametrize("kind, submitted", BAD)
def test_a_bad_value_is_refused_with_the_format_code(kind: str, submitted: str) -> None:
    with pytest.raises(IdentifierError) as refusal:
        parse_identifier(kind, submitted, index=3)
    assert refusal.value.code == "identifier_format_invalid"
    (problem,) = refusal.value.problems
    assert problem.field == "identifiers[3].value"
    assert problem.issue.startswith("Must ")
    assert problem.issue.endswith(".")


@pytest.mark.parametrize("kind", list(IdentifierType))
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_or_kept_clean(kind: IdentifierType, value: str) -> None:
    try:
        identifier = parse_identifier(kind, value)
    except IdentifierError:
        return
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in identifier.value)
    identifier.value.encode("utf-8")


@pytest.mark.parametrize("kind", list(IdentifierType))
def test_ten_megabytes_are_refused_by_their_length(kind: IdentifierType) -> None:
    with pytest.raises(IdentifierError) as refusal:
        parse_identifier(kind, "a" * 10_000_000)
    assert "characters long" in refusal.value.issue


@pytest.mark.parametrize("kind", list(IdentifierType))
@given(text=st.text(max_size=80))
def test_any_text_gives_an_identifier_or_a_typed_refusal(kind: IdentifierType, text: str) -> None:
    try:
        first = parse_identifier(kind, text)
    except IdentifierError:
        return
    again = parse_identifier(kind, first.value)
    assert (again.value, again.key) == (first.value, first.key)


def test_an_unknown_type_is_told_in_the_words_of_the_error_page() -> None:
    with pytest.raises(IdentifierError) as refusal:
        parse_identifiers([("fax", "+14155552671")])
    assert refusal.value.code == "invalid_identifier_type"
    assert refusal.value.message == "The identifier type is not recognized."
    (problem,) = refusal.value.problems
    assert (problem.field, problem.issue) == ("identifiers[0].type", ISSUE_OF_THE_ERROR_PAGE)


@pytest.mark.parametrize("type_name", ["Email", "EMAIL", " email", "e-mail", "", "ＥＭＡＩＬ"])
def test_a_type_is_recognised_only_as_written_in_the_contract(type_name: str) -> None:
    with pytest.raises(IdentifierError) as refusal:
        parse_identifier(type_name, "a@example.com")
    assert refusal.value.code == "invalid_identifier_type"


def test_all_broken_identifiers_are_told_at_once_with_their_index() -> None:
    with pytest.raises(IdentifierError) as refusal:
        parse_identifiers(
            [("email", "nobody"), ("email", "a@example.com"), ("fax", "1"), ("phone", "415")]
        )
    assert [(p.field, p.code) for p in refusal.value.problems] == [
        ("identifiers[0].value", "identifier_format_invalid"),
        ("identifiers[2].type", "invalid_identifier_type"),
        ("identifiers[3].value", "identifier_format_invalid"),
    ]
    assert refusal.value.code == "identifier_format_invalid"


def test_no_identifiers_and_too_many_have_codes_of_their_own() -> None:
    with pytest.raises(IdentifierError) as none:
        parse_identifiers([])
    assert none.value.code == "no_identifiers"
    twenty = [("username", f"user{n}") for n in range(20)]
    assert len(parse_identifiers(twenty)) == 20
    with pytest.raises(IdentifierError) as many:
        parse_identifiers([*twenty, ("username", "user20")])
    assert many.value.code == "too_many_identifiers"


def test_equal_identifiers_merge_into_the_first_of_them() -> None:
    merged = parse_identifiers(
        [
            ("name", "ada  lovelace"),
            ("email", "A@example.com"),
            ("name", "Ada Lovelace"),
            ("email", "a@EXAMPLE.com"),
            ("social_url", "https://twitter.com/ada"),
            ("social_url", "https://x.com/Ada"),
        ]
    )
    assert [(i.type, i.index, i.submitted) for i in merged] == [
        ("name", 0, "ada  lovelace"),
        ("email", 1, "A@example.com"),
        ("social_url", 4, "https://twitter.com/ada"),
    ]


def test_a_profile_page_tells_platform_and_handle() -> None:
    identifier = parse_identifier("social_url", "https://www.linkedin.com/company/Acme-Corp/about/")
    assert dict(identifier.details) == {"platform": "linkedin_company", "handle": "acme-corp"}
    assert identifier.key == "linkedin_company:acme-corp"


def test_a_domain_tells_its_registrable_part() -> None:
    identifier = parse_identifier("domain", "shop.example.co.uk")
    assert identifier.details["registrable_domain"] == "example.co.uk"


def test_neither_refusal_nor_representation_repeats_the_value() -> None:
    with pytest.raises(IdentifierError) as refusal:
        parse_identifier("phone", "555-planted-value")
    assert "planted" not in f"{refusal.value!r} {refusal.value.problems} {refusal.value.__cause__}"
    assert "planted" not in repr(parse_identifier("email", "planted@example.com"))
