"""The plans, as data: what an org of each gets. Configuration, not code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's monthly grant of credits."""

    name: str
    credits_per_month: int


PLANS = {
    plan.name: plan for plan in (Plan("free", 100), Plan("starter", 2_000), Plan("pro", 10_000))
}
DEFAULT_PLAN = "free"
