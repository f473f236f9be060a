"""The decision of a group of charges, as a pure function: who is charged what, who is refused.

The caller holds the accounts' locks between reading `windows` and `balances` and writing the plan;
that makes the decision exact under any concurrency. A call may have 100,000 items: what there is
for each of them is a named tuple.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.credits.model import Charge, ChargeRequest, CreditsExhausted

UNLOCK_MS = 30 * DAY_MS
"""How long a charged item is free again. Free access within the window does not extend it."""

ItemKey = tuple[int, int]
"""(org_id, item_id)."""


class Window(NamedTuple):
    """The newest window of an item: it is free while now < `expires_at`."""

    number: int
    expires_at: int


class Unlock(NamedTuple):
    """A window to be written."""

    request_index: int
    item_id: int
    window_no: int


@dataclass(frozen=True, slots=True)
class ChargePlan:
    """`outcomes[i]` belongs to the i-th request; `unlocks` are the windows that are paid now;
    `spent` is what each org pays in all."""

    outcomes: tuple[Charge | CreditsExhausted, ...]
    unlocks: tuple[Unlock, ...]
    spent: Mapping[int, int]


def plan_charges(
    requests: Sequence[ChargeRequest],
    windows: Mapping[ItemKey, Window],
    balances: Mapping[int, int],
    now: int,
) -> ChargePlan:
    """Decides requests in their order, each all or nothing.

    An item paid by an earlier request of the group is free for a later one. An org without an
    account has a balance of 0.
    """
    left: MutableMapping[int, int] = dict(balances)
    paid: set[ItemKey] = set()
    outcomes: list[Charge | CreditsExhausted] = []
    unlocks: list[Unlock] = []
    for index, request in enumerate(requests):
        org_id = request.call.org_id
        balance = left.get(org_id, 0)
        due: list[Unlock] = []
        items = request.items
        for item_id in dict.fromkeys(items) if len(items) > 1 else items:
            key = (org_id, item_id)
            window = windows.get(key)
            if key in paid or (window is not None and now < window.expires_at):
                continue
            due.append(Unlock(index, item_id, 1 if window is None else window.number + 1))
        if len(due) > balance:
            outcomes.append(CreditsExhausted(len(due), len(due) - balance))
            continue
        if due:
            left[org_id] = balance - len(due)
            if index + 1 < len(requests):
                paid.update([(org_id, unlock.item_id) for unlock in due])
            unlocks += due
        outcomes.append(Charge(len(due), balance - len(due)))
    spent = {
        org_id: balances[org_id] - balance
        for org_id, balance in left.items()
        if balance != balances[org_id]
    }
    return ChargePlan(tuple(outcomes), tuple(unlocks), spent)
