"""Ed25519 keys from PEM and in JWK sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.jwk import KeySet, OKPKey

from tracewell.kernel.signing import (
    JwksError,
    SigningFailed,
    SigningFailure,
    SigningKey,
    VerificationKeys,
    canonical_json,
    parse_jwks,
    parse_public_key,
    parse_signing_key,
    thumbprint,
)
from tracewell.kernel.signing.encoding import decode_base64url

from .conftest import new_pem, openssl

RFC_8037_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_key_id_is_the_thumbprint_of_rfc_8037_appendix_a_3() -> None:
    public = Ed25519PublicKey.from_public_bytes(decode_base64url(RFC_8037_X))
    assert thumbprint(public) == RFC_8037_THUMBPRINT


def test_a_key_made_by_openssl_is_read(tmp_path: Path) -> None:
    pem = openssl("genpkey", "-algorithm", "ed25519")
    key = parse_signing_key(pem)
    (tmp_path / "key.pem").write_bytes(pem)
    public = parse_public_key(openssl("pkey", "-in", "key.pem", "-pubout", cwd=tmp_path))
    assert thumbprint(public) == key.kid


def test_a_key_encrypted_by_openssl_needs_its_passphrase() -> None:
    pem = openssl("genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", "pass:correct horse")
    assert parse_signing_key(pem, b"correct horse").kid
    for passphrase in (None, b"wrong"):
        with pytest.raises(SigningFailed) as caught:
            parse_signing_key(pem, passphrase)
        assert caught.value.failure is SigningFailure.PASSPHRASE


def test_a_passphrase_for_a_key_that_is_not_encrypted_is_told() -> None:
    with pytest.raises(SigningFailed) as caught:
        parse_signing_key(new_pem(), b"unneeded")
    assert caught.value.failure is SigningFailure.PASSPHRASE


@pytest.mark.parametrize(
    "arguments",
    [
        ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        ("-algorithm", "ed448"),
        ("-algorithm", "x25519"),
    ],
    ids=["rsa", "ec", "ed448", "x25519"],
)
def test_a_private_key_of_another_kind_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SigningFailed) as caught:
        parse_signing_key(openssl("genpkey", *arguments))
    assert caught.value.failure is SigningFailure.KEY_NOT_ED25519


def test_text_that_is_no_key_is_refused() -> None:
    for text in (b"", b"hello", b"-----BEGIN PUBLIC KEY-----", new_pem()[:60], b"\x00\xff" * 500):
        with pytest.raises(SigningFailed) as caught:
            parse_signing_key(text)
        assert caught.value.failure is SigningFailure.KEY_NOT_PEM


def test_a_jwk_set_comes_back_as_the_keys_it_was_made_of(key: SigningKey) -> None:
    retired = parse_signing_key(new_pem())
    keys = VerificationKeys.of([key.public, retired.public])
    assert list(parse_jwks(keys.to_jwks()).by_kid) == [key.kid, retired.kid]


def test_another_library_reads_the_jwk_set_and_agrees_on_the_key_id(
    key: SigningKey, keys: VerificationKeys
) -> None:
    published = json.loads(keys.to_jwks())
    (member,) = KeySet.import_key_set(published).keys
    assert isinstance(member, OKPKey)
    assert member.thumbprint() == key.kid == published["keys"][0]["kid"]
    assert not member.is_private


def test_keys_of_other_kinds_and_uses_are_passed_over(
    key: SigningKey, keys: VerificationKeys
) -> None:
    published = json.loads(keys.to_jwks())
    (own,) = published["keys"]
    published["keys"] += [
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {**own, "use": "enc"},
        {"kty": "a kind of the future"},
    ]
    assert list(parse_jwks(canonical_json(published)).by_kid) == [key.kid]


def _with(**changes: Any) -> dict[str, Any]:
    own: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "x": RFC_8037_X}
    return {"keys": [{**own, **changes}]}


@pytest.mark.parametrize(
    "key_set",
    [
        [],
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": ["text"]},
        {"keys": [_with()["keys"][0]] * 1_001},
        _with(x=None),
        _with(x=RFC_8037_X[:-1]),
        _with(x=RFC_8037_X + "="),
        _with(x=RFC_8037_X[:-1] + "p"),  # the same bytes, spelled with its spare bits set
        _with(kid="somebody else's name"),
        _with(kid=RFC_8037_THUMBPRINT, x="A" * 43),
    ],
)
def test_what_is_no_usable_jwk_set_is_refused(key_set: Any) -> None:
    with pytest.raises(JwksError):
        parse_jwks(json.dumps(key_set).encode())


def test_a_jwk_set_that_is_too_large_is_refused(keys: VerificationKeys) -> None:
    with pytest.raises(JwksError):
        parse_jwks(keys.to_jwks() + b" " * (1 << 20))
