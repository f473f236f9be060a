"""The bundle: what it holds, and that no byte of it can change unnoticed."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tracewell.kernel.signing import (
    FailureReason,
    NotVerified,
    SigningKey,
    VerificationKeys,
    build_bundle,
    canonical_json,
    hash_payload,
    parse_bundle,
    parse_jwks,
    sign_detached,
    sign_payload,
    verify_bundle,
)
from tracewell.kernel.signing.timestamps import parse_roots

REPORT = canonical_json(
    {"request_id": "req_01JNQBC4X8Y2Z3A", "entities": [{"name": "Žofie Nováková", "c": 0.93}] * 5}
)
RELEASED = sorted((Path(__file__).parent / "released").iterdir())


def _bundle(key: SigningKey, payload: bytes = REPORT) -> bytes:
    return build_bundle(payload, sign_payload(payload, key, signed_at_ms=1_767_225_600_000))


def _reason(data: bytes, keys: VerificationKeys) -> FailureReason:
    with pytest.raises(NotVerified) as caught:
        verify_bundle(parse_bundle(data), keys)
    return caught.value.reason


def test_a_bundle_holds_the_exact_bytes_their_hash_and_their_signature(
    key: SigningKey, keys: VerificationKeys
) -> None:
    members = json.loads(_bundle(key))
    assert sorted(members) == ["format", "payload", "report_hash", "signature"]
    assert base64.b64decode(members["payload"]) == REPORT
    assert members["report_hash"] == hash_payload(REPORT)
    bundle = parse_bundle(_bundle(key))
    assert bundle.payload == REPORT
    assert verify_bundle(bundle, keys).signed_at_ms == 1_767_225_600_000


def test_every_one_of_a_thousand_changed_bytes_is_caught(
    key: SigningKey, keys: VerificationKeys
) -> None:
    data = _bundle(key)
    source = random.Random(20_261_121)
    for _ in range(1_000):
        position = source.randrange(len(data))
        changed = bytearray(data)
        changed[position] ^= source.randrange(1, 256)
        _reason(bytes(changed), keys)


def test_every_single_bit_of_the_frame_around_the_payload_counts(
    key: SigningKey, keys: VerificationKeys
) -> None:
    data = _bundle(key, b"{}")
    for position in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            _reason(bytes(changed), keys)


def _changed(data: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(data), **changes}).encode()


def test_each_kind_of_change_has_its_reason(key: SigningKey, keys: VerificationKeys) -> None:
    data = _bundle(key)
    other = REPORT.replace(b"0.93", b"0.39")
    other_base64 = base64.b64encode(other).decode()
    foreign = sign_detached(REPORT, key, typ="another+jws", signed_at_ms=0)
    stale = json.loads(_bundle(key, other))["signature"]
    assert _reason(_changed(data, payload=other_base64), keys) is FailureReason.HASH_MISMATCH
    assert (
        _reason(_changed(data, payload=other_base64, report_hash=hash_payload(other)), keys)
        is FailureReason.SIGNATURE_INVALID
    )
    assert _reason(_changed(data, signature=stale), keys) is FailureReason.SIGNATURE_INVALID
    assert _reason(_changed(data, signature=foreign), keys) is FailureReason.PURPOSE_MISMATCH
    assert _reason(_changed(data, signature="x"), keys) is FailureReason.SIGNATURE_MALFORMED
    assert _reason(data, VerificationKeys({})) is FailureReason.KEY_UNKNOWN


def test_what_is_no_bundle_is_malformed(key: SigningKey, keys: VerificationKeys) -> None:
    data = _bundle(key)
    without = json.loads(data)
    del without["report_hash"]
    for text in (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":NaN}',
        b'{"a":' + b"9" * 10_000 + b"}",
        data[:-1],
        data + data,
        data.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + data,
        data.replace(b'{"format"', b'{"format":"x","format"'),
        json.dumps(without).encode(),
        _changed(data, format="tracewell-report-bundle/2"),
        _changed(data, format=["tracewell-report-bundle/1"]),
        _changed(data, note="says who?"),
        _changed(data, payload=None),
        _changed(data, payload="e30"),
        _changed(data, payload="e3 0="),
        _changed(data, payload="e31="),
        _changed(data, payload="é"),
        _changed(data, report_hash=1),
        _changed(data, signature={}),
        _changed(data, tree_head="head"),
        _changed(data, inclusion_proof={"entry": "", "hashes": [], "leaf_index": 0}),
        _changed(data, inclusion_proof={"index": 1}, tree_head="head"),
        _changed(data, timestamp={}),
        _changed(data, timestamp={"missing": "asleep"}),
        _changed(data, timestamp={"missing": None}),
        _changed(data, timestamp={"response": "e30=", "missing": "pending"}),
    ):
        assert _reason(text, keys) is FailureReason.BUNDLE_MALFORMED, text[:80]


def test_a_bundle_larger_than_the_bound_is_refused_unread(key: SigningKey) -> None:
    data = _bundle(key)
    assert parse_bundle(data, bytes_max=len(data)).payload == REPORT
    with pytest.raises(NotVerified):
        parse_bundle(data, bytes_max=len(data) - 1)


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.name)
def test_a_bundle_of_every_release_verifies_for_ever(release: Path) -> None:
    keys = parse_jwks((release / "jwks.json").read_bytes())
    bundle = parse_bundle((release / "bundle.json").read_bytes())
    roots = release / "timestamp-roots.pem"
    authorities = parse_roots(roots.read_bytes()) if roots.exists() else []
    verified = verify_bundle(bundle, keys, authorities)
    assert verified.unchecked == ()
    assert (verified.logged is not None) is bool(authorities)
    assert verified.signed_at_ms == 1_780_324_320_000
    assert json.loads(bundle.payload)["request_id"] == "req_01JNQBC4X8Y2Z3A"
