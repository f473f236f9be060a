"""`tracewell keys`: the keys that sign reports.

Works on files alone, so a running server sees a change at its next signature.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, fail
from tracewell.cli.options import Moment, data_option, json_option, show, show_all
from tracewell.kernel.clock import SECOND_MS, format_utc, system_clock
from tracewell.kernel.signing import Keyring, Revocation, RevocationReason, SigningFailed
from tracewell.main.settings import load_settings
from tracewell.main.signing import open_signing

# SHA-256 in base64url (RFC 7638), and longer than any option.
_HYPHENED_KEY_ID = re.compile(r"-[A-Za-z0-9_-]{42}")

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done, and do nothing."
)


@click.group()
def keys() -> None:
    """The keys that sign reports: list, rotate, revoke.

    \b
    Examples:
      tracewell keys list
      tracewell keys rotate --dry-run
      tracewell keys revoke 4vV0...xk --reason compromised --at 2026-11-01T00:00:00Z
    """


@keys.command("list")
@data_option
@json_option
def list_keys(data: Path | None, as_json: bool) -> None:
    """Lists every key that signs or ever signed, as /.well-known/jwks.json publishes them.

    \b
    States: signs (the key of the next report), retired (old reports verify), revoked.

    \b
    Example:
      tracewell keys list --json
    """
    signing = open_signing(load_settings(data=data))
    show_all(_rows(signing), as_json=as_json)


@keys.command()
@dry_run_option
@data_option
@json_option
def rotate(dry_run: bool, data: Path | None, as_json: bool) -> None:
    """Replaces the signing key by a new one.

    Reports that are signed already still verify: the old public key stays published. The old
    private key is overwritten; keep a copy first if anything else needs it. An encrypted key file
    is replaced by one that is not encrypted.

    \b
    Examples:
      tracewell keys rotate --dry-run
      tracewell keys rotate --data /var/lib/tracewell
    """
    signing = open_signing(load_settings(data=data))
    if dry_run:
        told: dict[str, Any] = {"old_key_id": _current(signing), "new_key_id": None}
    else:
        old, new = signing.rotate()
        told = {"old_key_id": old, "new_key_id": new}
    show({**told, "dry_run": dry_run}, as_json=as_json)


class _OfOneKey(click.Command):
    """A command whose argument is a key id. One in 64 begins with a hyphen: it is no option, nor a
    row of them (an `h` in it would ask for help)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts what can only be a key id behind the options."""
        if "--" not in args:
            named = [arg for arg in args if _HYPHENED_KEY_ID.fullmatch(arg)]
            args = [*(arg for arg in args if arg not in named), "--", *named]
        return super().parse_args(ctx, args)


@keys.command(cls=_OfOneKey)
@click.argument("key_id")
@click.option(
    "--reason",
    type=click.Choice([str(reason) for reason in RevocationReason]),
    required=True,
    help="compromised: somebody else may have the key. superseded: it is merely not to be used.",
)
@click.option(
    "--at",
    "revoked_at",
    type=Moment(),
    help="Since when the key is not to be trusted; for a stolen key, when it may have been "
    "stolen.  [default: now]",
)
@dry_run_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@json_option
def revoke(
    key_id: str,
    reason: str,
    revoked_at: int | None,
    dry_run: bool,
    yes: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Withdraws trust from a key from a moment on. It cannot be taken back.

    Reports of that key that are dated after the moment verify no more. Those dated before verify
    where somebody else than the key proves that they existed: this engine's audit log, or a time
    stamp. With the reason superseded the key's own word on their date is enough. A key that is
    revoked signs no more: rotate first, or lookups fail with signing_failed.

    \b
    Examples:
      tracewell keys revoke 4vV0...xk --reason compromised --at 2026-11-01T00:00:00Z --dry-run
      tracewell keys revoke 4vV0...xk --reason superseded --yes
    """
    signing = open_signing(load_settings(data=data))
    known = signing.verification_keys()
    if key_id not in known.by_kid:
        fail(f"there is no key {key_id}; see tracewell keys list", REFUSED)
    if key_id in known.revocations:
        when = format_utc(known.revocations[key_id].revoked_at_ms)
        fail(f"the key is revoked already, since {when}", REFUSED)
    moment = system_clock() if revoked_at is None else revoked_at
    # Up to the next whole second: what was signed in this one was signed before the order.
    revocation = Revocation(-(-moment // SECOND_MS) * SECOND_MS, RevocationReason(reason))
    signs_now = key_id == _current(signing)
    if not dry_run:
        if not yes:
            click.confirm(_question(key_id, revocation, signs_now), abort=True, err=True)
        signing.revoke(key_id, revocation)
    told = {
        "key_id": key_id,
        "revoked_at": format_utc(revocation.revoked_at_ms),
        "reason": reason,
        "signs_now": signs_now,
        "dry_run": dry_run,
    }
    show(told, as_json=as_json)


def _question(key_id: str, revocation: Revocation, signs_now: bool) -> str:
    since = format_utc(revocation.revoked_at_ms)
    warning = (
        "It is the key that signs now: lookups fail until it is rotated. " if signs_now else ""
    )
    return f"{warning}Revoke {key_id} from {since} on, for ever?"


def _current(signing: Keyring) -> str | None:
    try:
        return signing.current_kid()
    except SigningFailed:
        return None


def _rows(signing: Keyring) -> list[dict[str, Any]]:
    known = signing.verification_keys()
    current = _current(signing)
    rows = []
    for kid in known.by_kid:
        revocation = known.revocations.get(kid)
        state = "revoked" if revocation else "signs" if kid == current else "retired"
        rows.append(
            {
                "key_id": kid,
                "state": state,
                "revoked_at": format_utc(revocation.revoked_at_ms) if revocation else None,
                "reason": str(revocation.reason) if revocation else None,
            }
        )
    return rows
