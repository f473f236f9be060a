"""What the commands of the audit log read and tell: keys, heads, states, findings."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, UNREACHABLE, USAGE, fail
from tracewell.cli.options import show
from tracewell.intrace.audit.findings import Findings, KnownHead
from tracewell.intrace.audit.proofs import LogAltered
from tracewell.kernel.signing import (
    JwksError,
    NoteInvalid,
    VerificationKeys,
    parse_jwks,
    verify_checkpoint,
)
from tracewell.kernel.signing.keys import JWKS_BYTES_MAX
from tracewell.kernel.signing.notes import NOTE_BYTES_MAX
from tracewell.main.audit_access import AuditRefused, require_database
from tracewell.main.audit_watch import (
    WatchRefused,
    WatchState,
    load_state,
)
from tracewell.main.settings import load_settings
from tracewell.main.signing import open_signing
from tracewell.main.syslog import SyslogUnreachable

file_type = click.Path(path_type=Path)
jwks_option = click.option(
    "--jwks", "jwks_file", type=file_type,
    help="The public keys, as /.well-known/jwks.json serves them; without it, those of the data "
    "folder.",
)  # fmt: skip


def run_audit(coroutine: Any) -> Any:
    """Runs it; tells in a line what a person can do something about."""
    try:
        return asyncio.run(coroutine)
    except LogAltered as error:
        fail(f"THE LOG WAS ALTERED: {error}; `tracewell audit verify` names the records", REFUSED)
    except (AuditRefused, WatchRefused) as error:
        fail(str(error), REFUSED)
    except SyslogUnreachable as error:
        fail(str(error), UNREACHABLE)
    except ValueError as error:
        if isinstance(error, NoteInvalid):
            raise
        fail(str(error), USAGE)


def tell(is_whole: bool, told: dict[str, Any], findings: Findings, as_json: bool) -> None:
    """Prints the outcome of a check; ends the command with 1 where something is wrong."""
    if as_json:
        wire = [finding.to_wire() for finding in findings.told]
        body = {"whole": is_whole, **told, "finding_count": findings.count, "findings": wire}
        show(body, as_json=True)
    else:
        click.echo("WHOLE: nothing was altered." if is_whole else "NOT WHOLE:")
        for finding in findings.told:
            click.echo(f"  {finding}")
        if findings.count > len(findings.told):
            click.echo(f"  and {findings.count - len(findings.told)} more")
        show(told, as_json=False)
    if not is_whole:
        sys.exit(REFUSED)


def read_keys(jwks_file: Path | None, data: Path | None) -> VerificationKeys:
    """The public keys of a file, or those of the deployment."""
    if jwks_file is None:
        settings = load_settings(data=data)
        try:
            require_database(settings)  # before a key is made in a folder that is none of ours
        except AuditRefused as error:
            fail(f"{error}, or the public keys with --jwks", REFUSED)
        return open_signing(settings).verification_keys()
    try:
        return parse_jwks(read_bounded(jwks_file, JWKS_BYTES_MAX))
    except JwksError as error:
        fail(f"{jwks_file}: {error}", USAGE)


def read_head(path: Path, keys: VerificationKeys) -> KnownHead:
    """A kept head, its signature checked."""
    try:
        note = read_bounded(path, NOTE_BYTES_MAX).decode("utf-8")
        return KnownHead(verify_checkpoint(note, keys).checkpoint, str(path))
    except (UnicodeDecodeError, NoteInvalid) as error:
        told = error if isinstance(error, NoteInvalid) else "not a checkpoint"
        fail(f"{path}: {told}", REFUSED)


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """A file of at most so many bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        fail(f"{path}: {error.strerror}", USAGE)
    if len(data) > bytes_max:
        fail(f"{path} is larger than {bytes_max} bytes", USAGE)
    return data


def read_state(path: Path) -> WatchState | None:
    """The state of a watch; None where there is none yet."""
    try:
        return load_state(path)
    except WatchRefused as error:
        fail(str(error), USAGE)
