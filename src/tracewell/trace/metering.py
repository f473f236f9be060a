"""The one way in which company records are told: read once, charged for what was read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from tracewell.kernel.credits import Call, Charge, ChargeRequest, CreditsExhausted, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.http.gate import Passed

Value = TypeVar("Value")


def call_of(passed: Passed) -> Call:
    """Who is charged for the request, and what the ledger says about it."""
    principal = passed.principal
    assert principal.org_id is not None, "the gate lets no one pass without an org"
    return Call(
        org_id=principal.org_id,
        channel="app" if principal.kind == "session" else "api",
        key_id=principal.key_id,
        endpoint=passed.endpoint.name,
        request_id=passed.request_id,
    )


def charge_headers(charge: Charge) -> Mapping[str, str]:
    """What every metered answer bears."""
    return {
        "X-Credits-Charged": str(charge.credits),
        "X-Credits-Remaining": str(charge.remaining),
    }


async def metered(
    database: Database,
    ledger: Ledger,
    call: Call,
    read: Callable[[Transaction], Awaitable[Found[Value]]],
) -> tuple[Value, Charge]:
    """Tells what `read` finds, charged for its companies (`Found.items`).

    Without a write when all of them are unlocked; else told only after the charge's commit. `read`
    must not write: it sees one state, and no writer waits for it. Raises CreditsExhausted (nothing
    was charged) and DatabaseFailed.
    """
    async with database.snapshot() as snapshot:
        found = await read(snapshot)
        (charge,) = await ledger.free(snapshot, [ChargeRequest(call, found.items)])
    if charge is None:
        async with database.transaction() as tx:
            (outcome,) = await ledger.charge_all(tx, [ChargeRequest(call, found.items)])
        # After the commit: a month's grant that this call has booked stands, paid or refused.
        if isinstance(outcome, CreditsExhausted):
            raise outcome
        charge = outcome
    return found.answer, charge
