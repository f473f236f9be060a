"""Measures of computations: months, information, similarity, significance. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

MILLIBITS = 1_000
"""Information is counted in whole thousandths of a bit, so that sums are exact in any order."""

Weights = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


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


def significance(a_counts: Counts, a_total: int, b_counts: Counts, b_total: int) -> Probabilities:
    """The probability of a difference of shares as large as each of these, or larger, by chance.

    The log-likelihood ratio test of Dunning (1993), one degree of freedom. The companies of both
    sides must differ: those in both segments are to be left out before. Not a number where a side
    has no companies.
    """
    if not a_total or not b_total:
        return np.full(len(a_counts), np.nan)
    share = (a_counts + b_counts) / (a_total + b_total)
    ratio = np.zeros(len(a_counts))
    for seen, expected in (
        (a_counts, a_total * share),
        (b_counts, b_total * share),
        (a_total - a_counts, a_total * (1 - share)),
        (b_total - b_counts, b_total * (1 - share)),
    ):
        some = seen > 0
        ratio[some] += seen[some] * np.log(seen[some] / expected[some])
    # The tail of chi-square at 2 * ratio; rounding may leave a ratio just below nothing.
    return np.array([math.erfc(math.sqrt(max(one, 0.0))) for one in ratio.tolist()])


def adjusted(p_values: Probabilities) -> Probabilities:
    """The rate of false discoveries among all that are at least as significant (Benjamini and
    Hochberg, 1995); what is not a number stays so."""
    found = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested])]
    rates = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    found[order] = np.minimum.accumulate(np.minimum(rates, 1)[::-1])[::-1]
    return found
