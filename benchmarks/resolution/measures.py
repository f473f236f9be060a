"""What is counted: pairs in clusters, ranking, calibration. Definitions with their sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

BINS = 10
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PairScores:
    """Precision, recall and F1 over the pairs of records that are in one cluster."""

    precision: float
    recall: float
    f1: float
    false_pairs: int
    missed_pairs: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions between two probabilities: how many, their mean, and how many were right."""

    count: int
    mean: float
    share: float


def score_clusters(clusters: Iterable[Sequence[Key]], truth: Mapping[Key, str]) -> PairScores:
    """Pairwise cluster scores (Menestrina et al., 2010)."""
    right = said = 0
    for cluster in clusters:
        for a, b in combinations(cluster, 2):
            said += 1
            right += truth[a] == truth[b]
    true = sum(n * (n - 1) // 2 for n in Counter(truth.values()).values())
    precision = right / said if said else 1.0
    recall = right / true if true else 1.0
    f1 = 2 * right / (said + true) if said + true else 1.0
    return PairScores(precision, recall, f1, said - right, true - right)


def f1_at(scored: Sequence[tuple[float, bool]], threshold: float = 0.5) -> float:
    """F1 of "at least the threshold"."""
    right = sum(p >= threshold and match for p, match in scored)
    said, true = sum(p >= threshold for p, _ in scored), sum(match for _, match in scored)
    return 2 * right / (said + true) if said + true else 1.0


def area_under_curve(scored: Sequence[tuple[float, bool]]) -> float:
    """How often a true pair scores above a false one, ties counting half (Mann and Whitney)."""
    ordered = sorted(scored)
    ranks = 0.0
    place = 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        ranks += (place + end + 1) / 2 * sum(match for _, match in ordered[place:end])
        place = end
    true = sum(match for _, match in scored)
    false = len(scored) - true
    return (ranks - true * (true + 1) / 2) / (true * false) if true and false else 1.0


def reliability(scored: Sequence[tuple[float, bool]], bins: int = BINS) -> list[Bin]:
    """The predictions in bins of equal width: a calibrated score is right as often as it says."""
    found = []
    for place in range(bins):
        inside = [(p, match) for p, match in scored if min(int(p * bins), bins - 1) == place]
        if inside:
            found.append(
                Bin(
                    len(inside),
                    sum(p for p, _ in inside) / len(inside),
                    sum(match for _, match in inside) / len(inside),
                )
            )
    return found


def calibration_error(scored: Sequence[tuple[float, bool]], bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al., 2015)."""
    parts = reliability(scored, bins)
    return sum(part.count * abs(part.mean - part.share) for part in parts) / max(1, len(scored))
