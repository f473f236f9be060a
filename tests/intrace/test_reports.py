"""Reports: the bundle, its verification, and every way in which stored bytes can be altered."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.intrace.serving import Server, alter, read

from tracewell.kernel.clock import parse_utc
from tracewell.kernel.signing import (
    Revocation,
    RevocationReason,
    parse_bundle,
    parse_jwks,
    parse_signing_key,
    sign_payload,
    verify_bundle,
)

ADA = {"identifiers": [{"type": "email", "value": "ada@lovelace.example.com"}]}
BOB = {"identifiers": [{"type": "email", "value": "bob@lovelace.example.com"}]}


def look_up(client: httpx.Client, body: Any = ADA) -> dict[str, Any]:
    answer = client.post("/v1/lookup", json=body)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()
    return result


def verify(client: httpx.Client, request_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/reports/{request_id}/verify")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def test_an_untouched_report_is_verified(analyst: httpx.Client) -> None:
    result = look_up(analyst)

    told = verify(analyst, result["request_id"])

    assert parse_utc(told.pop("checked_at")) >= parse_utc(told["signed_at"])
    assert told == {
        "request_id": result["request_id"],
        "verified": True,
        "report_hash": result["report"]["hash"],
        "signed_at": result["report"]["signed_at"],
        "failure_reason": None,
    }


def test_the_bundle_verifies_offline_with_the_public_keys_alone(
    server: Server, analyst: httpx.Client
) -> None:
    result = look_up(analyst)

    bundle = parse_bundle(analyst.get(f"/v1/reports/{result['request_id']}").content)

    verified = verify_bundle(bundle, parse_jwks(server.signing.jwks()))
    assert verified.kid == result["report"]["key_id"]
    assert bundle.report_hash == result["report"]["hash"]


OTHERS = ("other_payload", "other_hash", "other_signature", "other_signed_at")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("payload = :other_payload", "hash_mismatch"),
        ("report_hash = :other_hash", "hash_mismatch"),
        ("signature = :other_signature", "signature_invalid"),
        ("signature = 'a..b'", "signature_malformed"),
        ("payload = :other_payload, report_hash = :other_hash", "signature_invalid"),
        ("payload = :other_payload, report_hash = :other_hash, signature = :other_signature,"
         " signed_at = :other_signed_at", "audit_mismatch"),
        ("signed_at = signed_at - 1000", "stored_fields_mismatch"),
        ("key_id = 'another'", "stored_fields_mismatch"),
    ],
)  # fmt: skip
def test_an_altered_report_is_not_verified(
    server: Server, analyst: httpx.Client, change: str, reason: str
) -> None:
    request_id = look_up(analyst)["request_id"]
    other_id = look_up(analyst, BOB)["request_id"]
    columns = (
        "SELECT payload, report_hash, signature, signed_at FROM reports WHERE request_id = :id"
    )
    [other] = read(server.database_url, columns, id=other_id)
    values = dict(zip(OTHERS, other, strict=True))

    named = {name: value for name, value in values.items() if f":{name}" in change}
    changed = alter(
        server.database_url,
        f"UPDATE reports SET {change} WHERE request_id = :id",
        id=request_id,
        **named,
    )

    assert changed == 1
    told = verify(analyst, request_id)
    assert (told["verified"], told["failure_reason"]) == (False, reason)
    assert verify(analyst, other_id)["verified"] is True


def test_one_altered_byte_is_noticed(server: Server, analyst: httpx.Client) -> None:
    request_id = look_up(analyst)["request_id"]
    [(payload,)] = read(server.database_url, "SELECT payload FROM reports")

    alter(server.database_url, "UPDATE reports SET payload = :it", it=payload[:-1] + b" }")

    assert verify(analyst, request_id)["failure_reason"] == "hash_mismatch"


def test_old_reports_verify_after_the_key_was_replaced_and_after_it_is_gone(
    server: Server, analyst: httpx.Client
) -> None:
    old = look_up(analyst)
    fresh = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    server.signing_key_path.write_bytes(fresh)
    new = look_up(analyst)

    assert old["report"]["key_id"] != new["report"]["key_id"]
    assert verify(analyst, old["request_id"])["verified"] is True
    assert verify(analyst, new["request_id"])["verified"] is True
    server.signing_key_path.unlink()
    assert verify(analyst, old["request_id"])["verified"] is True


def test_a_stolen_key_spoils_what_it_signed_after_and_nothing_that_the_log_dates_before(
    server: Server, analyst: httpx.Client
) -> None:
    before = look_up(analyst)["request_id"]
    server.clock_offset_ms[0] = 3_600_000
    stolen_at = look_up(analyst)
    kid = stolen_at["report"]["key_id"]
    at = parse_utc(stolen_at["report"]["signed_at"])
    server.signing.revoke(kid, Revocation(at, RevocationReason.COMPROMISED))

    assert verify(analyst, before)["verified"] is True
    assert verify(analyst, stolen_at["request_id"])["failure_reason"] == "key_revoked"
    # Dated back, as a thief would: the log knows better.
    backdated, signature = at - 1_800_000, "signature = :it, signed_at = :at WHERE request_id = :id"
    [(payload,)] = read(
        server.database_url, "SELECT payload FROM reports WHERE request_id = :id",
        id=stolen_at["request_id"],
    )  # fmt: skip
    key = parse_signing_key(server.signing_key_path.read_bytes())
    forged = sign_payload(payload, key, signed_at_ms=backdated)
    alter(
        server.database_url, f"UPDATE reports SET {signature}",
        it=forged, at=backdated, id=stolen_at["request_id"],
    )  # fmt: skip
    assert verify(analyst, stolen_at["request_id"])["failure_reason"] == "key_revoked"


def test_with_a_revoked_key_nothing_is_answered_until_it_is_rotated(
    server: Server, analyst: httpx.Client
) -> None:
    kid = look_up(analyst)["report"]["key_id"]
    server.signing.revoke(kid, Revocation(0, RevocationReason.COMPROMISED))

    refused = analyst.post("/v1/lookup", json=ADA)
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "signing_failed")
    server.signing.rotate()
    assert look_up(analyst)["report"]["key_id"] != kid


def test_anybody_who_reads_reports_may_verify_one_and_only_its_owner_gets_it(
    server: Server, analyst: httpx.Client
) -> None:
    request_id = look_up(analyst)["request_id"]
    with server.user("bob") as bob, server.client("admin") as admin:
        assert verify(bob, request_id)["verified"] is True
        assert bob.get(f"/v1/reports/{request_id}").status_code == 404
        assert admin.get(f"/v1/reports/{request_id}").status_code == 403


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.parametrize("path", ["{}", "{}/verify"])
@pytest.mark.parametrize("request_id", ["req_" + "0" * 26, "nothing", "%00"])
def test_an_unknown_report_is_not_found(analyst: httpx.Client, path: str, request_id: str) -> None:
    answer = analyst.get(f"/v1/reports/{path.format(request_id)}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
