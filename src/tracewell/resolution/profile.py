"""What the records of one entity say together: items with confidence, sources and details."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tracewell.resolution.confidence import conclude, count_independent, lowered, support
from tracewell.resolution.model import Item, Reason
from tracewell.resolution.records import Record, comparable
from tracewell.resolution.vocabulary import PREDICATES

ITEMS_MAX: Final = 200
_UNASSIGNED_FACTOR: Final = 0.5


def build_items(
    records: Sequence[Record], cohesion: Mapping[str, float], references: Sequence[Record]
) -> Mapping[str, tuple[Item, ...]]:
    """The items per predicate, best first; values that contradict each other stand side by side.

    `cohesion` tells per record key how surely the record belongs to this entity (0..1).
    `references` describe the values; they do not count as witnesses for them.
    """
    items: dict[str, tuple[Item, ...]] = {}
    for predicate in PREDICATES:
        stated: dict[str, list[tuple[str, Record]]] = defaultdict(list)
        for record in records:
            for value in record.get_all(predicate):
                stated[comparable(predicate, value)].append((value, record))
        if stated:
            built = [
                _build_item(predicate, statements, cohesion, references)
                for statements in stated.values()
            ]
            built.sort(key=lambda item: (-item.confidence, item.value))
            items[predicate] = tuple(built[:ITEMS_MAX])
    return MappingProxyType(items)


def entity_confidence(
    records: Sequence[Record], cohesion: Mapping[str, float]
) -> tuple[float, tuple[Reason, ...], int]:
    """How sure it is that the entity exists and that its records belong together.

    With the reasons, and how many sources stand independently behind it.
    """
    independent = count_independent([(r.origin, r.witnesses) for r in records])
    reasons = lowered(
        support(independent), min(cohesion.values()), "the weakest link between its records"
    )
    return *conclude(reasons, independent), independent


def _build_item(
    predicate: str,
    statements: Sequence[tuple[str, Record]],
    cohesion: Mapping[str, float],
    references: Sequence[Record],
) -> Item:
    values = Counter(value for value, _ in statements)
    shown = min(values, key=lambda v: (-values[v], _roughness(predicate, v), v))
    records = [record for _, record in statements]
    sources = {s for value, record in statements for s in record.values[predicate][value]}
    describing = [r for r in references if _describes(r, predicate, shown)]
    details, detail_sources = _merge_details(predicate, [*records, *describing])
    independent = count_independent([(r.origin, r.witnesses) for r in records])
    reasons = lowered(
        support(independent),
        max(cohesion[record.key] for record in records),
        "the link between this record and the others",
    )
    if details.get("phone.is_valid") == "false":
        reasons = lowered(
            reasons, _UNASSIGNED_FACTOR, "the numbering plan does not assign this number"
        )
    confidence, explanation = conclude(reasons, independent)
    return Item(
        value=shown,
        confidence=confidence,
        sources=tuple(sorted(sources | detail_sources)),
        explanation=explanation,
        details=details,
    )


def _roughness(predicate: str, value: str) -> tuple[bool, bool]:
    """Names are shown as a person writes them: not in capitals, not with the family name first."""
    if not predicate.endswith("name"):
        return False, False
    return "," in value, value.isupper() or value.islower()


def _describes(reference: Record, predicate: str, value: str) -> bool:
    wanted = comparable(predicate, value)
    return any(comparable(predicate, v) == wanted for v in reference.get_all(predicate))


def _merge_details(
    predicate: str, records: Iterable[Record]
) -> tuple[Mapping[str, str], frozenset[str]]:
    """Per detail the value that most origins give, and the sources of what was taken."""
    stated: dict[str, dict[str, tuple[set[str], set[str]]]] = defaultdict(dict)
    for record in records:
        for name, values in record.details_of(predicate).items():
            for value, sources in values.items():
                origins, known = stated[name].setdefault(value, (set(), set()))
                origins.add(record.origin)
                known.update(sources)
    details: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(stated):
        by_value = stated[name]
        best = min(by_value, key=lambda value: (-len(by_value[value][0]), value))
        details[name] = best
        taken |= by_value[best][1]
    return MappingProxyType(details), frozenset(taken)
