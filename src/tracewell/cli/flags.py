"""`tracewell admin flags`: what orgs say is wrong with companies, and the verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.on_ground import run_on_ground
from tracewell.cli.options import data_option, json_option, show
from tracewell.main.ground import Ground
from tracewell.trace.flags.model import NOTE_CHARS_MAX, STATUSES, FlagRow, FlagStatus, Verdict
from tracewell.trace.flags.routes import describe_flag
from tracewell.trace.flags.service import Flags

note_option = click.option("--note", help="Words that the org reads with the verdict.")


@click.group()
def flags() -> None:
    """Flags: what orgs say is wrong with a company. A verdict changes no company either.

    \b
    Examples:
      tracewell admin flags list --status queued
      tracewell admin flags resolve flg_... --note "Crawled again; the name is right now."
      tracewell admin flags reject flg_... --note "The page says so."
    """


@flags.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only flags of this state.")
@click.option("--company", help="Only flags of this company: a domain or a slug.")
@click.option("--before", help="Go on behind this flag, the last one of the page before.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Flags at most."
)
@data_option
@json_option
def list_flags(
    status: FlagStatus | None,
    company: str | None,
    before: str | None,
    limit: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """The newest flags, a page at a time.

    \b
    Examples:
      tracewell admin flags list --status queued --limit 100
      tracewell admin flags list --company acme.example --json
      tracewell admin flags list --before flg_...
    """

    async def read(ground: Ground) -> list[FlagRow]:
        # One more than asked for tells whether there is a next page.
        return await _flags(ground).list_flags(
            limit=limit + 1, status=status, company=company, before=before
        )

    found = run_on_ground(data, read)
    page, next_before = found[:limit], found[limit - 1].flag.flag_id if found[limit:] else None
    if as_json:
        told = {"flags": [_row(row) for row in page], "next_before": next_before}
        show(told, as_json=True)
        return
    for row in page:
        flag = row.flag
        words = " ".join((flag.description or "").split())[:80]
        click.echo(f"{flag.flag_id}  {flag.status:<8}  {row.company_domain}  {words}".rstrip())
    if next_before is not None:
        click.echo(f"\nThere are more: --before {next_before}", err=True)


@flags.command("show")
@click.argument("flag_id")
@data_option
@json_option
def show_flag(flag_id: str, data: Path | None, as_json: bool) -> None:
    """A flag with all its words.

    \b
    Example:
      tracewell admin flags show flg_... --json
    """
    row = run_on_ground(data, lambda ground: _flags(ground).find_flag(flag_id))
    if row is None:
        fail(f"there is no flag {flag_id}", REFUSED)
    show(_row(row), as_json=as_json)


@flags.command("resolve")
@click.argument("flag_id")
@note_option
@data_option
@json_option
def resolve_flag(flag_id: str, note: str | None, data: Path | None, as_json: bool) -> None:
    """Says that what was flagged has been seen to.

    \b
    Example:
      tracewell admin flags resolve flg_... --note "Crawled again."
    """
    _decide(flag_id, "resolved", note, data, as_json)


@flags.command("reject")
@click.argument("flag_id")
@note_option
@data_option
@json_option
def reject_flag(flag_id: str, note: str | None, data: Path | None, as_json: bool) -> None:
    """Says that what was flagged stays as it is.

    \b
    Example:
      tracewell admin flags reject flg_... --note "The page says so."
    """
    _decide(flag_id, "rejected", note, data, as_json)


def _decide(
    flag_id: str, verdict: Verdict, note: str | None, data: Path | None, as_json: bool
) -> None:
    if note is not None and len(note) > NOTE_CHARS_MAX:
        fail(f"a note has at most {NOTE_CHARS_MAX} characters", USAGE)

    async def decide(ground: Ground) -> FlagRow:
        return await _flags(ground).decide_flag(flag_id, verdict, note)

    show(_row(run_on_ground(data, decide)), as_json=as_json)


def _flags(ground: Ground) -> Flags:
    return Flags(ground.database, ground.clock, ground.new_id)


def _row(row: FlagRow) -> dict[str, Any]:
    return {
        **describe_flag(row.flag),
        "company": row.company_slug,
        "domain": row.company_domain,
        "org": row.org_name,
        "key_id": row.flag.key_id,
    }
