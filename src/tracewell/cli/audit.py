"""`tracewell audit`: heads, proofs and exports of the audit log, and whether it was altered.

Exit codes: 0 whole, 1 altered or not proven, 2 wrong usage or input, 3 unreachable.
"""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from tracewell.cli.audit_checks import verify, watch
from tracewell.cli.audit_inputs import run_audit
from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import CountBar
from tracewell.intrace.audit.export_lines import ExportFormat, Product
from tracewell.kernel.errors import ApiError
from tracewell.main.audit_access import ExportPlan, open_audit
from tracewell.main.settings import load_settings
from tracewell.main.syslog import SyslogSender


@click.group()
def audit() -> None:
    """The audit log: proofs that nothing in it was altered.

    \b
    Examples:
      tracewell audit verify
      tracewell audit watch --state head.json
      tracewell audit export --format jsonl --output audit.jsonl
    """


@audit.command()
@data_option
@json_option
def head(data: Path | None, as_json: bool) -> None:
    """Prints the signed head of the log, a checkpoint to be kept elsewhere.

    \b
    Example:
      tracewell audit head > head-2026-06-01.txt
    """

    async def run() -> Any:
        async with open_audit(load_settings(data=data)) as access:
            return await access.head()

    found = run_audit(run())
    if as_json:
        show(found.to_wire(), as_json=True)
    else:
        click.echo(found.note, nl=False)


@audit.command()
@click.argument("request_id")
@data_option
def proof(request_id: str, data: Path | None) -> None:
    """Prints the proof that the log holds the record of REQUEST_ID and what became of it.

    It is JSON, the same as /v1/audit/REQUEST_ID/inclusion; `audit verify --inclusion` checks it.

    \b
    Example:
      tracewell audit proof req_01JNQBC4X8Y2Z3A4B5C6D7E8F9 > proof.json
    """

    async def run() -> Any:
        async with open_audit(load_settings(data=data)) as access:
            return await access.tree.inclusion(request_id)

    try:
        found = run_audit(run())
    except ApiError:
        fail(f"the log has no record of {request_id}", REFUSED)
    click.echo(orjson.dumps(found.to_wire(), option=orjson.OPT_INDENT_2).decode())


@audit.command()
@click.option("--format", "form", type=click.Choice([f.value for f in ExportFormat]),
              default="jsonl", show_default=True,
              help="JSON Lines, CEF, or RFC 5424 syslog.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False),
              help="A file; without it, standard output.")  # fmt: skip
@click.option("--from-leaf", "first", type=click.IntRange(0), default=0, show_default=True,
              help="Only from this leaf on: one after the last of an export before.")  # fmt: skip
@click.option("--send", "address",
              help="Send to a syslog server: udp://HOST:PORT, tcp:// or tls://.")  # fmt: skip
@data_option
def export(
    form: str, output: Path | None, first: int, address: str | None, data: Path | None
) -> None:
    """Writes the whole log, with all that it takes to check it alone.

    `audit verify --export` checks a file of any format with the public keys.

    \b
    Examples:
      tracewell audit export --output audit.jsonl
      tracewell audit export --format cef --from-leaf 120000 --output new.cef
      tracewell audit export --format syslog --send tls://siem.example.com:6514
    """
    if address is not None and (form != "syslog" or output is not None):
        raise click.UsageError("--send goes with --format syslog and without --output")
    product = Product(version("tracewell"), socket.gethostname()[:255] or "-")
    plan = ExportPlan(ExportFormat(form), product, first)
    run_audit(_export(plan, output, address, data))


async def _export(
    plan: ExportPlan, output: Path | None, address: str | None, data: Path | None
) -> None:
    with ExitStack() as stack:
        sender: SyslogSender | None = None
        file: BinaryIO = sys.stdout.buffer
        try:
            if address is not None:
                sender = stack.enter_context(SyslogSender(address))
            elif output is not None:
                file = stack.enter_context(output.open("wb"))
        except OSError as error:
            fail(f"{output}: {error.strerror}", USAGE)
        bar = stack.enter_context(CountBar("export", 0))
        async with open_audit(load_settings(data=data)) as access:
            async for lines in access.export(plan, bar.move_of):
                for line in lines:
                    if sender is not None:
                        sender.send(line)
                    else:
                        file.write(line + b"\n")
        file.flush()


audit.add_command(verify)
audit.add_command(watch)
