"""Comparing two names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.resolution import NameAgreement, compare_names
from tracewell.resolution.model import Kind

PEOPLE = [
    ("Ada Lovelace", "LOVELACE, Ada", NameAgreement.EXACT),
    ("José Núñez", "Jose Nunez", NameAgreement.EXACT),
    ("Dr. Ann Marie Lee", "Annmarie Lee", NameAgreement.EXACT),
    ("Annmarie", "Ann Marie", NameAgreement.EXACT),
    ("Søren Łukasz", "Soren Lukasz", NameAgreement.EXACT),
    ("Mrs Ada Lovelace", "Ada Lovelace", NameAgreement.EXACT),
    ("Ada King Lovelace", "Ada Lovelace", NameAgreement.SIMILAR),
    ("Kandace Green", "Candace Green", NameAgreement.SIMILAR),
    ("Robert Smith", "Robert Smiht", NameAgreement.SIMILAR),
    ("A. Lovelace", "Ada Lovelace", NameAgreement.PARTIAL),
    ("Lovelace", "Ada Lovelace", NameAgreement.PARTIAL),
    ("David Dobbins Jr", "David Dobbins Sr", NameAgreement.DIFFERENT),
    ("Dobbins Jr, David", "David Dobbins II", NameAgreement.EXACT),
    ("David Dobbins", "David Dobbins Sr", NameAgreement.SIMILAR),
    ("Darla Anderson", "Darlene Anderson", NameAgreement.DIFFERENT),
    ("Mario Rossi", "Maria Rossi", NameAgreement.DIFFERENT),
    ("Daniel Kruse", "Daniela Kruse", NameAgreement.DIFFERENT),
    ("Mary Jones", "Tom Jones", NameAgreement.DIFFERENT),
    ("Amartya Kumar Sen", "Amartya Sen", NameAgreement.SIMILAR),
    ("Алиса Иванова", "Alisa Ivanova", NameAgreement.INCOMPARABLE),
    ("李小龍", "Bruce Lee", NameAgreement.INCOMPARABLE),
    ("李小龍", "李小龍", NameAgreement.EXACT),
    ("", "Ada", NameAgreement.INCOMPARABLE),
]

COMPANIES = [
    ("Acme GmbH", "ACME", NameAgreement.EXACT),
    ("Acme, Inc.", "Acme Limited", NameAgreement.EXACT),
    ("A.C.M.E. Ltd", "ACME", NameAgreement.EXACT),
    ("Acme Payments", "Acme", NameAgreement.PARTIAL),
    ("Acme Payments", "Acme Logistics", NameAgreement.DIFFERENT),
    ("Station 12", "Station 13", NameAgreement.DIFFERENT),
    ("The Company", "Company The", NameAgreement.EXACT),
]


@pytest.mark.parametrize("first, second, expected", PEOPLE)
def test_names_of_people_agree_as_a_reader_would_say(
    first: str, second: str, expected: NameAgreement
) -> None:
    assert compare_names(first, second, Kind.PERSON) is expected


@pytest.mark.parametrize("first, second, expected", COMPANIES)
def test_names_of_companies_agree_without_their_legal_forms(
    first: str, second: str, expected: NameAgreement
) -> None:
    assert compare_names(first, second, Kind.ORGANIZATION) is expected


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(list(Kind)))
def test_comparing_names_does_not_depend_on_which_comes_first(a: str, b: str, kind: Kind) -> None:
    assert compare_names(a, b, kind) is compare_names(b, a, kind)


@given(st.text(alphabet="abcde '.-", min_size=1, max_size=30), st.sampled_from(list(Kind)))
def test_a_name_never_differs_from_itself(name: str, kind: Kind) -> None:
    assert compare_names(name, name, kind) is not NameAgreement.DIFFERENT
