"""A revoked key: what it signed before and after, by whose word, and how it is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.kernel.signing import (
    FailureReason,
    JwksError,
    Keyring,
    NotVerified,
    PublicKeyDirectory,
    Revocation,
    RevocationReason,
    SigningFailed,
    SigningFailure,
    SigningKey,
    SigningKeyFile,
    VerificationKeys,
    canonical_json,
    ensure_signing_key,
    parse_jwks,
    sign_detached,
    verify_detached,
)

REVOKED_AT = 1_800_000_000_000
BEFORE, AFTER = REVOKED_AT - 1_000, REVOKED_AT + 1_000
STOLEN = Revocation(REVOKED_AT, RevocationReason.COMPROMISED)
REPLACED = Revocation(REVOKED_AT, RevocationReason.SUPERSEDED)
TYP = "test+jws"


def verifies(key: SigningKey, revocation: Revocation, signed: int, existed: int | None) -> bool:
    jws = sign_detached(b"payload", key, typ=TYP, signed_at_ms=signed)
    keys = VerificationKeys.of([key.public], {key.kid: revocation})
    try:
        verify_detached(b"payload", jws, keys, typ=TYP, existed_at_ms=existed)
    except NotVerified as error:
        return error.reason is not FailureReason.KEY_REVOKED
    return True


@pytest.mark.parametrize(
    ("revocation", "signed", "existed", "good"),
    [
        (STOLEN, BEFORE, None, False),
        (STOLEN, BEFORE, BEFORE, True),
        (STOLEN, BEFORE, REVOKED_AT, False),
        (STOLEN, BEFORE, AFTER, False),
        (STOLEN, REVOKED_AT, BEFORE, False),
        (STOLEN, AFTER, BEFORE, False),
        (REPLACED, BEFORE, None, True),
        (REPLACED, REVOKED_AT, None, False),
        (REPLACED, AFTER, BEFORE, False),
        (Revocation(REVOKED_AT, RevocationReason.UNSPECIFIED), BEFORE, None, False),
    ],
)
def test_what_a_revoked_key_signed_is_good_where_another_word_dates_it_before(
    key: SigningKey, revocation: Revocation, signed: int, existed: int | None, good: bool
) -> None:
    assert verifies(key, revocation, signed, existed) is good


@given(st.integers(0, 4_000_000_000), st.none() | st.integers(0, 4_000_000_000_000))
def test_a_thief_gains_nothing_by_the_date_that_he_writes(
    written_s: int, existed: int | None
) -> None:
    covered = STOLEN.covers(written_s * 1_000, existed)
    assert covered or (existed is not None and existed < REVOKED_AT)


def test_a_revoked_key_is_published_apart_where_older_readers_do_not_find_it(
    key: SigningKey,
) -> None:
    keys = VerificationKeys.of([key.public], {key.kid: STOLEN})
    published = json.loads(keys.to_jwks())
    assert published["keys"] == []
    (revoked,) = published["revoked_keys"]
    assert revoked["kid"] == key.kid
    assert revoked["revoked"] == {"revoked_at": 1_800_000_000, "reason": "compromised"}
    assert parse_jwks(keys.to_jwks()) == keys


def test_a_key_in_both_lists_is_revoked(key: SigningKey) -> None:
    good = json.loads(VerificationKeys.of([key.public]).to_jwks())
    bad = json.loads(VerificationKeys.of([key.public], {key.kid: STOLEN}).to_jwks())
    both = canonical_json({**good, "revoked_keys": bad["revoked_keys"]})
    assert parse_jwks(both).revocations == {key.kid: STOLEN}


@pytest.mark.parametrize(
    "revoked", [None, {}, {"revoked_at": "1"}, {"revoked_at": True}, {"revoked_at": -1}, [1]]
)
def test_a_revocation_without_a_time_is_an_error(key: SigningKey, revoked: object) -> None:
    members = json.loads(VerificationKeys.of([key.public], {key.kid: STOLEN}).to_jwks())
    members["revoked_keys"][0]["revoked"] = revoked
    with pytest.raises(JwksError):
        parse_jwks(canonical_json(members))


def test_a_reason_of_another_release_is_taken_for_the_strict_one(key: SigningKey) -> None:
    members = json.loads(VerificationKeys.of([key.public], {key.kid: REPLACED}).to_jwks())
    members["revoked_keys"][0]["revoked"]["reason"] = "eaten"
    found = parse_jwks(canonical_json(members)).revocations[key.kid]
    assert found == Revocation(REVOKED_AT, RevocationReason.UNSPECIFIED)


def _ring(folder: Path) -> Keyring:
    key_file = SigningKeyFile(folder / "signing-key.pem")
    return Keyring(key_file, PublicKeyDirectory(folder / "public"))


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    ensure_signing_key(tmp_path)
    return _ring(tmp_path)


def test_a_revoked_key_signs_no_more_and_another_process_sees_it(
    ring: Keyring, tmp_path: Path
) -> None:
    _, kid = ring.sign(b"report", signed_at_ms=BEFORE)
    ring.revoke(kid, STOLEN)
    other = _ring(tmp_path)
    with pytest.raises(SigningFailed) as caught:
        other.sign(b"report", signed_at_ms=BEFORE)
    assert caught.value.failure is SigningFailure.KEY_REVOKED
    assert other.verification_keys().revocations == {kid: STOLEN}


def test_rotation_publishes_both_keys_and_leaves_no_other_file(
    ring: Keyring, tmp_path: Path
) -> None:
    old, new = ring.rotate()
    assert old is not None
    assert list(ring.verification_keys().by_kid) == [new, old]
    assert ring.sign(b"report", signed_at_ms=0)[1] == new
    path = tmp_path / "signing-key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["public", "signing-key.pem"]


def test_rotation_leaves_a_link_alone(ring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"
    path.rename(tmp_path / "mounted.pem")
    path.symlink_to("mounted.pem")
    before = path.read_bytes()
    with pytest.raises(SigningFailed) as caught:
        ring.rotate()
    assert caught.value.failure is SigningFailure.KEY_IS_A_LINK
    assert path.read_bytes() == before


def test_a_first_revocation_is_never_changed(ring: Keyring) -> None:
    _, kid = ring.sign(b"report", signed_at_ms=0)
    ring.revoke(kid, STOLEN)
    ring.revoke(kid, Revocation(AFTER, RevocationReason.SUPERSEDED))
    assert ring.verification_keys().revocations == {kid: STOLEN}
    with pytest.raises(KeyError):
        ring.revoke("another", STOLEN)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"kid":"x","revoked":{"revoked_at":1}}'])
def test_a_broken_revocation_is_an_error_and_not_passed_over(
    ring: Keyring, tmp_path: Path, content: bytes
) -> None:
    _, kid = ring.sign(b"report", signed_at_ms=0)
    (tmp_path / "public" / f"{kid}.revoked.json").write_bytes(content)
    with pytest.raises(SigningFailed) as caught:
        ring.verification_keys()
    assert caught.value.failure is SigningFailure.REVOCATION_UNUSABLE
