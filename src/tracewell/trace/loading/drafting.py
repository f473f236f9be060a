"""Making a record of what a row says: which facts weigh how much beside those of captures. Pure.

Why these weights: docs/decisions/0208-loaded-records.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tracewell.extraction import Fact, Field
from tracewell.trace.loading.model import Identifier, Place, Record
from tracewell.trace.loading.values import identifier_fact, spell_identifier

NAMES_MAX: Final = 20
URL_CHARS_MAX: Final = 2_048

# Beside what pages say: 95 the organisation's own data on its home page, 80 to 85 its imprint, 60
# to 70 the site's name, 30 a title (extraction/firmographics.py).
REGISTER_WEIGHTS: Final[dict[Field, int]] = {
    "legal_name": 100, "registry_identifier": 100, "headquarters": 70, "founded_year": 50,
    "industry": 35, "name": 20,
}  # fmt: skip
"""Of public registers: what the law has them know stands over any page, the rest below."""
LIST_WEIGHTS: Final[dict[Field, int]] = {
    "legal_name": 60, "registry_identifier": 100, "headquarters": 60, "founded_year": 60,
    "industry": 60, "employee_range": 60, "description": 35, "phone": 60, "logo": 60,
    "social_profile": 60, "name": 50,
}  # fmt: skip
"""Of anybody's lists: below what the company says of itself, above what is read off titles."""


@dataclass(slots=True)
class Draft:
    """A record in the making."""

    source: str
    source_url: str
    observed_at: int
    weights: dict[Field, int]
    names: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    identifiers: list[Identifier] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def tell(self, what: Field, value: str | None) -> None:
        """Notes a fact, where there is a value."""
        if value:
            url = self.source_url[:URL_CHARS_MAX]
            self.facts.append(Fact(what, value, self.weights[what], url, self.observed_at))

    def identify(self, kind: str, value: str) -> None:
        """Notes a registry's number."""
        identifier = spell_identifier(kind, value)
        if identifier not in self.identifiers:
            self.identifiers.append(identifier)
            self.tell("registry_identifier", identifier_fact(*identifier))

    def finish(self, key: str, *, is_found_by_name: bool = True) -> Record:
        """The record."""
        names = dict.fromkeys(name for name in self.names if name)
        return Record(
            self.source,
            key,
            tuple(names)[:NAMES_MAX],
            tuple(dict.fromkeys(self.domains)),
            tuple(self.identifiers),
            tuple(dict.fromkeys(self.places)),
            tuple(self.facts),
            is_found_by_name,
            self.observed_at,
        )
