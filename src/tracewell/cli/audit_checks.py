"""`tracewell audit verify` and `watch`: whether the log, or what was taken from it, was altered."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from tracewell.cli.audit_inputs import (
    file_type,
    jwks_option,
    read_bounded,
    read_head,
    read_keys,
    read_state,
    run_audit,
    tell,
)
from tracewell.cli.errors import REFUSED, UNREACHABLE, USAGE, fail
from tracewell.cli.options import Span, data_option, json_option, show
from tracewell.cli.progress import CountBar
from tracewell.intrace.audit.checking import Outside
from tracewell.intrace.audit.export_check import CheckedExport, ExportMalformed, check_export
from tracewell.intrace.audit.findings import Findings, KnownHead
from tracewell.intrace.audit.inclusion_check import INCLUSION_BYTES_MAX, check_inclusion
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.merkle_proofs import ProofInvalid
from tracewell.kernel.signing import (
    NoteInvalid,
    VerificationKeys,
)
from tracewell.kernel.signing.encoding import encode_base64
from tracewell.main.audit_access import AuditAccess, open_audit
from tracewell.main.audit_watch import (
    LogUnreachable,
    ServedLog,
    WatchedLog,
    known_heads,
    look,
    save_state,
)
from tracewell.main.settings import load_settings

KEY_VARIABLE = "TRACEWELL_API_KEY"


@click.command()
@click.option(
    "--export", "export_file", type=file_type, help="Check this export, not the database."
)
@click.option("--inclusion", "inclusion_file", type=file_type,
              help="Check this proof of one request, not the database.")  # fmt: skip
@click.option("--head", "head_files", type=file_type, multiple=True,
              help="A head that was kept; the log must begin with its tree.")  # fmt: skip
@click.option("--kept", "state_file", type=file_type,
              help="State of `audit watch`: its head, and hashes that name records.")  # fmt: skip
@jwks_option
@data_option
@json_option
def verify(
    export_file: Path | None,
    inclusion_file: Path | None,
    head_files: tuple[Path, ...],
    state_file: Path | None,
    jwks_file: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Checks the log: every record against its leaf, every leaf against the signed heads.

    With the database alone it finds what contradicts itself or a head stored there. Give a head
    that was kept outside (--head, --kept) to find also what was rewritten from the begin.

    \b
    Examples:
      tracewell audit verify --head head-2026-06-01.txt
      tracewell audit verify --export audit.jsonl --jwks jwks.json --head head.txt
      tracewell audit verify --inclusion proof.json --jwks jwks.json
    """
    if (export_file is not None) + (inclusion_file is not None) + (state_file is not None) > 1:
        raise click.UsageError("--export, --inclusion and --kept do not go together")
    keys = read_keys(jwks_file, data)
    heads = [read_head(path, keys) for path in head_files]
    if inclusion_file is not None:
        _verify_inclusion(inclusion_file, keys, as_json)
    elif export_file is not None:
        _verify_export(export_file, keys, heads, as_json)
    else:
        _verify_database(data, keys, heads, state_file, as_json)


def _verify_database(
    data: Path | None,
    keys: VerificationKeys,
    heads: Sequence[KnownHead],
    state_file: Path | None,
    as_json: bool,
) -> None:
    state = read_state(state_file) if state_file is not None else None
    outside = Outside(
        keys, [*heads, *known_heads(state, str(state_file))], state.leaf_hashes if state else ()
    )

    async def run() -> Any:
        async with open_audit(load_settings(data=data)) as access:
            with CountBar("verify", 0) as bar:
                return await access.check(outside, bar.move_of)

    checked = run_audit(run())
    told = {
        "leaves": checked.size,
        "root_hash": encode_base64(checked.root),
        "records": checked.records,
        "records_purged": checked.purged,
        "heads_matched": checked.heads_matched,
    }
    tell(checked.is_whole, told, checked.findings, as_json)


def _verify_export(
    path: Path, keys: VerificationKeys, heads: Sequence[KnownHead], as_json: bool
) -> None:
    try:
        with path.open("rb") as lines:
            checked: CheckedExport = check_export(lines, keys, heads)
    except OSError as error:
        fail(f"{path}: {error.strerror}", USAGE)
    except ExportMalformed as error:
        fail(f"{path}: {error}", REFUSED)
    told = {
        "leaves": checked.end - checked.first,
        "first_leaf": checked.first,
        "records_purged": checked.purged,
        "heads_matched": checked.heads_matched,
    }
    tell(checked.is_whole, told, checked.findings, as_json)


def _verify_inclusion(path: Path, keys: VerificationKeys, as_json: bool) -> None:
    try:
        checked = check_inclusion(read_bounded(path, INCLUSION_BYTES_MAX), keys)
    except ProofInvalid as error:
        if as_json:
            show({"whole": False, "reason": str(error)}, as_json=True)
            sys.exit(REFUSED)
        fail(f"NOT PROVEN: {error}", REFUSED)
    signed = checked.signed
    told = {
        "request_id": checked.request_id,
        "record_leaf": checked.record_leaf,
        "completion_leaf": checked.completion_leaf,
        "report_hash": checked.report_hash,
        "failure": checked.failure,
        "origin": signed.checkpoint.origin,
        "tree_size": signed.checkpoint.size,
        "key_id": signed.kid,
    }
    tell(True, told, Findings(), as_json)


@click.command()
@click.option("--state", "state_file", type=file_type, required=True,
              help="Where the last head is kept; best on a machine of the auditor.")  # fmt: skip
@click.option("--url", help="Intrace's address, what stands before /v1; without it the database is "
              f"read. The key stands in {KEY_VARIABLE}, it needs audit:read.")  # fmt: skip
@click.option("--every", type=Span(), help="Go on watching, so often (90s, 15m, 12h).")
@jwks_option
@data_option
@json_option
def watch(
    state_file: Path,
    url: str | None,
    every: int | None,
    jwks_file: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Compares the log with the head that was kept last, and keeps the new one if it only grew.

    Beside the state stands a file of 32 bytes for each leaf, so that an altered leaf is named. The
    state is never replaced by a head that does not go on from it. With --every a log that cannot be
    reached is told and looked at again; one that was altered ends the watch.

    \b
    Examples:
      tracewell audit watch --state head.json
      TRACEWELL_API_KEY=... tracewell audit watch --state head.json \\
        --url https://intrace.example.com/intrace --jwks jwks.json --every 15m
    """
    if url is not None and jwks_file is None:
        raise click.UsageError("--url needs --jwks: get the keys once, over a channel you trust")
    if url is not None and not os.environ.get(KEY_VARIABLE):
        raise click.UsageError(f"--url needs an API key in {KEY_VARIABLE}")
    keys = read_keys(jwks_file, data)
    while True:
        try:
            _look_once(state_file, url, keys, data, as_json)
        except (LogUnreachable, DatabaseFailed) as error:
            if every is None:
                fail(str(error), UNREACHABLE)
            # An outage is told and waited for: it must not end the watch.
            click.echo(f"tracewell: {error}", err=True)
        if every is None:
            return
        time.sleep(every / 1000)


def _look_once(
    state_file: Path, url: str | None, keys: VerificationKeys, data: Path | None, as_json: bool
) -> None:
    old = read_state(state_file)

    async def run() -> Any:
        async with AsyncExitStack() as stack:
            log: WatchedLog
            if url is not None:
                log = ServedLog(url, os.environ.get(KEY_VARIABLE, ""))
            else:
                log = _Stored(await stack.enter_async_context(open_audit(load_settings(data=data))))
            return await look(log, keys, old)

    try:
        new, findings = run_audit(run())
    except NoteInvalid as error:
        fail(f"the log's head is {error}", REFUSED)
    if new is not None:
        try:
            save_state(state_file, new, len(old.leaf_hashes) if old is not None else 0)
        except OSError as error:
            fail(f"{state_file}: {error.strerror}", USAGE)
    told = {
        "leaves_kept_before": old.head.size if old is not None else None,
        "leaves": new.head.size if new is not None else None,
        "root_hash": encode_base64(new.head.root) if new is not None else None,
    }
    tell(new is not None, told, findings, as_json)


class _Stored:
    """The log in the database, as a watch sees it."""

    def __init__(self, access: AuditAccess) -> None:
        self._access = access

    async def fetch_head(self) -> str:
        return (await self._access.head()).note

    async def fetch_leaves(self, first: int, end: int) -> Sequence[bytes]:
        return await self._access.list_leaf_hashes(first, end)
