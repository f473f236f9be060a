"""Connector `postal_address`: the parts of an address as it is written. Asks nobody.

Rules of our own for the customary orders; with `postal` (libpostal) installed, that one decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    observe,
)
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

Parts = dict[str, str]
Parser = Callable[[str], Parts]

_COUNTRIES: Final[Mapping[str, str]] = MappingProxyType(
    # Country names as people end an address with them, and the ISO 3166 code. Ours.
    {
        name: code
        for code, names in {
            "AT": "austria|österreich|oesterreich",
            "AU": "australia",
            "BE": "belgium|belgique|belgië",
            "BR": "brazil|brasil",
            "CA": "canada",
            "CH": "switzerland|schweiz|suisse|svizzera",
            "CZ": "czechia|czech republic|česko",
            "DE": "germany|deutschland",
            "DK": "denmark|danmark",
            "ES": "spain|españa",
            "FI": "finland|suomi",
            "FR": "france",
            "GB": "united kingdom|uk|great britain|england|scotland|wales|northern ireland",
            "IE": "ireland|éire",
            "IN": "india",
            "IT": "italy|italia",
            "JP": "japan",
            "MX": "mexico|méxico",
            "NL": "netherlands|the netherlands|nederland",
            "NO": "norway|norge",
            "NZ": "new zealand",
            "PL": "poland|polska",
            "PT": "portugal",
            "SE": "sweden|sverige",
            "SG": "singapore",
            "US": "united states|united states of america|usa|u.s.a.|u.s.",
            "ZA": "south africa",
        }.items()
        for name in names.split("|")
    }
)
_CODES: Final = frozenset(_COUNTRIES.values()) - {"IN", "IT", "DE", "CA"}
"""Codes that are no US state or common word: those must be written out."""
_US_STATE: Final = re.compile(
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]"
    "|T[NX]|UT|V[AT]|W[AIVY]"
)
_POSTCODES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    # (countries, pattern), the telling ones first
    ("GB", re.compile(r"\b[A-Z]{1,2}[0-9][A-Z0-9]?\s?[0-9][A-Z]{2}\b", re.IGNORECASE)),
    ("CA", re.compile(r"\b[A-Z][0-9][A-Z]\s?[0-9][A-Z][0-9]\b", re.IGNORECASE)),
    ("NL", re.compile(r"\b[1-9][0-9]{3}\s?[A-Z]{2}\b")),
    ("IE", re.compile(r"\b[AC-FHKNPRTV-Y][0-9]{2}\s?[0-9AC-FHKNPRTV-Y]{4}\b")),
    ("US", re.compile(r"\b[0-9]{5}-[0-9]{4}\b")),
    ("PT", re.compile(r"\b[0-9]{4}-[0-9]{3}\b")),
    ("JP", re.compile(r"\b[0-9]{3}-[0-9]{4}\b")),
    ("PL", re.compile(r"\b[0-9]{2}-[0-9]{3}\b")),
    ("BR", re.compile(r"\b[0-9]{5}-[0-9]{3}\b")),
    ("SE", re.compile(r"\b[0-9]{3}\s[0-9]{2}\b")),
    ("", re.compile(r"\b(?:[A-Z]{1,2}-)?([0-9]{4,6})\b")),
)
_UNIT: Final = re.compile(
    r"\b(?:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|top|stiege)\.?\s*#?\s*[\w/-]{1,10}\b"
    r"|#\s*[\w-]{1,10}",
    re.IGNORECASE,
)
_NUMBER: Final = r"[0-9]{1,5}(?:\s?[a-zA-Z](?![a-zA-Z]))?(?:\s?[-/]\s?[0-9]{1,5}[a-zA-Z]?)?"
_NUMBER_FIRST: Final = re.compile(rf"(?P<number>{_NUMBER})\s+(?P<road>\D.+)")
_NUMBER_LAST: Final = re.compile(rf"(?P<road>\D.*?)\s+(?P<number>{_NUMBER})")

_LIBPOSTAL: Final[Mapping[str, str]] = {
    "house_number": "house_number",
    "road": "road",
    "unit": "unit",
    "level": "unit",
    "postcode": "postcode",
    "city": "city",
    "suburb": "city",
    "state": "state",
    "country": "country",
}


class PostalAddress(Connector):
    """House number, road, unit, postcode, city, state and country of an address."""

    spec = ConnectorSpec(
        id="postal_address",
        name="Postal address parts",
        accepts=frozenset({IdentifierType.ADDRESS}),
        yields=("address.full", *dict.fromkeys(f"address.{n}" for n in _LIBPOSTAL.values())),
        terms_url=None,
        licence="rules of this software",
        cost_class=CostClass.LOCAL,
        timeout_s=2.0,
        is_reference=True,
    )

    def __init__(self) -> None:
        has_libpostal = find_spec("postal") is not None
        self._parse: Parser = _libpostal_parser() if has_libpostal else parse_address_parts
        self._name = "libpostal" if has_libpostal else "rules"

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """The parts that could be told apart; nothing where none could."""
        parts = self._parse(identifier.value)
        if not parts:
            return ()
        return observe(
            f"address:{identifier.key}",
            [
                ("address.full", identifier.value),
                *((f"address.{name}", value) for name, value in parts.items()),
            ],
            source_url=f"tracewell:postal-address/{self._name}",
            observed_at=context.clock(),
        )

    async def check_health(self, context: AskContext) -> Condition:
        """Whether an address of the customary form is understood."""
        parts = self._parse("10 Downing Street, London SW1A 2AA, United Kingdom")
        if {"road", "postcode"} <= parts.keys():
            return Condition(HealthStatus.REACHABLE)
        return Condition(HealthStatus.DEGRADED, "a well-known address is not understood")


def parse_address_parts(text: str) -> Parts:
    """The parts by rules: commas part lines; street, place, country in this order.

    Says only what the form tells: no gazetteer is asked, a bare place name has no parts.
    """
    lines = [line for part in text.split(",") if (line := " ".join(part.split()))]
    parts: Parts = {}
    country = _take_country(lines)
    if country:
        parts["country"] = country
    _take_postcode(lines, parts)
    _take_state(lines, parts)
    _take_street(lines, parts)
    if lines and ("road" in parts or "postcode" in parts):
        parts["city"] = lines[-1]
    order = ("house_number", "road", "unit", "postcode", "city", "state", "country")
    return {name: parts[name] for name in order if parts.get(name)}


def _take_country(lines: list[str]) -> str | None:
    if not lines:
        return None
    last = lines[-1]
    code = _COUNTRIES.get(last.lower()) or (last if last in _CODES else None)
    if code and len(lines) > 1:
        lines.pop()
        return code
    return None


def _take_postcode(lines: list[str], parts: Parts) -> None:
    """The postcode of the last line that has one; a first line's number is the house's."""
    country = parts.get("country")
    for place in range(len(lines) - 1, 0 if len(lines) > 1 else -1, -1):
        for owner, pattern in _POSTCODES:
            if owner and country and owner != country:
                continue
            match = pattern.search(lines[place])
            if match is None:
                continue
            parts["postcode"] = (match[1] if match.lastindex else match[0]).upper()
            rest = f"{lines[place][: match.start()]} {lines[place][match.end() :]}".strip(" -")
            rest = " ".join(rest.split())
            lines[place : place + 1] = [rest] if rest else []
            if owner in ("GB", "CA", "NL", "IE") and not country:
                parts["country"] = owner
            return


def _take_state(lines: list[str], parts: Parts) -> None:
    if not lines or parts.get("country") not in (None, "US", "CA", "AU"):
        return
    head, _, tail = lines[-1].rpartition(" ")
    if _US_STATE.fullmatch(tail) and "postcode" in parts:
        parts["state"] = tail
        parts.setdefault("country", "US")
        lines[-1:] = [head] if head else []
    elif parts.get("country") in ("CA", "AU") and re.fullmatch(r"[A-Z]{2,3}", tail):
        parts["state"] = tail
        lines[-1:] = [head] if head else []


def _take_street(lines: list[str], parts: Parts) -> None:
    for place, line in enumerate(lines):
        unit = _UNIT.search(line)
        bare = f"{line[: unit.start()]} {line[unit.end() :]}".strip() if unit else line
        match = _NUMBER_FIRST.fullmatch(bare) or _NUMBER_LAST.fullmatch(bare)
        if unit and "unit" not in parts:
            parts["unit"] = " ".join(unit[0].split())
        if match is not None:
            parts["house_number"] = "".join(match["number"].split())
            parts["road"] = match["road"].strip()
            following = lines[place + 1 : place + 2]
            if following and (unit := _UNIT.fullmatch(following[0])):
                parts.setdefault("unit", unit[0])
                del lines[place + 1]
            del lines[: place + 1]
            return
        if unit and not bare:
            continue
    if len(lines) > 1:
        parts["road"] = lines.pop(0)


def _libpostal_parser() -> Parser:
    parser: Any = import_module("postal.parser")

    def parse(text: str) -> Parts:
        parts: Parts = {}
        for value, label in parser.parse_address(text):
            if label in _LIBPOSTAL:
                parts.setdefault(_LIBPOSTAL[label], str(value))
        return parts

    return parse
