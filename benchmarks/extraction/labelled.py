"""Pages with labels written by hand, and how an extraction is counted against them.

A page's file begins with YAML between two lines of `---`: `url`, `partners` (name,
domain, type), `postings` (title, place), `facts`. Facts are judged only on pages that have the key:
all of them, but those of `name` and `description` that a title gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tracewell.extraction import Extraction, Fact, PartnerMention, Posting
from tracewell.values import Capture

LABELLED = Path(__file__).resolve().parents[2] / "tests" / "extraction" / "labelled"
SETS = ("tuning", "held_out")
AT = 1_790_000_000_000
_SEVERAL = ("social_profile", "registry_identifier")
_WEAK = frozenset({"name", "description"})


@dataclass(frozen=True, slots=True)
class Labelled:
    """One page and what a careful reader finds on it."""

    name: str
    capture: Capture
    partners: tuple[tuple[str, str | None, str], ...]
    postings: tuple[tuple[str, str | None], ...]
    facts: dict[str, Any] | None


def iter_labelled(name: str) -> Iterator[Labelled]:
    """The pages of one set, in the order of their names."""
    for path in sorted((LABELLED / name).glob("*.html")):
        yield read_labelled(path)


def read_labelled(path: Path) -> Labelled:
    """One page with its labels."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    labels = yaml.safe_load(head)
    content_type = labels.get("content_type", "text/html; charset=utf-8")
    return Labelled(
        path.stem,
        Capture(
            labels["url"], 200, (("Content-Type", content_type),),
            body.encode(labels.get("encoding", "utf-8")), AT,
        ),
        tuple((one[0], one[1], one[2]) for one in labels.get("partners") or ()),
        tuple((one[0], one[1]) for one in labels.get("postings") or ()),
        labels.get("facts"),
    )  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Counts of one kind of finding."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Of what was found, how much is right."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Of what is there, how much was found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


@dataclass(slots=True)
class Score:
    """How extractions did; types and domains are counted among the partners found, places among
    the postings found."""

    partners: Tally = field(default_factory=Tally)
    types: Tally = field(default_factory=Tally)
    domains: Tally = field(default_factory=Tally)
    postings: Tally = field(default_factory=Tally)
    places: Tally = field(default_factory=Tally)
    facts: Tally = field(default_factory=Tally)

    def add(self, page: Labelled, found: Extraction) -> None:
        """Counts one page."""
        self._add_partners(page, found.partners)
        self._add_postings(page, found.postings)
        if page.facts is not None:
            self._add_facts(page, page.facts, found.facts)

    def _add_partners(self, page: Labelled, found: tuple[PartnerMention, ...]) -> None:
        left = list(page.partners)
        for mention in found:
            match = next((one for one in left if _key(one[0]) == _key(mention.name)), None)
            if match is None and mention.domain is not None:
                match = next((one for one in left if one[1] == mention.domain), None)
            if match is None:
                self.partners.wrong += 1
                self.partners.errors.append(f"{page.name}: + {mention.name} ({mention.domain})")
                continue
            left.remove(match)
            self.partners.right += 1
            for tally, is_right, what in (
                (self.types, match[2] == mention.partnership_type, mention.partnership_type),
                (self.domains, match[1] == mention.domain, mention.domain),
            ):
                tally.right += is_right
                tally.wrong += not is_right
                if not is_right:
                    tally.errors.append(f"{page.name}: {mention.name} is {what}")
        self.partners.missed += len(left)
        self.partners.errors += [f"{page.name}: - {one[0]}" for one in left]

    def _add_postings(self, page: Labelled, found: tuple[Posting, ...]) -> None:
        left = list(page.postings)
        for posting in found:
            match = next((one for one in left if one[0] == posting.title), None)
            if match is None:
                self.postings.wrong += 1
                self.postings.errors.append(f"{page.name}: + {posting.title}")
                continue
            left.remove(match)
            self.postings.right += 1
            is_right = match[1] == posting.location
            self.places.right += is_right
            self.places.wrong += not is_right
            if not is_right:
                self.places.errors.append(f"{page.name}: {posting.title} is in {posting.location}")
        self.postings.missed += len(left)
        self.postings.errors += [f"{page.name}: - {one[0]}" for one in left]

    def _add_facts(self, page: Labelled, labels: dict[str, Any], found: tuple[Fact, ...]) -> None:
        wanted = {(name, _plain(one)) for name, told in labels.items() for one in _each(name, told)}
        given = {(fact.field, _plain(_value(fact))) for fact in best_facts(found)}
        extra = {one for one in given - wanted if one[0] not in _WEAK or one[0] in labels}
        self.facts.right += len(given & wanted)
        self.facts.wrong += len(extra)
        self.facts.missed += len(wanted - given)
        self.facts.errors += [f"{page.name}: + {field} {value}" for field, value in sorted(extra)]
        self.facts.errors += [
            f"{page.name}: - {name} {value}" for name, value in sorted(wanted - given)
        ]


def best_facts(facts: tuple[Fact, ...]) -> list[Fact]:
    """The best value of each field; all of those that a company has several of."""
    best: dict[str, Fact] = {}
    for fact in facts:
        key = f"{fact.field} {fact.value}" if fact.field in _SEVERAL else fact.field
        if key not in best or fact.weight > best[key].weight:
            best[key] = fact
    return list(best.values())


def _each(name: str, told: Any) -> list[Any]:
    return told if name in _SEVERAL and isinstance(told, list) else [told]


def _value(fact: Fact) -> Any:
    is_object = fact.field in ("headquarters", "registry_identifier")
    return json.loads(fact.value) if is_object else fact.value


def _plain(value: Any) -> str:
    return (
        json.dumps(value, sort_keys=True, ensure_ascii=False)
        if isinstance(value, dict)
        else str(value)
    )


def _key(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
