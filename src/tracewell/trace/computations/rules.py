"""Measures of computations: months, information, similarity, significance. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

MILLIBITS = 1_000
"""Information is counted in whole thousandths of a bit, so that sums are exact in any order."""

Weights = npt.NDArray[np.int64]


def parse_month(text: str) -> int:
    """`2026-06` as the number of the month since the year 0. Raises ValueError."""
    year, _, month = text.partition("-")
    return int(year) * 12 + int(month) - 1


def format_month(month: int) -> str:
    """What `parse_month` parsed."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def information(user_count: int, company_count: int) -> int:
    """What it says of a company that it runs something: -log2 of the share that does, in
    thousandths of a bit (the inverse document frequency of Spärck Jones, 1972)."""
    if not 0 < user_count < company_count:
        return 0
    return round(MILLIBITS * math.log2(company_count / user_count))


def weigh(user_counts: Mapping[int, int], company_count: int) -> Weights:
    """The information of each technology, by its id."""
    weights = np.zeros(max(user_counts, default=0) + 1, np.int64)
    for technology_id, count in user_counts.items():
        weights[technology_id] = information(count, company_count)
    return weights


def total(technology_ids: Iterable[int], weights: Weights) -> int:
    """What the technologies say together."""
    return sum(int(weights[one]) for one in technology_ids)


def similarity(shared: int, first: int, second: int) -> float | None:
    """Lin's measure (1998, "An information-theoretic definition of similarity"): twice what two
    have in common over what each says, from 0 to 1; None where neither says anything."""
    return 2 * shared / (first + second) if first + second else None


def jaccard(shared: int, first: int, second: int) -> float | None:
    """The share that is common to two sets of these sizes; None of two empty ones."""
    together = first + second - shared
    return shared / together if together else None


def significance(a_count: int, a_total: int, b_count: int, b_total: int) -> float | None:
    """The probability of a difference of shares as large as this, or larger, by chance.

    The log-likelihood ratio test of Dunning (1993), one degree of freedom. The companies of both
    sides must differ: those in both segments are to be left out before. None without companies on
    one of the sides.
    """
    if not a_total or not b_total:
        return None
    share = (a_count + b_count) / (a_total + b_total)
    ratio = 2 * sum(
        seen * math.log(seen / expected)
        for seen, expected in (
            (a_count, a_total * share),
            (b_count, b_total * share),
            (a_total - a_count, a_total * (1 - share)),
            (b_total - b_count, b_total * (1 - share)),
        )
        if seen
    )
    return math.erfc(math.sqrt(max(ratio, 0) / 2))


def adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """The rate of false discoveries among all that are at least as significant (Benjamini and
    Hochberg, 1995); None stays None."""
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    found: list[float | None] = [None] * len(p_values)
    least = 1.0
    for rank in range(len(tested), 0, -1):
        p, place = tested[rank - 1]
        least = min(least, p * len(tested) / rank)
        found[place] = least
    return found
