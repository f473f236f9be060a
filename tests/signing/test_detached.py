"""Detached signatures, checked by another JOSE library and against forged headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as other_jws
from joserfc.jwk import OKPKey

from tracewell.kernel.signing import (
    FailureReason,
    NotVerified,
    SigningKey,
    VerificationKeys,
    canonical_json,
    parse_signing_key,
    sign_detached,
    verify_detached,
)
from tracewell.kernel.signing.encoding import decode_base64url, encode_base64url

from .conftest import new_pem

TYP = "test+jws"
SIGNED_AT_MS = 1_767_225_600_999
PAYLOAD = b'{"answer":42}'


def _sign(key: SigningKey, payload: bytes = PAYLOAD) -> str:
    return sign_detached(payload, key, typ=TYP, signed_at_ms=SIGNED_AT_MS)


def _forge(key: SigningKey, **changes: Any) -> str:
    """A signature that is right in itself, over a header that nobody should accept."""
    header: dict[str, Any] = {
        "alg": "Ed25519",
        "b64": False,
        "crit": ["b64"],
        "iat": 1,
        "kid": key.kid,
        "typ": TYP,
        **changes,
    }
    kept = {name: value for name, value in header.items() if value is not ...}
    protected = encode_base64url(canonical_json(kept))
    signature = key.private.sign(protected.encode() + b"." + PAYLOAD)
    return f"{protected}..{encode_base64url(signature)}"


def _reason(payload: bytes, jws: str, keys: VerificationKeys) -> FailureReason:
    with pytest.raises(NotVerified) as caught:
        verify_detached(payload, jws, keys, typ=TYP)
    return caught.value.reason


def test_a_signature_verifies_and_tells_its_key_and_its_whole_second(
    key: SigningKey, keys: VerificationKeys
) -> None:
    verified = verify_detached(PAYLOAD, _sign(key), keys, typ=TYP)
    assert (verified.kid, verified.signed_at_ms) == (key.kid, 1_767_225_600_000)


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)), b"..", b"a" * (5 << 20)])
def test_any_bytes_of_any_size_are_signed_as_they_are(
    payload: bytes, key: SigningKey, keys: VerificationKeys
) -> None:
    jws = _sign(key, payload)
    assert len(jws) < 400
    assert verify_detached(payload, jws, keys, typ=TYP).kid == key.kid


def test_another_library_verifies_the_signature(key: SigningKey) -> None:
    public = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode_base64url(key.public.public_bytes_raw()),
            "kid": key.kid,
        }
    )
    registry = other_jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    seen = other_jws.deserialize_compact(_sign(key), public, registry=registry, payload=PAYLOAD)
    assert seen.headers()["kid"] == key.kid


def test_a_signature_of_another_library_verifies(key: SigningKey, keys: VerificationKeys) -> None:
    private = OKPKey.import_key(new_pem())
    header = {"alg": "Ed25519", "b64": False, "crit": ["b64"], "typ": TYP, "iat": 7}
    header["kid"] = private.thumbprint()
    registry = other_jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    theirs = other_jws.serialize_compact(header, PAYLOAD, private, registry=registry)
    public = parse_signing_key(private.as_pem(private=True)).public
    verified = verify_detached(PAYLOAD, theirs, VerificationKeys.of([public]), typ=TYP)
    assert verified.signed_at_ms == 7_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alg": "none"}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"alg": "HS256"}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"alg": "EdDSA"}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"alg": ...}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"b64": True}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"b64": ...}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"b64": 0}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"crit": ...}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"crit": ["b64", "exp"]}, FailureReason.ALGORITHM_UNSUPPORTED),
        ({"typ": "another+jws"}, FailureReason.PURPOSE_MISMATCH),
        ({"typ": ...}, FailureReason.PURPOSE_MISMATCH),
        ({"kid": ...}, FailureReason.SIGNATURE_MALFORMED),
        ({"kid": 1}, FailureReason.SIGNATURE_MALFORMED),
        ({"kid": "unknown"}, FailureReason.KEY_UNKNOWN),
        ({"iat": ...}, FailureReason.SIGNATURE_MALFORMED),
        ({"iat": True}, FailureReason.SIGNATURE_MALFORMED),
        ({"iat": -1}, FailureReason.SIGNATURE_MALFORMED),
        ({"iat": 10**15}, FailureReason.SIGNATURE_MALFORMED),
    ],
)
def test_a_header_that_says_something_else_is_refused_even_when_rightly_signed(
    changes: dict[str, Any], reason: FailureReason, key: SigningKey, keys: VerificationKeys
) -> None:
    assert _reason(PAYLOAD, _forge(key, **changes), keys) is reason


def test_a_key_inside_the_signature_is_never_used(keys: VerificationKeys) -> None:
    stranger = parse_signing_key(new_pem())
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": encode_base64url(stranger.public.public_bytes_raw()),
    }
    (trusted_kid,) = keys.by_kid
    own_name = _forge(stranger, jwk=jwk, jku="https://evil.example/jwks.json")
    assert _reason(PAYLOAD, own_name, keys) is FailureReason.KEY_UNKNOWN
    stolen_name = _forge(stranger, jwk=jwk, kid=trusted_kid)
    assert _reason(PAYLOAD, stolen_name, keys) is FailureReason.SIGNATURE_INVALID


def test_text_that_is_no_detached_jws_is_malformed(key: SigningKey, keys: VerificationKeys) -> None:
    protected, signature = _sign(key).split("..")
    twins = encode_base64url(b'{"alg":"Ed25519","alg":"Ed25519"}')
    for jws in (
        "",
        "..",
        protected,
        f"{protected}.{signature}",
        f"{protected}.e30.{signature}",
        f"{protected}..{signature}=",
        f"{protected}..{signature}.",
        f"{protected}..{signature[:-2]}",
        f"{protected}..{signature}\n",
        f" {protected}..{signature}",
        f"{encode_base64url(b'[]')}..{signature}",
        f"{encode_base64url(b'not json')}..{signature}",
        f"{encode_base64url(b'[' * 2_000)}..{signature}",
        f"{twins}..{signature}",
        f"é{protected}..{signature}",
        f"{protected}..{signature}" + "A" * 5_000,
    ):
        assert _reason(PAYLOAD, jws, keys) is FailureReason.SIGNATURE_MALFORMED, jws


def test_the_spare_bits_of_the_last_character_are_part_of_the_signature(
    key: SigningKey, keys: VerificationKeys
) -> None:
    jws = _sign(key)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = alphabet[alphabet.index(jws[-1]) ^ 1]
    assert _reason(PAYLOAD, jws[:-1] + sibling, keys) is FailureReason.SIGNATURE_MALFORMED


@given(st.binary(max_size=200))
def test_strict_base64url_undoes_itself(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data)) == data
