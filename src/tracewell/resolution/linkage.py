"""Records in, clusters of record indexes out: blocking, comparing, weighing, adjudicating in turn.

One configuration for all data; what a batch tells of itself (how rare a value is, how reliable a
field) is estimated from the batch. No answer is worded here: `clusters`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tracewell.resolution.adjudication import (
    Pairs,
    adjudicate,
    bounded_components,
    find_contested,
    uncompared_pairs,
)
from tracewell.resolution.blocking import find_candidates
from tracewell.resolution.columns import Bools, Columns, Indexes, build_columns
from tracewell.resolution.features import Features, extract_features
from tracewell.resolution.inputs import SourceRecord
from tracewell.resolution.levels import (
    NEAR_NUMBER,
    SAME_NUMBER,
    YEAR_SLIPPED,
    Comparison,
    compare_pairs,
)
from tracewell.resolution.namelevels import LOOSE
from tracewell.resolution.weights import Estimates, Scores, estimate, score

# Bits and probability: p = 1 / (1 + 2 ** (-slope * bits)). What speaks against a pair is counted
# more often than once (a typed name changes the mailbox too): docs/decisions/0125.
SLOPE_FOR: Final = 1.0
SLOPE_AGAINST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Linkage:
    """The clusters of a batch (singles too, as sorted indexes) and everything they rest on.

    `pairs` holds every compared pair, its bits as scored; `scored` the comparisons behind them,
    one for the candidates and one for pairs compared later.
    """

    clusters: tuple[tuple[int, ...], ...]
    pairs: Pairs
    scored: tuple[tuple[Comparison, Scores], ...]
    estimates: Estimates
    candidates: int


def link_records(records: Sequence[SourceRecord], threshold: float = 0.5) -> Linkage:
    """The linkage of records that are sorted by key."""
    return link_features([extract_features(r) for r in records], threshold)


def link_features(
    features: Sequence[Features],
    threshold: float = 0.5,
    candidates: tuple[Indexes, Indexes] | None = None,
) -> Linkage:
    """The linkage of records already normalised; `candidates` replaces the blocking."""
    count = len(features)
    columns = build_columns(features)
    left, right = candidates or find_candidates(features, columns)
    comparison = compare_pairs(columns, left, right)
    estimates, scores = estimate(comparison, count)
    scored = [(comparison, scores)]
    pairs = _gather(scored, threshold)
    groups = bounded_components(count, pairs)
    further = uncompared_pairs(groups, count, left * count + right)
    if len(further):
        scored.append(_score_further(columns, further, count, estimates))
        pairs = _gather(scored, threshold)
    joined = adjudicate(count, pairs, groups)
    single = np.ones(count, dtype=np.bool_)
    for cluster in joined:
        single[cluster] = False
    clusters = [*map(tuple, joined), *((i,) for i in np.flatnonzero(single).tolist())]
    return Linkage(
        clusters=tuple(sorted(clusters)),
        pairs=pairs,
        scored=tuple(scored),
        estimates=estimates,
        candidates=len(left),
    )


def as_bits(probability: float) -> float:
    """The bits that a pair of this probability has."""
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    odds = float(np.log2(bounded / (1 - bounded)))
    return odds / (SLOPE_FOR if odds > 0 else SLOPE_AGAINST)


def as_probability(bits: float) -> float:
    """The calibrated probability of a pair; never 0 or 1."""
    exponent = -(SLOPE_FOR if bits > 0 else SLOPE_AGAINST) * max(-40.0, min(40.0, bits))
    return float(min(max(1.0 / (1.0 + 2.0**exponent), 0.001), 0.999))


def _score_further(
    columns: Columns, codes: Indexes, count: int, estimates: Estimates
) -> tuple[Comparison, Scores]:
    comparison = compare_pairs(columns, codes // count, codes % count)
    return comparison, score(comparison, estimates)


def _gather(scored: Sequence[tuple[Comparison, Scores]], threshold: float) -> Pairs:
    left = np.concatenate([c.left for c, _ in scored])
    right = np.concatenate([c.right for c, _ in scored])
    bits = np.concatenate([s.bits for _, s in scored])
    rivals = np.concatenate([s.rivals for _, s in scored])
    silent = np.concatenate([s.silent for _, s in scored])
    return Pairs(
        left=left,
        right=right,
        bits=bits - as_bits(threshold),
        vetoed=np.concatenate([s.vetoed for _, s in scored]),
        forbidden=np.concatenate([s.forbidden for _, s in scored]),
        near=np.concatenate([_near(c) for c, _ in scored]),
        contested=find_contested(left, right, bits, rivals, silent),
    )


def _near(comparison: Comparison) -> Bools:
    """Pairs that explain how their dates came to differ from others: one date but for a slip, or
    one document's number (but for a slip) under one given name.
    """
    number = comparison.fields["personal"].level
    numbered = (number == SAME_NUMBER) | ((number == NEAR_NUMBER) & ~comparison.consecutive)
    named = comparison.fields["given"].level >= LOOSE
    dated = comparison.fields["birth"].level >= YEAR_SLIPPED
    return np.asarray(dated | (numbered & named))
