"""Technologies of a stack with their names and what they say."""

from __future__ import annotations

from collections.abc import Iterable

from tracewell.kernel.database import Transaction
from tracewell.trace.computations.model import Trait
from tracewell.trace.computations.rules import Weights
from tracewell.trace.computations.stacks import Stacks
from tracewell.trace.technologies.store import fetch_technologies


async def list_traits(
    tx: Transaction, stacks: Stacks, technology_ids: Iterable[int]
) -> list[Trait]:
    """The technologies, the most informative first, equal ones in the order of their ids."""
    ids = by_information(technology_ids, stacks.weights)
    names = await fetch_technologies(tx, ids)
    return [Trait(names[one], len(stacks.users[one]), int(stacks.weights[one])) for one in ids]


def by_information(technology_ids: Iterable[int], weights: Weights) -> list[int]:
    """The ids, the most informative first, equal ones in their order."""
    return sorted(technology_ids, key=lambda one: (-int(weights[one]), one))
