"""The quick way to read plain cells gives what the careful one gives, or stands aside."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracewell.intrace.connectors.sources.record_cells import _read_plain_cell
from tracewell.intrace.identifiers import IdentifierError, IdentifierType, parse_identifier

KINDS = {
    "email.address": IdentifierType.EMAIL,
    "person.name": IdentifierType.NAME,
    "company.name": IdentifierType.COMPANY_NAME,
}
EMAILS = st.from_regex(
    r"\A[A-Za-z0-9_+.-]{1,12}@[A-Za-z0-9.-]{1,14}\.(com|example|test|local|xn--p1ai|c0|invalid)\Z"
)


@given(st.one_of(EMAILS, st.emails()))
@example("a@a-.com")
@example("a--b@aa--b.example")
@example("a@xn--a.com")
@example(".a@b.com")
@example("a.@b.com")
@example("A+b@B.example")
def test_a_plain_address_reads_alike(text: str) -> None:
    agree("email.address", text)


@given(st.sampled_from(["person.name", "company.name"]), st.text(max_size=220))
@example("person.name", "  Ada   LOVELACE ")
@example("person.name", "123")
@example("company.name", "3M")
def test_a_plain_name_reads_alike(predicate: str, text: str) -> None:
    agree(predicate, text)


def agree(predicate: str, text: str) -> None:
    quick = _read_plain_cell(predicate, text)
    if quick is None:
        return
    identifier = parse_identifier(KINDS[predicate], text)
    assert quick == (identifier.value, identifier.key)


@pytest.mark.parametrize("text", ["nobody", "a@b", "a@b.c1", "a@@b.com", "ada@local"])
def test_what_is_no_address_is_left_to_the_careful_way(text: str) -> None:
    assert _read_plain_cell("email.address", text) is None
    with pytest.raises(IdentifierError):
        parse_identifier(IdentifierType.EMAIL, text)
