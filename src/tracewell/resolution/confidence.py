"""How sure a statement is, from who states it. 0.90 and more is kept for independent sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tracewell.resolution.model import Reason

ONE_SOURCE: Final = 0.7
SINGLE_SOURCE_MAX: Final = 0.89
CONFIDENCE_MAX: Final = 0.98


def count_independent(witnesses: Sequence[tuple[str, frozenset[str]]]) -> int:
    """How many (origin, hashes of the raw records) stand independently behind a statement.

    Copies do not count: neither a second record of one origin nor a record that is byte for byte
    another origin's.
    """
    origins: set[str] = set()
    hashes: set[str] = set()
    for origin, seen in sorted(witnesses, key=lambda w: (w[0], sorted(w[1]))):
        if origin not in origins and not seen & hashes:
            origins.add(origin)
        hashes |= seen
    return len(origins)


def support(independent: int) -> list[Reason]:
    """The reasons that the number of independent sources gives."""
    reasons = [Reason("stated by one source", ONE_SOURCE)]
    for number in range(2, min(independent, 5) + 1):
        gain = (1 - ONE_SOURCE) ** (number - 1) - (1 - ONE_SOURCE) ** number
        reasons.append(Reason(f"stated by an independent source, number {number}", gain))
    return reasons


def lowered(reasons: list[Reason], factor: float, evidence: str) -> list[Reason]:
    """The reasons with one more that multiplies what they add up to by `factor` (0..1)."""
    if factor >= 1.0:
        return reasons
    return [*reasons, Reason(evidence, total(reasons) * (factor - 1.0))]


def total(reasons: Sequence[Reason]) -> float:
    """What reasons add up to."""
    return sum(reason.effect for reason in reasons)


def conclude(reasons: list[Reason], independent: int) -> tuple[float, tuple[Reason, ...]]:
    """The confidence, rounded to three digits, and the reasons that add up to it."""
    ceiling = CONFIDENCE_MAX if independent > 1 else SINGLE_SOURCE_MAX
    if total(reasons) > ceiling:
        reasons = [*reasons, Reason("never certain", ceiling - total(reasons))]
    rounded = tuple(Reason(reason.evidence, round(reason.effect, 3)) for reason in reasons)
    return round(max(0.0, total(rounded)), 3), rounded
