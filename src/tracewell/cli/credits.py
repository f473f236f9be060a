"""`tracewell admin credits`: what the operator does with credits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, fail
from tracewell.cli.on_ground import run_on_ground
from tracewell.cli.options import data_option, json_option, show
from tracewell.main import operations
from tracewell.main.ground import Ground


@click.group("credits")
def credits_group() -> None:
    """Credits.

    \b
    Example:
      tracewell admin credits grant Acme 500 --reason "pilot"
    """


@credits_group.command("grant")
@click.argument("org_name", metavar="ORG")
@click.argument("amount", metavar="N", type=click.IntRange(1, 1_000_000_000))
@click.option("--reason", required=True, help="Kept in the ledger.")
@data_option
@json_option
def credits_grant(
    org_name: str, amount: int, reason: str, data: Path | None, as_json: bool
) -> None:
    """Books a grant of N credits.

    \b
    Example:
      tracewell admin credits grant Acme 500 --reason "pilot"
    """

    async def work(ground: Ground) -> dict[str, Any]:
        of = await ground.identity.get_org(org_name)
        balance = await operations.grant_credits(ground, of, amount, reason)
        return {"org": of.name, "granted": amount, "balance": balance, "reason": reason}

    if not 1 <= len(reason.strip()) <= operations.REASON_CHARS_MAX:
        fail(f"a reason has 1 to {operations.REASON_CHARS_MAX} characters", REFUSED)
    show(run_on_ground(data, work), as_json=as_json)
