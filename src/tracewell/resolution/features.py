"""A record's comparable features: names taken apart, identifiers, dates and addresses normalised.

Nothing is compared here. Every normalisation is idempotent: of its own result it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from tracewell.resolution.folding import plain, words
from tracewell.resolution.inputs import SourceRecord
from tracewell.resolution.model import Kind
from tracewell.resolution.parsing import ParsedName, parse_name
from tracewell.resolution.vocabulary import ROLE_ACCOUNTS

ADDRESS_WORDS_MAX: Final = 16
NAMES_MAX: Final = 12
IDENTIFIERS_MAX: Final = 16

_CENTURY_PIVOT: Final = 30
_MONTHS: Final[Mapping[str, int]] = MappingProxyType(
    {m: i for i, m in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
)  # fmt: skip
_DATE: Final = re.compile(r"(\d{1,4})[-/. ](\d{1,2}|[a-z]{3,9})[-/., ]+(\d{1,4})(?:t.*)?$")
_MONTH_FIRST: Final = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$")
_PARTIAL: Final = re.compile(r"(\d{4})(?:[-/](\d{1,2}))?$")
_EMAIL: Final = re.compile(r"[^\s<>,;:\"]+@[^\s<>,;\"]+")

_SIGNS: Final = re.compile(r"[^a-z0-9]+")
_NUMBERED: Final = re.compile("(id|number|ssn|passport|licen[cs]e|taxno|socsec.*)$")

_ADDRESS_FOLDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "street": "st", "str": "st", "strasse": "st", "road": "rd", "avenue": "ave", "av": "ave",
        "boulevard": "blvd", "lane": "ln", "drive": "dr", "court": "ct", "place": "pl",
        "terrace": "tce", "crescent": "cres", "cr": "cres", "circuit": "cct", "highway": "hwy",
        "parkway": "pkwy", "square": "sq", "suite": "ste", "apartment": "apt", "appt": "apt",
        "apmnt": "apt", "flat": "apt", "unit": "apt", "building": "bld", "bldg": "bld",
        "floor": "fl", "north": "n", "south": "s", "east": "e", "west": "w", "post": "po",
        "postbox": "po", "close": "cl", "mount": "mt", "saint": "st", "ulitsa": "ul", "way": "wy",
    }
)  # fmt: skip
_GENDERS: Final[Mapping[str, str]] = MappingProxyType(
    {"m": "m", "male": "m", "man": "m", "f": "f", "female": "f", "woman": "f"}
)
_EMAILS: Final = frozenset({"email", "e-mail", "mail", "emailaddress"})
_PHONES: Final = frozenset(
    {"phone", "phonenumber", "telephone", "tel", "mobile", "cell", "fax", "landline"}
)
_CONTACTS: Final = frozenset(
    {"domain", "domainname", "website", "url", "web", "social", "socialurl", "socialaccount",
     "username", "handle", "profile", "ip"}
)  # fmt: skip
_DOMAINS: Final = frozenset({"domain", "domainname", "website", "web"})
_GENDER_KEYS: Final = frozenset({"gender", "sex"})
_EMPLOYER_KEYS: Final = frozenset({"employer", "company", "organization", "companyname"})
_PLACE_KEYS: Final = frozenset(
    {"city", "town", "suburb", "state", "region", "province", "county", "postcode", "zip",
     "zipcode", "postalcode", "street", "streetnumber", "housenumber", "address", "location"}
)  # fmt: skip
_NAME_KEYS: Final = frozenset({"alias", "aka", "name", "maidenname", "formername"})
_BIRTH_KEYS: Final = frozenset(
    {"birth", "dob", "dateofbirth", "birthdate", "birthday", "born", "bday"}
)
_FOUNDED_KEYS: Final = frozenset(
    {"founded", "incorporated", "registration", "registered", "incorporation", "established"}
)


@dataclass(slots=True)
class Features:
    """The comparable form of one record.

    `birth` is (year, month, day), 0 where not told; `personal` are identifiers of one holder as
    (scheme, value); `contacts` those that a household or a team may share.
    """

    kind: Kind
    names: tuple[ParsedName, ...]
    birth: tuple[int, int, int]
    personal: tuple[tuple[str, str], ...]
    contacts: tuple[tuple[str, str], ...]
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    address_words: tuple[str, ...]
    gender: str
    employers: tuple[ParsedName, ...]
    attributes: tuple[tuple[str, str], ...]


def extract_features(record: SourceRecord) -> Features:
    """The features of a record; statements of one kind in any order give the same."""
    personal: set[tuple[str, str]] = set()
    contacts: set[tuple[str, str]] = set()
    emails: set[str] = set()
    phones: set[str] = set()
    names = list(record.names)
    addresses = list(record.addresses)
    gender = ""
    employers: list[str] = []
    attributes: set[tuple[str, str]] = set()
    stated = [(i.type, i.value) for i in record.identifiers]
    births: set[tuple[int, int, int]] = set()
    for name, values in record.dates.items():
        if _key(name) in (_FOUNDED_KEYS if record.kind is Kind.ORGANIZATION else _BIRTH_KEYS):
            births.update(map(parse_date, values))
    for name, values in record.attributes.items():
        key = _key(name)
        if key in _GENDER_KEYS:
            gender = next((g for v in sorted(values) if (g := _GENDERS.get(plain(v), ""))), gender)
        elif key in _EMPLOYER_KEYS and record.kind is not Kind.ORGANIZATION:
            employers += values
        elif key in _PLACE_KEYS:
            addresses += values
        elif key in _NAME_KEYS:
            names += values
        elif key in _BIRTH_KEYS:
            births.update(map(parse_date, values))
        elif key in _EMAILS or key in _PHONES or _NUMBERED.search(key):
            stated += [(key, value) for value in values]
        else:
            attributes.update((key, " ".join(words(v))) for v in values[:3])
    for kind, value in stated:
        _sort_in(kind, value, record.kind, personal, contacts, emails, phones)
    births.discard((0, 0, 0))
    return Features(
        kind=record.kind,
        names=_parsed(names, record.kind),
        birth=births.pop() if len(births) == 1 else (0, 0, 0),
        personal=tuple(sorted(personal)[:IDENTIFIERS_MAX]) if personal else (),
        contacts=tuple(sorted(contacts)[:IDENTIFIERS_MAX]) if contacts else (),
        emails=tuple(sorted(emails)[:IDENTIFIERS_MAX]) if emails else (),
        phones=tuple(sorted(phones)[:IDENTIFIERS_MAX]) if phones else (),
        address_words=_address_words(addresses) if addresses else (),
        gender=gender,
        employers=tuple([parse_name(e, Kind.ORGANIZATION) for e in sorted(set(employers))[:4]]),
        attributes=tuple(sorted([a for a in attributes if a[1]])[:IDENTIFIERS_MAX]),
    )


def _parsed(texts: list[str], kind: Kind) -> tuple[ParsedName, ...]:
    """The names in the order of the alphabet, each once."""
    if len(texts) == 1:
        return (parse_name(texts[0], kind),)
    return tuple(dict.fromkeys([parse_name(text, kind) for text in sorted(texts)]))[:NAMES_MAX]


@lru_cache(maxsize=4_096)
def _key(name: str) -> str:
    return re.sub(r"[^a-z]", "", plain(name))


def _sort_in(
    kind: str,
    value: str,
    holder: Kind,
    personal: set[tuple[str, str]],
    contacts: set[tuple[str, str]],
    emails: set[str],
    phones: set[str],
) -> None:
    key = _key(kind)
    if key in _EMAILS or key.startswith("email"):
        if email := normalize_email(value):
            emails.add(email)
    elif key in _PHONES or key.startswith("phone"):
        if phone := normalize_phone(value):
            phones.add(phone)
    elif key in _CONTACTS:
        # A domain names a company; of a person it says little more than where the mail is kept.
        key = "mailhost" if key in _DOMAINS and holder is Kind.PERSON else key
        contacts.add((key, plain(value).strip().rstrip("/").removeprefix("https://www.")))
    elif number := normalize_number(value):
        # The country is no part of the scheme: one of two sources often leaves it out.
        personal.add((key.removesuffix("number") or "id", number))


def normalize_email(text: str) -> str:
    """The address within a text like `Ann <ann@example.com>`, in lower case; empty when none."""
    folded = plain(text)
    joined = "".join(folded.split())
    found = _EMAIL.search(folded) or _EMAIL.search(joined)
    # An address that lost its sign is still compared: it may be a slip of another record's.
    return (found[0] if found else joined).strip(".<>'()")


def normalize_phone(text: str) -> str:
    """The digits of a number without the zeros and signs that call out of a country or city."""
    digits = "".join(c for c in plain(text).partition("x")[0] if c.isdigit())
    return digits.lstrip("0") if len(digits.lstrip("0")) >= 5 else ""


def normalize_number(text: str) -> str:
    """Letters and digits of a document's number."""
    folded = plain(text)
    return folded if folded.isalnum() else _SIGNS.sub("", folded)


def is_role_mailbox(email: str) -> bool:
    """Whether a mailbox belongs to a function (info@, sales@) and not to one person."""
    return email.partition("@")[0].partition("+")[0] in ROLE_ACCOUNTS


@lru_cache(maxsize=65_536)
def parse_date(text: str) -> tuple[int, int, int]:
    """(year, month, day) of a date as people write it, 0 for what is not told; (0, 0, 0) for none.

    `3/4/85` is read as March 4th: which of the two it is, comparing must leave open.
    """
    folded = plain(text).strip()
    if len(folded) == 8 and folded.isdigit():
        return _checked(int(folded[:4]), int(folded[4:6]), int(folded[6:]))
    if found := _PARTIAL.match(folded):
        return _checked(int(found[1]), int(found[2] or 0), 0)
    if found := _MONTH_FIRST.match(folded):
        return _checked(int(found[3]), _MONTHS.get(found[1][:3], 0), int(found[2]))
    found = _DATE.match(folded)
    if found is None:
        return 0, 0, 0
    first, middle, last = found.groups()
    if not middle.isdigit():
        return _checked(_year(last), _MONTHS.get(middle[:3], 0), int(first))
    if len(first) == 4:
        return _checked(int(first), int(middle), int(last))
    month, day = int(first), int(middle)
    if month > 12 or "." in folded:
        month, day = day, month
    return _checked(_year(last), month, day)


def _year(text: str) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return year + (2000 if year < _CENTURY_PIVOT else 1900)


def _checked(year: int, month: int, day: int) -> tuple[int, int, int]:
    if month > 12 >= day > 0:
        month, day = day, month
    if not 1000 <= year <= 2200:
        return 0, 0, 0
    # Of a date that does not exist only the year is believed: a slip may be anywhere else in it.
    if not 1 <= month <= 12 or not 0 <= day <= 31:
        return year, 0, 0
    return year, month, day


@lru_cache(maxsize=65_536)
def words_of_address(text: str) -> tuple[str, ...]:
    """The words of one address, the usual ones in their short forms."""
    found = words(text)
    told = [_ADDRESS_FOLDS.get(w, w) for w in found]
    if "strasse" in "".join(found):
        told = [
            w.removesuffix("strasse") + "st" if w.endswith("strasse") else folded
            for w, folded in zip(found, told, strict=True)
        ]
    return tuple(told)


def _address_words(addresses: list[str]) -> tuple[str, ...]:
    """The words of all addresses as one set."""
    if len(addresses) == 1:
        return tuple(dict.fromkeys(words_of_address(addresses[0])))[:ADDRESS_WORDS_MAX]
    found = dict.fromkeys(w for a in sorted(set(addresses)) for w in words_of_address(a))
    return tuple(found)[:ADDRESS_WORDS_MAX]
