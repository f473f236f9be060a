"""`tracewell admin credits`: what the operator does with credits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.on_ground import run_on_ground
from tracewell.cli.options import data_option, json_option, show
from tracewell.kernel.credits.grants import RESERVED_PREFIXES
from tracewell.main import operations
from tracewell.main.ground import Ground

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_REQUEST_ID_RULE = (
    "1 to 100 letters, digits and . _ : -, and does not begin like those of monthly grants: "
    + ", ".join(RESERVED_PREFIXES)
)


@click.group("credits")
def credits_group() -> None:
    """Credits.

    \b
    Examples:
      tracewell admin credits show Acme
      tracewell admin credits grant Acme 500 --reason "pilot" --request-id invoice-2026-117
    """


@credits_group.command("show")
@click.argument("org_name", metavar="ORG")
@data_option
@json_option
def credits_show(org_name: str, data: Path | None, as_json: bool) -> None:
    """An org's balance, its plan, and when the plan grants how many credits.

    \b
    Example:
      tracewell admin credits show Acme --json
    """
    shown = run_on_ground(data, lambda ground: operations.show_credits(ground, org_name))
    show(shown, as_json=as_json)


@credits_group.command("settle")
@data_option
@json_option
def credits_settle(data: Path | None, as_json: bool) -> None:
    """Books the monthly grants that are due, as servers and workers do by themselves.

    \b
    Example:
      tracewell admin credits settle
    """
    count = run_on_ground(data, lambda ground: ground.ledger.settle_all(ground.database))
    show({"orgs_settled": count}, as_json=as_json)


@credits_group.command("grant")
@click.argument("org_name", metavar="ORG")
@click.argument("amount", metavar="N", type=click.IntRange(1, 1_000_000_000))
@click.option("--reason", required=True, help="Kept in the ledger.")
@click.option(
    "--request-id",
    help="Books it once: the same again, after a lost answer, grants nothing more.",
)
@data_option
@json_option
def credits_grant(
    org_name: str,
    amount: int,
    reason: str,
    request_id: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Books a grant of N credits.

    With --request-id the grant is booked once, however often the command is run; `booked` says
    whether it was this time.

    \b
    Examples:
      tracewell admin credits grant Acme 500 --reason "pilot"
      tracewell admin credits grant Acme 500 --reason "pilot" --request-id invoice-2026-117
    """

    async def work(ground: Ground) -> dict[str, Any]:
        of = await ground.identity.get_org(org_name)
        call, booking = await operations.grant_credits(ground, of, amount, reason, request_id)
        return {
            "org": of.name,
            "granted": amount,
            "balance": booking.balance,
            "reason": reason,
            "request_id": call.request_id,
            "booked": booking.is_new,
        }

    if not 1 <= len(reason.strip()) <= operations.REASON_CHARS_MAX:
        fail(f"a reason has 1 to {operations.REASON_CHARS_MAX} characters", REFUSED)
    if request_id is not None and (
        not _REQUEST_ID.fullmatch(request_id) or request_id.startswith(RESERVED_PREFIXES)
    ):
        fail(f"--request-id has {_REQUEST_ID_RULE}", USAGE)
    show(run_on_ground(data, work), as_json=as_json)
