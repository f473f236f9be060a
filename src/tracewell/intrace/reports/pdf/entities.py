"""Entities on paper: a row for each statement, whatever sections a profile has. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tracewell.intrace.reports.pdf.export import Bounds, Truncation
from tracewell.intrace.reports.pdf.writing import Writing

Json = dict[str, Any]

_LABELS: Final = {
    "names": "Name", "dob": "Date of birth", "age": "Age", "gender": "Gender",
    "registry_ids": "Registry number", "legal_name": "Legal name", "status": "Status",
    "industry": "Industry", "country": "Country", "description": "Description",
    "employee_range": "Employees", "founded_year": "Founded", "phones": "Phone",
    "emails": "E-mail", "addresses": "Address", "usernames": "Username", "domains": "Domain",
    "ip_addresses": "IP address", "urls": "Web address", "companies": "Company",
    "associates": "Associate", "technologies": "Technology",
    "social_profiles": "Profile page", "watchlist_hits": "Watchlist entry",
}  # fmt: skip
_SINGULAR: Final = {"person", "organization"}
_ORDER: Final = (
    "person", "organization", "watchlist_hits", "emails", "phones", "addresses",
    "social_profiles", "usernames", "domains", "urls", "ip_addresses", "companies", "associates",
    "technologies",
)  # fmt: skip
_VALUES: Final = (
    "name", "value", "number", "address", "username", "domain", "ip_address", "url", "id", "caption"
)  # fmt: skip
_OF_THE_STATEMENT: Final = frozenset({"confidence", "sources", "explanation", "alternatives"})
_EFFECT_MIN: Final = 0.005  # less rounds to nothing
_OF_A_PROFILE_PAGE: Final = frozenset({"platform", "username", "url"})
# Parts of the value itself, which the reader sees already.
_SAID_ALREADY: Final = frozenset({"local_part", "public_suffix", "registrable_domain"})


class EntityWriter:
    """Writes the entities of one report, within the bounds."""

    def __init__(
        self,
        writing: Writing,
        numbers: Mapping[str, int],
        bounds: Bounds,
        truncation: Truncation,
    ) -> None:
        self._writing = writing
        self._numbers = numbers
        self._bounds = bounds
        self._truncation = truncation
        self._rows_left = bounds.rows_max
        self.evidence: list[Json] = []

    def write_all(self, entities: list[Json]) -> list[Json]:
        """The first entities; the rest is counted."""
        shown = entities[: self._bounds.entities_max]
        self._truncation.entities_left_out += len(entities) - len(shown)
        return [self._write(number, entity) for number, entity in enumerate(shown, 1)]

    def references(self, sources: list[str]) -> list[int]:
        """The numbers of source records, in order."""
        return sorted(self._numbers[source] for source in sources if source in self._numbers)

    def _write(self, number: int, entity: Json) -> Json:
        tell = self._writing.tell
        statements = list(_statements(entity.get("profile", {})))
        allowed = min(self._bounds.entity_rows_max, self._rows_left)
        self._rows_left -= min(allowed, len(statements))
        left_out = max(0, len(statements) - allowed)
        self._truncation.statements_left_out += left_out
        rows = [self._row(number, label, item) for label, item in statements[:allowed]]
        heading = tell(_heading(statements, entity), 120)
        return {
            "heading": heading,
            "summary": [
                ["Kind", tell(entity.get("kind", "unknown"))],
                ["Confidence", confidence(entity.get("confidence"))],
                ["Entity", tell(entity.get("entity_id", "")), "mono"],
            ],
            "reasons": write_reasons(self._writing, entity.get("explanation", [])),
            "rows": rows,
            "notes": [*self._relations(entity), *_told_left_out(left_out)],
        }

    def _row(self, number: int, label: str, item: Json) -> Json:
        tell = self._writing.tell
        key = next((name for name in _VALUES if item.get(name) is not None), None)
        value = tell(item[key]) if key is not None else "–"
        if label == "Profile page":
            value = tell(item.get("url") or f"{item.get('platform')}: {item.get('username')}")
        details = [
            tell(f"{name.replace('_', ' ')}: {tell(member)}")
            for name, member in item.items()
            if name != key
            and member not in (None, "", [], {})
            and name not in _OF_THE_STATEMENT | _SAID_ALREADY
            and not (label == "Profile page" and name in _OF_A_PROFILE_PAGE)
        ]
        alternatives = [
            f"also stated: {tell(other['value'])} ({confidence(other.get('confidence'))})"
            for other in item.get("alternatives", [])
        ]
        certain = confidence(item.get("confidence"))
        reasons = write_reasons(self._writing, item.get("explanation", []))
        if reasons:
            told = "; ".join(f"{reason['effect']} {reason['evidence']}" for reason in reasons)
            self.evidence.append(
                {"entity": f"2.{number}", "label": label, "value": value, "evidence": told,
                 "confidence": certain}
            )  # fmt: skip
        return {
            "label": label,
            "value": value,
            "details": details + alternatives,
            "confidence": certain,
            "sources": self.references(item.get("sources", [])),
        }

    def _relations(self, entity: Json) -> list[str]:
        return [
            f"Possibly the same as {self._writing.tell(other.get('entity_id'))} "
            f"(probability {confidence(other.get('probability'))})."
            for other in entity.get("possibly_same_as", [])[:20]
        ]


def _told_left_out(count: int) -> list[str]:
    return [f"{count} further statements are in the attached report."] if count else []


def _statements(profile: Json) -> Iterator[tuple[str, Json]]:
    """Label and item of every statement; sections that this release does not know come last."""
    known = [name for name in _ORDER if name in profile]
    for name in [*known, *sorted(profile.keys() - set(_ORDER))]:
        section = profile[name]
        if name in _SINGULAR and isinstance(section, dict):
            for field in sorted(section, key=_names_first):
                yield from _items(field, section[field])
        else:
            yield from _items(name, section)


def _names_first(field: str) -> tuple[bool, bool, str]:
    return field != "names", field != "legal_name", field


def _items(name: str, value: Any) -> Iterator[tuple[str, Json]]:
    label = _LABELS.get(name, name.replace("_", " ").capitalize())
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield label, item


def _heading(statements: list[tuple[str, Json]], entity: Json) -> str:
    for wanted in ("Name", "Legal name", "E-mail", "Phone", "Username", "Domain"):
        for label, item in statements:
            if label == wanted:
                key = next((name for name in _VALUES if item.get(name)), None)
                if key is not None:
                    return str(item[key])
    return str(entity.get("entity_id", "Entity"))


def confidence(value: Any) -> str:
    """Two decimals, as a reader compares them."""
    return f"{value:.2f}" if isinstance(value, int | float) else "–"


def write_reasons(writing: Writing, explanation: list[Json]) -> list[Json]:
    """The evidence that moved a confidence, without what had no effect."""
    return [
        {
            "effect": f"{reason['effect']:+.2f}".replace("-", "−"),
            "evidence": writing.tell(reason["evidence"]),
        }
        for reason in explanation
        if abs(reason.get("effect", 0)) >= _EFFECT_MIN
    ]
