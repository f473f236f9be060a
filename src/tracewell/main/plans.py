"""Plans: what an org of each gets. Which there are is a setting (`PLANS`), not code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PLANS_MAX = 50
CREDITS_MAX = 1_000_000_000
REQUESTS_MAX = 1_000_000
_PLAN = re.compile(r"([a-z][a-z0-9_-]{0,31})=([0-9]{1,10})(?::([0-9]{1,7}))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's monthly grant of credits, and its keys' requests per minute where it says so."""

    name: str
    credits_per_month: int
    requests_per_minute: int | None = None


def parse_plans(text: str) -> Mapping[str, Plan]:
    """Plans by name out of `NAME=CREDITS` or `NAME=CREDITS:REQUESTS_PER_MINUTE`, comma-separated.

    A new org is on the first one. Raises ValueError, whose text names the part that is wrong.
    """
    plans: dict[str, Plan] = {}
    for part in text.split(","):
        match = _PLAN.fullmatch(part.strip())
        if match is None:
            raise ValueError("each plan is NAME=CREDITS or NAME=CREDITS:REQUESTS_PER_MINUTE")
        name, credits = match[1], int(match[2])
        requests = None if match[3] is None else int(match[3])
        if name in plans:
            raise ValueError(f"the plan {name} stands there twice")
        if credits > CREDITS_MAX:
            raise ValueError(f"the plan {name} grants more than {CREDITS_MAX} credits a month")
        if requests is not None and not 1 <= requests <= REQUESTS_MAX:
            raise ValueError(f"the plan {name} has a rate outside of 1 to {REQUESTS_MAX}")
        plans[name] = Plan(name, credits, requests)
    if len(plans) > PLANS_MAX:
        raise ValueError(f"there are more than {PLANS_MAX} plans")
    return plans
