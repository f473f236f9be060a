"""Single values of lists and registers, checked and in one spelling. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from tracewell.extraction.countries import find_country
from tracewell.kernel.clock import parse_utc
from tracewell.trace.companies.domains import IDENTIFIER_CHARS_MAX, find_company_domain
from tracewell.trace.loading.model import Identifier, RowRefused
from tracewell.trace.texts import storable

TEXT_CHARS_MAX: Final = 200
LONG_TEXT_CHARS_MAX: Final = 2_000

LEI: Final = "LEI"
COMPANIES_HOUSE: Final = "Companies House"

_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_COMPANY_NUMBER = re.compile(r"[A-Z]{0,2}[0-9]{1,8}|[A-Z]{2}[0-9A-Z]{6}")
_YEAR = re.compile(r"\d{4}")
_SIMPLE_PATH = re.compile(r"/?|/[a-z]{2}(?:[-_][a-z]{2})?/?|/(?:index|home|default)[.\w]*/?", re.I)
_SEPARATORS = re.compile(r"[\s;,|]+")
_EMPLOYEES = re.compile(r"(\d{1,8})(?:\s*(?:-|–|to)\s*(\d{1,8})|\s*(\+))?")

Getter = Callable[[str], str]
"""A field's text by name, "" where there is none."""


def getter(fields: Mapping[str, object]) -> Getter:
    """Reads fields as trimmed text; raises RowRefused on what no database can hold."""

    def get(name: str) -> str:
        value = fields.get(name)
        if value is None:
            return ""
        text = str(value).strip()
        if text and storable(text) != text:
            what = "a NUL character" if "\0" in text else "bytes that are no text in its encoding"
            raise RowRefused(f"{name} holds {what}")
        return text

    return get


def bounded(name: str, text: str, most: int = TEXT_CHARS_MAX) -> str:
    """The text in one line. Raises RowRefused when it is longer than that."""
    text = " ".join(text.split())
    if len(text) > most:
        raise RowRefused(f"{name} is longer than {most} characters")
    return text


def parse_lei(text: str) -> str:
    """An LEI with right check digits (ISO 17442, ISO 7064 MOD 97-10). Raises RowRefused."""
    lei = text.replace(" ", "").upper()
    if _LEI.fullmatch(lei) is None:
        raise RowRefused(f"{text[:40]!r} is no LEI: 18 letters and digits, then 2 digits")
    if int("".join(str(int(character, 36)) for character in lei)) % 97 != 1:
        raise RowRefused(f"the check digits of the LEI {lei} are wrong")
    return lei


def parse_company_number(text: str) -> str:
    """A number of Companies House, eight characters. Raises RowRefused."""
    number = text.replace(" ", "").upper()
    if _COMPANY_NUMBER.fullmatch(number) is None or len(number) > 8:
        raise RowRefused(f"{text[:40]!r} is no number of Companies House")
    return spell_identifier(COMPANIES_HOUSE, number).value


def spell_identifier(kind: str, value: str) -> Identifier:
    """One spelling of what pages and registries write with and without blanks and zeros."""
    value = re.sub(r"[\s.\u00a0-]", "", value).upper()
    if kind == COMPANIES_HOUSE:
        letters = re.match(r"[A-Z]*", value)
        head = letters[0] if letters else ""
        value = head + value[len(head) :].zfill(8 - len(head))
    return Identifier(kind, value)


def identifier_fact(kind: str, value: str) -> str:
    """The value of a fact as extraction writes it."""
    return json.dumps({"kind": kind, "value": value}, ensure_ascii=False)


def parse_site(text: str) -> str | None:
    """The domain of a company's site, None where the address is a page on somebody else's.

    Raises RowRefused on what is no address of a site at all.
    """
    text = text.strip().strip("<>")
    if len(text) > IDENTIFIER_CHARS_MAX:
        raise RowRefused("the website is too long")
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = parts.hostname or ""
    except ValueError as error:
        raise RowRefused(f"{text[:80]!r} is no web address") from error
    domain = find_company_domain(host) if parts.scheme in ("http", "https") else None
    if domain is None:
        raise RowRefused(f"{text[:80]!r} is no company's domain")
    return domain if _SIMPLE_PATH.fullmatch(parts.path) and not parts.query else None


def split_sites(text: str) -> list[str]:
    """Several addresses in one field, parted by blanks, commas, semicolons or bars."""
    return [one for one in _SEPARATORS.split(text) if one][:20]


def parse_country(text: str) -> str | None:
    """The country's code, None where nothing is told. Raises RowRefused on what is no country."""
    if not text:
        return None
    code = find_country(text)
    if code is None:
        raise RowRefused(f"{text[:40]!r} is no country")
    return code


def parse_year(text: str) -> str | None:
    """The year out of a year or a date. Raises RowRefused."""
    if not text:
        return None
    found = _YEAR.search(text)
    if found is None or not 1000 <= int(found[0]) <= 2100:
        raise RowRefused(f"{text[:40]!r} holds no year")
    return found[0]


def parse_employees(text: str) -> str | None:
    """`250`, `51-200` or `1000+`. Raises RowRefused."""
    if not text:
        return None
    match = _EMPLOYEES.fullmatch(re.sub(r"(?<=\d)[,. ](?=\d{3}(?!\d))", "", text))
    if match is None:
        raise RowRefused(f"{text[:40]!r} is no number or range of employees")
    low, high, more = match.groups()
    if high is not None and int(high) < int(low):
        raise RowRefused(f"{text[:40]!r} is a range that ends before it begins")
    return f"{int(low)}-{int(high)}" if high else f"{int(low)}{more or ''}"


def parse_moment(text: str, otherwise: int) -> int:
    """An ISO 8601 date or time in milliseconds since the epoch. Raises RowRefused."""
    if not text:
        return otherwise
    try:
        at = parse_utc(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError) as error:
        raise RowRefused(f"{text[:40]!r} is no date or time like 2026-06-01") from error
    if not 0 <= at <= _LAST_MOMENT:
        raise RowRefused(f"{text[:40]!r} is no time that can be stored")
    return at


_LAST_MOMENT: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000


def headquarters_fact(
    street: str, postal_code: str, locality: str, region: str, country: str | None
) -> str | None:
    """The value of a headquarters fact, None where nothing is told."""
    parts = {
        "street": street, "postal_code": postal_code, "locality": locality, "region": region,
        "country": country,
    }  # fmt: skip
    told = {name: value for name, value in parts.items() if value}
    return json.dumps(told, ensure_ascii=False) if told else None
