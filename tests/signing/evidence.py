"""A bundle with everything in it: a log of three leaves, a stamp of the tests' own authority."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.x509 import Certificate
from tests.timestamp_authority import Authority

from tracewell.kernel.clock import format_utc
from tracewell.kernel.merkle import hash_leaf
from tracewell.kernel.signing import (
    Checkpoint,
    LogProof,
    SigningKey,
    build_bundle,
    canonical_json,
    hash_payload,
    sign_note,
    sign_payload,
)
from tracewell.kernel.signing.timestamps import (
    accept_response,
    build_timestamp_request,
    parse_roots,
)

NONCE = 0x1F2E3D4C5B6A7988
ORIGIN = "tracewell-audit/org_self"


def log_proof(
    payload: bytes, key: SigningKey, logged_at_ms: int, report_hash: str | None = None
) -> LogProof:
    """The proof of a completion that is the second leaf of three."""
    completion = {
        "request_id": "req_01JNQBC4X8Y2Z3A",
        "completed_at": format_utc(logged_at_ms),
        "failure": None,
        "report_hash": report_hash or hash_payload(payload),
    }
    entry = canonical_json({"completion": completion})
    first, last = hash_leaf(b"a record"), hash_leaf(b"another record")
    pair = sha256(b"\x01" + first + hash_leaf(entry)).digest()
    root = sha256(b"\x01" + pair + last).digest()
    head = sign_note(Checkpoint(ORIGIN, 3, root).to_text(), ORIGIN, key)
    return LogProof(entry, 1, (first, last), head)


def stamp(signature: str, authority: Authority) -> bytes:
    """A stamp over a signature."""
    data = signature.encode()
    response = authority.stamp(build_timestamp_request(data, NONCE))
    return accept_response(response, data, NONCE, roots_of(authority))


def roots_of(authority: Authority) -> list[Certificate]:
    """What a verifier trusts."""
    return parse_roots(authority.roots.read_bytes())


@dataclass(frozen=True)
class Evidenced:
    """A bundle and whom to trust."""

    data: bytes
    key: SigningKey
    roots: list[Certificate]


def make_evidenced(
    payload: bytes,
    key: SigningKey,
    authority: Authority,
    *,
    signed_at_ms: int,
    head_key: SigningKey | None = None,
) -> Evidenced:
    """A bundle with all members, whose log is signed by `head_key`."""
    signature = sign_payload(payload, key, signed_at_ms=signed_at_ms)
    proof = log_proof(payload, head_key or key, signed_at_ms)
    data = build_bundle(payload, signature, proof, stamp(signature, authority))
    return Evidenced(data, key, roots_of(authority))


def write_release(folder: Path, evidenced: Evidenced, jwks: bytes, roots: bytes) -> None:
    """Keeps a bundle as the test data of a release."""
    folder.mkdir()
    (folder / "bundle.json").write_bytes(evidenced.data)
    (folder / "jwks.json").write_bytes(jwks)
    (folder / "timestamp-roots.pem").write_bytes(roots)
