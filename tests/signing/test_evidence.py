"""What a bundle carries beside the signature: the log's proof, the signed head, the time stamp."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest
from tests.timestamp_authority import Authority, make_authority

from tracewell.kernel.clock import system_clock
from tracewell.kernel.signing import (
    FailureReason,
    LogProof,
    NotVerified,
    Revocation,
    RevocationReason,
    SigningKey,
    TimestampMissing,
    VerificationKeys,
    VerifiedBundle,
    build_bundle,
    canonical_json,
    parse_bundle,
    parse_signing_key,
    sign_payload,
    verify_bundle,
)
from tracewell.kernel.signing.timestamps import (
    TimestampInvalid,
    TimestampRefused,
    accept_response,
    build_timestamp_request,
    verify_timestamp,
)

from .conftest import new_pem
from .evidence import NONCE, Evidenced, log_proof, make_evidenced, roots_of, stamp

REPORT = canonical_json({"request_id": "req_01JNQBC4X8Y2Z3A", "entities": []})
SIGNED_AT = 1_780_324_320_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def evidenced(key: SigningKey, authority: Authority) -> Evidenced:
    return make_evidenced(REPORT, key, authority, signed_at_ms=SIGNED_AT)


def check(data: bytes, keys: VerificationKeys, evidenced: Evidenced) -> VerifiedBundle:
    return verify_bundle(parse_bundle(data), keys, evidenced.roots)


def reason(data: bytes, keys: VerificationKeys, evidenced: Evidenced) -> FailureReason:
    with pytest.raises(NotVerified) as caught:
        check(data, keys, evidenced)
    return caught.value.reason


def test_everything_in_a_bundle_is_checked(evidenced: Evidenced, keys: VerificationKeys) -> None:
    verified = check(evidenced.data, keys, evidenced)
    assert verified.logged is not None
    assert (verified.logged.leaf, verified.logged.tree_size) == (1, 3)
    assert verified.logged.at_ms == SIGNED_AT
    assert not isinstance(verified.timestamp, TimestampMissing)
    assert verified.timestamp is not None
    assert verified.timestamp.proven
    assert abs(verified.timestamp.at_ms - system_clock()) < 600_000
    assert verified.unchecked == ()


def test_every_one_of_a_thousand_changed_bytes_is_caught(
    evidenced: Evidenced, keys: VerificationKeys
) -> None:
    source = random.Random(20_261_122)
    for _ in range(1_000):
        changed = bytearray(evidenced.data)
        changed[source.randrange(len(changed))] ^= source.randrange(1, 256)
        reason(bytes(changed), keys, evidenced)


def test_every_byte_of_a_time_stamp_counts(evidenced: Evidenced) -> None:
    bundle = parse_bundle(evidenced.data)
    source, data = random.Random(1), bundle.signature.encode()
    assert isinstance(bundle.timestamp, bytes)
    assert verify_timestamp(bundle.timestamp, data, evidenced.roots).proven
    for place in range(len(bundle.timestamp)):
        changed = bytearray(bundle.timestamp)
        changed[place] ^= source.randrange(1, 256)
        with pytest.raises(TimestampInvalid):
            verify_timestamp(bytes(changed), data, evidenced.roots)


def test_openssl_verifies_the_time_stamp(evidenced: Evidenced, authority: Authority) -> None:
    bundle = parse_bundle(evidenced.data)
    assert isinstance(bundle.timestamp, bytes)
    (authority.folder / "kept.tsr").write_bytes(bundle.timestamp)
    (authority.folder / "signature.txt").write_text(bundle.signature)
    command = ["openssl", "ts", "-verify", "-in", "kept.tsr", "-data", "signature.txt",
               "-CAfile", "ca.pem"]  # fmt: skip
    subprocess.run(command, cwd=authority.folder, check=True, capture_output=True)


def rebuilt(evidenced: Evidenced, proof: LogProof, timestamp: bytes | None = None) -> bytes:
    bundle = parse_bundle(evidenced.data)
    return build_bundle(bundle.payload, bundle.signature, proof, timestamp or bundle.timestamp)


def test_each_kind_of_wrong_evidence_has_its_reason(
    evidenced: Evidenced, keys: VerificationKeys, key: SigningKey, authority: Authority
) -> None:
    stranger = parse_signing_key(new_pem())
    of_another = log_proof(REPORT, key, SIGNED_AT, "sha256:" + "0" * 64)
    unsigned = log_proof(REPORT, stranger, SIGNED_AT)
    good = log_proof(REPORT, key, SIGNED_AT)
    moved = LogProof(good.entry, 2, good.hashes, good.head)
    of_other_data = stamp("another..signature", authority)
    for data, expected in (
        (rebuilt(evidenced, of_another), FailureReason.INCLUSION_INVALID),
        (rebuilt(evidenced, moved), FailureReason.INCLUSION_INVALID),
        (rebuilt(evidenced, unsigned), FailureReason.TREE_HEAD_INVALID),
        (rebuilt(evidenced, good, of_other_data), FailureReason.TIMESTAMP_INVALID),
    ):
        assert reason(data, keys, evidenced) is expected


def test_a_stamp_of_an_authority_that_nobody_trusts_is_invalid(
    evidenced: Evidenced, keys: VerificationKeys, tmp_path: Path
) -> None:
    other = roots_of(make_authority(tmp_path / "other"))
    with pytest.raises(NotVerified) as caught:
        verify_bundle(parse_bundle(evidenced.data), keys, other)
    assert caught.value.reason is FailureReason.TIMESTAMP_INVALID


def test_a_missing_stamp_is_told_and_fails_nothing(key: SigningKey, keys: VerificationKeys) -> None:
    signature = sign_payload(REPORT, key, signed_at_ms=SIGNED_AT)
    for missing in TimestampMissing:
        data = build_bundle(REPORT, signature, None, missing)
        assert json.loads(data)["timestamp"] == {"missing": str(missing)}
        assert verify_bundle(parse_bundle(data), keys).timestamp is missing


@pytest.mark.parametrize(
    ("head_is_stolen_too", "trusts_authority", "good"),
    [(True, False, False), (False, False, True), (True, True, True)],
    ids=["only the thief's word", "the log under another key", "the authority"],
)
def test_evidence_of_others_saves_what_a_key_signed_before_it_was_stolen(
    key: SigningKey,
    authority: Authority,
    head_is_stolen_too: bool,
    trusts_authority: bool,
    good: bool,
) -> None:
    now = system_clock()
    other = parse_signing_key(new_pem())
    evidenced = make_evidenced(
        REPORT, key, authority,
        signed_at_ms=now, head_key=key if head_is_stolen_too else other,
    )  # fmt: skip
    stolen = Revocation(now + 3_600_000, RevocationReason.COMPROMISED)
    keys = VerificationKeys.of([other.public, key.public], {key.kid: stolen})
    roots = evidenced.roots if trusts_authority else []
    if good:
        assert verify_bundle(parse_bundle(evidenced.data), keys, roots)
    else:
        with pytest.raises(NotVerified) as caught:
            verify_bundle(parse_bundle(evidenced.data), keys, roots)
        assert caught.value.reason is FailureReason.KEY_REVOKED


def test_only_an_answer_to_the_own_question_is_accepted(authority: Authority) -> None:
    roots = roots_of(authority)
    response = authority.stamp(build_timestamp_request(b"data", NONCE))
    assert accept_response(response, b"data", NONCE, roots)
    with pytest.raises(TimestampInvalid):
        accept_response(response, b"data", NONCE + 1, roots)
    with pytest.raises(TimestampInvalid):
        accept_response(response, b"other", NONCE, roots)
    with pytest.raises(TimestampRefused):
        accept_response(bytes.fromhex("30053003020102"), b"data", NONCE, roots)
    for broken in (b"", b"0", b"<html>", response[:-1], response + b"0"):
        with pytest.raises(TimestampInvalid):
            accept_response(broken, b"data", NONCE, roots)
