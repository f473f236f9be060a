"""`tracewell verify`: check a report, as bundle or PDF, against a JWK set, offline.

Exit codes: 0 verified, 1 not verified, 2 an input cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click
import orjson
from cryptography.x509 import Certificate

from tracewell.kernel.clock import format_utc
from tracewell.kernel.signing import (
    BUNDLE_BYTES_MAX,
    Bundle,
    JwksError,
    Logged,
    NotVerified,
    Timestamp,
    TimestampMissing,
    VerificationKeys,
    VerifiedBundle,
    parse_bundle,
    parse_jwks,
    verify_bundle,
)
from tracewell.kernel.signing.document_key import parse_certificates
from tracewell.kernel.signing.encoding import parse_json_object
from tracewell.kernel.signing.keys import JWKS_BYTES_MAX
from tracewell.kernel.signing.timestamps import parse_roots

_REQUEST_ID_CHARACTERS_MAX = 128


@click.command(epilog="Exit codes: 0 verified, 1 not verified, 2 an input cannot be read.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--jwks",
    "jwks_file",
    required=True,
    type=click.Path(path_type=Path),
    help="The public keys, as /.well-known/jwks.json serves them. Get them once, from the "
    "organisation itself and not from whoever handed you the report.",
)
@click.option(
    "--tsa",
    "tsa_file",
    type=click.Path(path_type=Path),
    help="The root certificates (PEM) of the time-stamp authority. Without them a time stamp is "
    "told as unchecked.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def verify(file: Path, jwks_file: Path, tsa_file: Path | None, as_json: bool) -> None:
    """Check that a report in FILE ("-" for standard input) is genuine and unaltered.

    FILE is a bundle or a PDF, as the engine gives them. Checked are hash, signature and revocation
    of the key; then, where they are in it, the proof that the audit log holds the report, the
    log's signed head, and the time stamp. Of a PDF its own signature comes first. Works offline:
    nothing is fetched, and nothing is trusted but what is in the --jwks and --tsa files.

    \b
    Examples:
      tracewell verify report.json --jwks jwks.json
      tracewell verify report.json --jwks jwks.json --tsa timestamp-roots.pem
      tracewell verify report.pdf --jwks jwks.json --json
    """
    try:
        data = _read_bounded(file, BUNDLE_BYTES_MAX)
        jwks = _read_bounded(jwks_file, JWKS_BYTES_MAX)
        authorities = _read_authorities(tsa_file)
        trusted = Trusted(parse_jwks(jwks), authorities, _parse_certificates(jwks))
    except (OSError, JwksError, _TooLargeError, _NoCertificatesError) as error:
        _refuse_input(error, as_json=as_json)
    try:
        outcome = _check_pdf(data, trusted) if data.startswith(b"%PDF-") else _check(data, trusted)
    except NotVerified as error:
        if as_json:
            _print_json({"verified": False, "failure_reason": error.reason, "message": str(error)})
        else:
            click.echo(f"NOT VERIFIED ({error.reason}): {error}")
        sys.exit(1)
    if as_json:
        _print_json({"verified": True, "failure_reason": None, **outcome})
    else:
        click.echo("VERIFIED: these bytes are what was signed.")
        for name, value in outcome.items():
            if shown := _in_words(value):
                click.echo(f"  {name:<15} {shown}")


class _TooLargeError(Exception):
    """A file exceeds its bound."""


class _NoCertificatesError(Exception):
    """The authority's file holds no certificate."""


def _read_authorities(path: Path | None) -> list[Certificate]:
    if path is None:
        return []
    try:
        return parse_roots(_read_bounded(path, JWKS_BYTES_MAX))
    except ValueError as error:
        raise _NoCertificatesError(f"{path} holds no PEM certificate") from error


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the organisation has published: keys of reports, certificates of PDF files."""

    keys: VerificationKeys
    authorities: Sequence[Certificate]
    certificates: Mapping[str, tuple[Certificate, ...]]


def _parse_certificates(jwks: bytes) -> Mapping[str, tuple[Certificate, ...]]:
    try:
        return parse_certificates(parse_json_object(jwks))
    except ValueError as error:
        raise JwksError('a certificate ("x5c") of the key set cannot be read') from error


def _check(data: bytes, trusted: Trusted) -> dict[str, Any]:
    bundle = parse_bundle(data)
    return _describe(bundle, verify_bundle(bundle, trusted.keys, trusted.authorities))


def _check_pdf(data: bytes, trusted: Trusted) -> dict[str, Any]:
    """The file's own signature, then that of the report that is attached to it."""
    from tracewell.kernel.signing.pades import verify_pdf  # half a second to load

    verified = verify_pdf(data, trusted.certificates)
    bundle = verified.attachments.get("bundle.json")
    told = {"unchecked": ["report"]} if bundle is None else _check(bundle, trusted)
    return {
        **told,
        "pdf_signed_at": format_utc(verified.signed_at_ms),
        "pdf_certificate": verified.certificate_sha256,
    }


def _describe(bundle: Bundle, verified: VerifiedBundle) -> dict[str, Any]:
    return {
        "request_id": _find_request_id(bundle.payload),
        "report_hash": bundle.report_hash,
        "report_bytes": len(bundle.payload),
        "signed_at": format_utc(verified.signed_at_ms),
        "key_id": verified.kid,
        "audit_log": _describe_log(verified.logged),
        "timestamp": _describe_timestamp(verified.timestamp),
        "unchecked": list(verified.unchecked),
    }


def _describe_log(logged: Logged | None) -> dict[str, Any] | None:
    if logged is None:
        return None
    return {
        "log": logged.origin,
        "leaf_index": logged.leaf,
        "tree_size": logged.tree_size,
        "logged_at": format_utc(logged.at_ms),
        "head_key_id": logged.kid,
    }


def _describe_timestamp(timestamp: Timestamp | TimestampMissing | None) -> dict[str, Any] | None:
    if isinstance(timestamp, Timestamp):
        return {"stamped_at": format_utc(timestamp.at_ms), "proven": timestamp.proven}
    return None if timestamp is None else {"missing": str(timestamp)}


def _in_words(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{key.replace('_', ' ')} {_in_words(v)}" for key, v in value.items())
        case _:
            return str(value)


def _find_request_id(payload: bytes) -> str | None:
    """The report's own id, when it has one that is safe to print on a terminal."""
    try:
        request_id = parse_json_object(payload).get("request_id")
    except ValueError:
        return None
    if not isinstance(request_id, str) or len(request_id) > _REQUEST_ID_CHARACTERS_MAX:
        return None
    return request_id if request_id.isascii() and request_id.isprintable() else None


def _read_bounded(path: Path, bytes_max: int) -> bytes:
    if str(path) == "-":
        return _read(sys.stdin.buffer, bytes_max, path)
    with path.open("rb") as file:
        return _read(file, bytes_max, path)


def _read(file: BinaryIO, bytes_max: int, path: Path) -> bytes:
    data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise _TooLargeError(f"{path} is larger than {bytes_max} bytes")
    return data


def _refuse_input(error: Exception, *, as_json: bool) -> NoReturn:
    text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    if as_json:
        _print_json({"verified": None, "error": text})
    else:
        click.echo(f"Cannot read an input: {text}", err=True)
    sys.exit(2)


def _print_json(members: dict[str, Any]) -> None:
    click.echo(orjson.dumps(members, option=orjson.OPT_INDENT_2).decode())
