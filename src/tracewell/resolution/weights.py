"""What each level of agreement is worth, in bits, in the manner of Fellegi and Sunter (1969).

Prior shares as data, and their re-estimation from the batch itself (expectation maximisation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from tracewell.resolution.columns import Bools, Floats, Ints
from tracewell.resolution.levels import (
    DATES_DIFFER,
    DECADE_APART,
    SAME_ADDRESS,
    SAME_NUMBER,
    YEAR_SLIPPED,
    Comparison,
)
from tracewell.resolution.namelevels import SHORT_FORM

PRIOR_BITS: Final = -11.0
PRIOR_STRENGTH: Final = 120.0
PRIOR_PAIRS: Final = 200_000
ROUNDS: Final = 3
_MATCHES_MIN: Final = 2.0
ALONE_BITS_LACKING: Final = 1.5
NAME_BITS_MAX: Final = 17.0
HOUSEHOLD_SHARE: Final = 0.2
OVERRIDE_BITS: Final = 60.0
TELLING_BITS: Final = 30.0
# Where the year slips so often, dates some ten years apart are slips as well, else others'.
YEAR_SLIPS_MIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Level:
    """One level: its share among records of one holder (m) and among others (u).

    `u` None: taken from how rare the agreeing value is, times `scale`, at most `bits_max`.
    """

    words: str
    m: float
    u: float | None
    scale: float = 1.0
    bits_max: float = 30.0


def _levels(*rows: Level) -> tuple[Level, ...]:
    return rows


LEVELS: Final[Mapping[str, tuple[Level, ...]]] = MappingProxyType(
    {
        "given": _levels(
            Level("different given names", 0.02, 0.95),
            Level("an initial that fits", 0.03, 0.02),
            Level("given names some letters apart", 0.03, 0.006),
            Level("a short form of the given name", 0.05, 0.002),
            Level("given names one letter or one sound apart", 0.07, 0.003),
            Level("the same given name", 0.80, None),
        ),
        "family": _levels(
            Level("different family names", 0.04, 0.985),
            Level("an initial that fits", 0.01, 0.02),
            Level("family names some letters apart", 0.02, 0.003),
            Level("a short form", 0.01, 0.002),
            Level("family names one letter or one sound apart", 0.09, 0.0015),
            Level("the same family name", 0.83, None),
        ),
        "title": _levels(
            Level("different names", 0.02, 0.97),
            Level("names with words in common", 0.02, 0.02),
            Level("one name within the other", 0.10, None, 0.5, 6.0),
            Level("names some letters apart", 0.10, None, 0.9, 12.0),
            Level("the same name", 0.76, None, 1.0, 14.0),
        ),
        "birth": _levels(
            Level("different dates of birth", 0.004, 0.88),
            Level("dates of birth some ten years apart", 0.008, 0.05),
            Level("dates of birth partly the same", 0.015, 0.04),
            Level("dates of birth with another year", 0.02, 0.012),
            Level("dates of birth nearly the same", 0.045, 0.004),
            Level("dates of birth with day and month swapped", 0.03, 0.0002),
            Level("the same date of birth", 0.88, None, 1.0, 14.0),
        ),
        "personal": _levels(
            Level("different numbers of one kind of document", 0.04, 0.999),
            Level("numbers of a document one character apart", 0.05, 0.0002),
            Level("the same number of a document", 0.91, None, 1.0, 18.0),
        ),
        "email": _levels(
            Level("different e-mail addresses", 0.35, 0.995),
            Level("similar e-mail addresses", 0.10, 0.001),
            Level("the same e-mail address", 0.55, None, 1.0, 14.0),
        ),
        "phone": _levels(
            Level("different phone numbers", 0.40, 0.998),
            Level("similar phone numbers", 0.01, 0.001),
            Level("the same phone number", 0.59, None, 1.0, 13.0),
        ),
        "contact": _levels(
            Level("different accounts or domains", 0.45, 0.998),
            Level("similar accounts", 0.01, 0.001),
            Level("the same account or domain", 0.54, None, 1.0, 14.0),
        ),
        "address": _levels(
            Level("different addresses", 0.12, 0.80),
            Level("addresses with words in common", 0.08, 0.12),
            Level("addresses partly the same", 0.12, None, 0.35, 6.0),
            Level("addresses mostly the same", 0.15, None, 0.45, 12.0),
            Level("the same address", 0.53, None, 0.5, 13.0),
        ),
        "gender": _levels(
            Level("different gender", 0.04, 0.5),
            Level("", 0.01, 0.01),
            Level("the same gender", 0.95, 0.5),
        ),
        "employer": _levels(
            Level("different employers", 0.4, 0.97),
            Level("", 0.01, 0.01),
            Level("the same employer", 0.6, None, 0.6, 6.0),
        ),
        "attribute": _levels(
            Level("different attributes", 0.4, 0.7),
            Level("", 0.01, 0.01),
            Level("an attribute in common", 0.6, None, 0.8, 4.0),
        ),
    }
)
ROLE_MAILBOX_BITS: Final = 1.0
GENERATION_UNTOLD_BITS: Final = -1.5
_HOUSEHOLD: Final = ("family", "birth", "email", "phone", "contact", "address", "employer")
_PREMISES: Final = ("phone", "contact", "address", "employer")
_CORROBORATING: Final = ("birth", "personal", "email", "phone", "contact", "address", "employer")


@dataclass(frozen=True, slots=True)
class Scores:
    """Per pair the bits of each field, their sum, and what sets a pair apart.

    `vetoed` pairs are never one entity. `rivals` contradict each other; `silent` pairs lack on one
    side what rivals differ in.
    """

    bits: Floats
    by_field: Mapping[str, Floats]
    prior: float
    forbidden: Bools
    vetoed: Bools
    rivals: Bools
    silent: Bools


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a batch tells of itself: the share m of each level, and how probable (in bits) it is,
    before looking, that two of its records are one.

    `differing` is how often each field differs at least: a standard deviation below the share, so
    that a handful of pairs in a small batch does not show a field to be unreliable.
    """

    shares: Mapping[str, Floats]
    prior: float
    differing: Mapping[str, float]


PRIORS: Final = Estimates(
    MappingProxyType({name: np.array([row.m for row in rows]) for name, rows in LEVELS.items()}),
    PRIOR_BITS,
    MappingProxyType({name: rows[0].m for name, rows in LEVELS.items()}),
)


def estimate(comparison: Comparison, record_count: int) -> tuple[Estimates, Scores]:
    """The priors, moved by what the pairs of the batch show, and the pairs' scores under them.

    Expectation maximisation with the priors as `PRIOR_STRENGTH` pairs of one holder and
    `PRIOR_PAIRS` pairs of any seen before. A small batch keeps the priors, a large one tells how
    reliable its own fields are and how many of its records are one.
    """
    estimates, scores = PRIORS, score(comparison, PRIORS)
    pairs = record_count * (record_count - 1) / 2
    for _ in range(ROUNDS if len(comparison.left) else 0):
        # Of pairs that exclude each other only the plainest tell how often a field is wrong. That
        # holds whatever the batch has shown so far: else one false pair would let in the next.
        dates_differ = comparison.fields["birth"].level == DATES_DIFFER
        numbered = comparison.fields["personal"].level == SAME_NUMBER
        unclear = scores.forbidden | (dates_differ & ~numbered & (scores.bits < TELLING_BITS))
        weight = np.where(unclear, 0.0, 1.0 / (1.0 + np.exp2(-np.clip(scores.bits, -40, 40))))
        if weight.sum() < _MATCHES_MIN:
            break  # nothing to learn from
        shares, differing = {}, {}
        for name, rows in LEVELS.items():
            told = comparison.fields[name].told
            level = comparison.fields[name].level[told]
            seen = np.bincount(level, weights=weight[told], minlength=len(rows))[: len(rows)]
            strong = PRIORS.shares[name] * PRIOR_STRENGTH
            shares[name] = (strong + seen) / (PRIOR_STRENGTH + seen.sum())
            least = strong[0] + max(0.0, seen[0] - math.sqrt(seen[0]))
            differing[name] = float(least / (PRIOR_STRENGTH + seen.sum()))
        matches = float(weight.sum()) + PRIOR_PAIRS * 2.0**PRIOR_BITS
        estimates = Estimates(shares, math.log2(matches / (pairs + PRIOR_PAIRS)), differing)
        scores = score(comparison, estimates)
    return estimates, scores


def score(comparison: Comparison, estimates: Estimates) -> Scores:
    """The bits of every pair under the estimates of a batch."""
    shares, prior = estimates.shares, estimates.prior
    by_field = {name: _field_bits(comparison, name, shares[name]) for name in LEVELS}
    names = comparison.names
    by_field["email"] = np.where(
        comparison.shared_mailbox & comparison.are_people,
        np.minimum(by_field["email"], ROLE_MAILBOX_BITS),
        by_field["email"],
    )
    by_field["rest"] = names.rest + GENERATION_UNTOLD_BITS * names.generation_untold
    levels = {name: comparison.fields[name].level for name in LEVELS}
    given_differs = (levels["given"] == 0) & comparison.are_people
    nearly_one = (levels["personal"] == 1) & ~comparison.consecutive
    is_one_holder = (levels["personal"] == 2) | nearly_one
    by_field["personal"] = np.where(
        given_differs & comparison.consecutive,
        np.minimum(by_field["personal"], 0.0),
        by_field["personal"],
    )
    strangers = (levels["family"] == 0) & (levels["given"] < SHORT_FORM) & comparison.are_people
    # Sister companies and tenants share the address, the switchboard and the web site.
    tenants = (levels["title"] >= 0) & (levels["title"] <= 1)
    relatives = (given_differs | strangers | tenants) & ~is_one_holder
    # Twins share all but the given name; unless given names prove unreliable in this batch.
    share = 1.0 - (1.0 - HOUSEHOLD_SHARE) * _reliability("given", estimates) ** 3
    _discount(by_field, _HOUSEHOLD, relatives, share)
    # Two of one given name under one roof or at one switchboard; one who took another name is
    # known by a date, a number or a mailbox of her own.
    own = is_one_holder | (levels["email"] == SAME_ADDRESS) | (levels["birth"] >= YEAR_SLIPPED)
    flatmates = (levels["family"] == 0) & comparison.are_people & ~relatives & ~own
    _discount(by_field, _PREMISES, flatmates, HOUSEHOLD_SHARE)
    support = np.zeros(len(comparison.left))
    for name in _CORROBORATING:
        if len(comparison.fields[name].told):
            support += np.maximum(0.0, by_field[name])
    named = by_field["given"] + by_field["family"] + by_field["title"]
    ceiling = np.minimum(NAME_BITS_MAX, -prior - ALONE_BITS_LACKING + support)
    by_field["ceiling"] = np.minimum(0.0, ceiling - named)
    bits = np.full(len(comparison.left), prior)
    for name in sorted(by_field):
        bits += by_field[name]
    rivals = _contradicting(levels["birth"], shares["birth"])
    registries_differ = ~comparison.are_people & (levels["personal"] == 0)
    forbidden = comparison.kinds_differ | names.generations_differ | registries_differ
    # Where a batch shows its dates to be unreliable they forbid less.
    override = OVERRIDE_BITS * _reliability("birth", estimates) ** 4
    vetoed = forbidden | (rivals & (levels["personal"] != 2) & (bits < override))
    return Scores(
        bits=bits,
        by_field=by_field,
        prior=prior,
        forbidden=forbidden,
        vetoed=vetoed,
        rivals=vetoed | (relatives & (bits <= 0)),
        silent=(levels["birth"] < 0) | (levels["given"] <= 1) | names.generation_untold,
    )


def _contradicting(birth: Ints, shares: Floats) -> Bools:
    """Pairs whose dates of birth are of two people, unless something says otherwise."""
    apart = birth == DATES_DIFFER
    if shares[[DECADE_APART, YEAR_SLIPPED]].sum() < YEAR_SLIPS_MIN:
        apart |= birth == DECADE_APART
    return np.asarray(apart)


def _discount(
    by_field: dict[str, Floats], names: Sequence[str], pairs: Bools, share: float
) -> None:
    """Leaves of what speaks for some pairs in some fields only a share."""
    if not pairs.any():
        return
    for name in names:
        bits = by_field[name]
        by_field[name] = np.where(pairs & (bits > 0), bits * share, bits)


def _reliability(name: str, estimates: Estimates) -> float:
    """1 where a difference says as much in this batch as usual, towards 0 where it says nothing."""
    differing = max(1e-6, estimates.differing[name])
    return min(1.0, math.log2(differing) / math.log2(LEVELS[name][0].m))


@dataclass(frozen=True, slots=True)
class _Worth:
    """The parts of a field's bits that no batch changes, by level."""

    fixed: Floats
    scale: Floats
    ceiling: Floats


_WORTH: Final = {
    name: _Worth(
        np.array([0.0 if row.u is None else -math.log2(row.u) for row in rows]),
        np.array([row.scale if row.u is None else 0.0 for row in rows]),
        np.array([row.bits_max for row in rows]),
    )
    for name, rows in LEVELS.items()
}


def _field_bits(comparison: Comparison, name: str, shares: Floats) -> Floats:
    field, worth = comparison.fields[name], _WORTH[name]
    told = field.told
    bits = np.zeros(len(field.level))
    if not len(told):
        return bits
    level = field.level[told]
    rarity = np.minimum(field.rarity[told] * worth.scale[level], worth.ceiling[level])
    bits[told] = (np.log2(np.maximum(shares, 1e-6)) + worth.fixed)[level] + rarity
    return bits
