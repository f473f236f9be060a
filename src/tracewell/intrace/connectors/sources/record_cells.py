"""The cells of a record: what they state, and by which keys the record is found. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

import phonenumbers

from tracewell.intrace.connectors.sources.record_manifest import INDEXED, RecordFile, RecordMapping
from tracewell.intrace.identifiers import IdentifierError, IdentifierType, parse_identifier

CELL_CHARACTERS_MAX: Final = 4_096
_PARTIAL_DATE: Final = re.compile(r"[12][0-9]{3}(-(0[1-9]|1[0-2]))?")
NAMED: Final = frozenset({IdentifierType.NAME, IdentifierType.COMPANY_NAME})
_PLAIN_EMAIL: Final = re.compile(
    r"[A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,30})?"
    r"@(?:[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20})?\.){1,4}([A-Za-z]{2,20})"
)
_SPECIAL_DOMAINS: Final = frozenset(
    {"arpa", "internal", "invalid", "local", "localhost", "onion", "test", "alt"}
)

Row = Mapping[str, str]


def statements_of(entry: RecordMapping, row: Row) -> list[tuple[str, str]]:
    """The (predicate, normal form) pairs of a row; unreadable cells are left out."""
    return [
        (predicate, value)
        for predicate, text in _cells(entry, row)
        if (value := _read_cell(entry, predicate, text)[0]) is not None
    ]


def keys_and_bad_cells(entry: RecordFile, row: Row) -> tuple[set[tuple[IdentifierType, str]], int]:
    """The (type, key) pairs by which a row is found, and how many cells could not be read."""
    keys: set[tuple[IdentifierType, str]] = set()
    bad_cells = 0
    for predicate, text in _cells(entry, row):
        value, key = _read_cell(entry, predicate, text)
        bad_cells += value is None
        if value is not None and predicate in INDEXED:
            keys.add((INDEXED[predicate], key))
    return keys, bad_cells


def _cells(entry: RecordMapping, row: Row) -> Iterator[tuple[str, str]]:
    """The (predicate, text) pairs of a row, joined columns joined, empty cells left out."""
    for column, predicate in entry.columns.items():
        text = row.get(column, "").strip()
        if text:
            yield predicate, text
    for predicate, columns in entry.join.items():
        text = " ".join(filter(None, (row.get(column, "").strip() for column in columns)))
        if text:
            yield predicate, text


def _read_cell(entry: RecordMapping, predicate: str, text: str) -> tuple[str | None, str]:
    """A cell's (normal form, key), the form None when it does not read as what it should be."""
    if len(text) > CELL_CHARACTERS_MAX:
        return None, ""
    if (plain := _read_plain_cell(predicate, text)) is not None:
        return plain
    reader = _CELL_READERS.get(predicate)
    try:
        if reader is not None:
            text = reader(entry, text)
        if predicate not in INDEXED:
            return text, ""
        identifier = parse_identifier(INDEXED[predicate], text)
    except (ValueError, IdentifierError, phonenumbers.NumberParseException):
        return None, ""
    if predicate == "social.account":
        return identifier.key, identifier.key
    return identifier.value, identifier.key


def _read_plain_cell(predicate: str, text: str) -> tuple[str, str] | None:
    """As `_read_cell` for the plain majority, ten times as fast; None where it must be asked."""
    if not text.isascii():
        return None
    if predicate == "email.address":
        # Special domains (RFC 6761) and what looks like an A-label are judged with care.
        match = _PLAIN_EMAIL.fullmatch(text)
        if match is None or len(text) > 254 or match[1].lower() in _SPECIAL_DOMAINS:
            return None
        return text.lower(), text.lower()
    if INDEXED.get(predicate) in NAMED and len(text) <= 200 and text.isprintable():
        value = " ".join(text.split())
        return (value, value.lower()) if any(map(str.isalpha, value)) else None
    return None


def _read_phone(entry: RecordMapping, text: str) -> str:
    number = phonenumbers.parse(text, entry.phone_region)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _read_date(entry: RecordMapping, text: str) -> str:
    if entry.date_format is None:
        if _PARTIAL_DATE.fullmatch(text):
            return text
        return datetime.fromisoformat(text).date().isoformat()
    return datetime.strptime(text, entry.date_format).date().isoformat()  # noqa: DTZ007


def _read_domain(entry: RecordMapping, text: str) -> str:
    del entry
    if "://" in text:
        text = parse_identifier(IdentifierType.URL, text).details["host"]
    return text.lower().removeprefix("www.")


_CELL_READERS: Final[Mapping[str, Callable[[RecordMapping, str], str]]] = {
    "phone.number": _read_phone,
    "person.dob": _read_date,
    "phone.first_reported_date": _read_date,
    "phone.last_reported_date": _read_date,
    "domain.name": _read_domain,
}
