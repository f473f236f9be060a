"""Why records are one entity, why not with others, and how that was decided. Nothing is decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tracewell.resolution.inputs import SourceRecord
from tracewell.resolution.levels import DATES_DIFFER, DECADE_APART, Comparison
from tracewell.resolution.linkage import Linkage, as_probability
from tracewell.resolution.model import Reason
from tracewell.resolution.weights import GENERATION_UNTOLD_BITS, LEVELS, Scores

WHY_NOT_MAX: Final = 5
WHY_NOT_BITS_MIN: Final = -14.0


@dataclass(frozen=True, slots=True)
class Link:
    """A pair of records, as (source, record_id), and the bits for and against their being one.

    `verdict` says in words what became of the pair; the reasons add up to `bits`.
    """

    records: tuple[tuple[str, str], tuple[str, str]]
    probability: float
    bits: float
    verdict: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`why`: the strongest link of each member; `why_not`: alike records that are not in it.

    `how`: what the batch told of itself, and how many pairs were compared.
    """

    why: tuple[Link, ...]
    why_not: tuple[Link, ...]
    how: Mapping[str, float]


def explain(
    records: Sequence[SourceRecord],
    linkage: Linkage,
    home: Mapping[int, int],
    ids: Sequence[str],
) -> dict[int, Explanation]:
    """The explanation of every cluster by its place."""
    best: dict[int, tuple[float, int, int]] = {}
    outside: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
    for part, (comparison, scores) in enumerate(linkage.scored):
        bits = scores.bits.tolist()
        rows = zip(comparison.left.tolist(), comparison.right.tolist(), strict=True)
        for k, (a, b) in enumerate(rows):
            if home[a] == home[b]:
                for member in (a, b):
                    if member not in best or bits[k] > best[member][0]:
                        best[member] = (bits[k], part, k)
            elif bits[k] > WHY_NOT_BITS_MIN:
                outside[home[a]].append((-bits[k], part, k))
                outside[home[b]].append((-bits[k], part, k))
    how = {
        "records": float(len(records)),
        "pairs_compared": float(sum(len(c.left) for c, _ in linkage.scored)),
        "prior_bits": round(linkage.estimates.prior, 2),
        **{f"differs_though_one.{name}": round(float(m[0]), 4)
           for name, m in sorted(linkage.estimates.shares.items())},
    }  # fmt: skip
    contested = linkage.pairs.contested.tolist()
    offsets = [0, len(linkage.scored[0][0].left)]

    def link(part: int, k: int) -> Link:
        held = contested[offsets[part] + k]
        return _link(records, linkage, part, k, home, ids, contested=held)

    found = {}
    for place, cluster in enumerate(linkage.clusters):
        strongest = dict.fromkeys((best[i][1], best[i][2]) for i in cluster if i in best)
        away = sorted(outside.get(place, []))[:WHY_NOT_MAX]
        found[place] = Explanation(
            why=tuple(link(part, k) for part, k in strongest),
            why_not=tuple(link(part, k) for _, part, k in away),
            how=how,
        )
    return found


def _link(
    records: Sequence[SourceRecord],
    linkage: Linkage,
    part: int,
    k: int,
    home: Mapping[int, int],
    ids: Sequence[str],
    *,
    contested: bool,
) -> Link:
    comparison, scores = linkage.scored[part]
    a, b = int(comparison.left[k]), int(comparison.right[k])
    bits = round(float(scores.bits[k]), 2)
    if home[a] == home[b]:
        verdict = "one entity"
    elif conflict := _conflict(comparison, scores, k):
        verdict = f"apart: {conflict}"
    elif contested:
        verdict = "apart: fits two entities that contradict each other about as well"
    elif bits > 0:
        verdict = "apart: the other records of the entities speak against it"
    else:
        verdict = "apart: too little speaks for it"
    return Link(
        records=(records[a].key, records[b].key),
        probability=round(as_probability(bits), 4),
        bits=bits,
        verdict=verdict,
        reasons=tuple(iter_reasons(comparison, scores, k)),
    )


def _conflict(comparison: Comparison, scores: Scores, k: int) -> str:
    if not scores.vetoed[k]:
        return ""
    if comparison.kinds_differ[k]:
        return "one is a person, the other an organisation"
    if comparison.names.generations_differ[k]:
        return "the names tell different generations"
    if comparison.fields["birth"].level[k] in (DATES_DIFFER, DECADE_APART):
        return "the dates differ"
    return "the registry numbers differ"


def iter_reasons(comparison: Comparison, scores: Scores, k: int) -> Iterator[Reason]:
    """The evidence of a pair, in bits: the effects add up to what the pair has."""
    yield Reason("two records picked by chance", round(scores.prior, 2))
    for name, rows in LEVELS.items():
        level = int(comparison.fields[name].level[k])
        effect = round(float(scores.by_field[name][k]), 2)
        if level >= 0 and effect:
            yield Reason(rows[level].words, effect)
    rest = float(scores.by_field["rest"][k])
    if comparison.names.generation_untold[k]:
        yield Reason("a generation that only one name tells", GENERATION_UNTOLD_BITS)
        rest -= GENERATION_UNTOLD_BITS
    if round(rest, 2):
        yield Reason("further words of the names", round(rest, 2))
    if ceiling := round(float(scores.by_field["ceiling"][k]), 2):
        yield Reason("names alone do not make an entity", ceiling)
