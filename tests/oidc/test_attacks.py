"""Tokens that must not get in. Each is an attack with a name, or a provider's honest mistake."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey, RSAKey

from tracewell.kernel.clock import system_clock
from tracewell.kernel.oidc import OidcVerifier, TokenExpired, TokenFault, TokenInvalid

from .provider import AUDIENCE, OidcProvider

Refuse = Callable[[str], TokenFault]


@pytest.fixture(scope="module")
def verifier(oidc_provider: OidcProvider) -> OidcVerifier:
    return OidcVerifier(oidc_provider.issuer, AUDIENCE, system_clock)


@pytest.fixture
def refuse(oidc_provider: OidcProvider, verifier: OidcVerifier) -> Refuse:
    """Refuses a token and gives the reason; a good token gets in before and after."""

    def refuse(token: str) -> TokenFault:
        good = oidc_provider.access_token()
        assert asyncio.run(verifier.verify(good))
        with pytest.raises(TokenInvalid) as caught:
            asyncio.run(verifier.verify(token))
        assert asyncio.run(verifier.verify(good))
        return caught.value.reason

    return refuse


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _reheaded(token: str, **changes: Any) -> tuple[str, str]:
    """Header (changed) and payload of a genuine token, encoded, without a signature."""
    header, payload, _ = token.split(".")
    return _encode(json.dumps({**json.loads(_decode(header)), **changes}).encode()), payload


def _published_rsa(provider: OidcProvider) -> dict[str, Any]:
    return next(key for key in provider.jwks()["keys"] if key["kty"] == "RSA")


@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_alg_none(none: str, signature: str, oidc_provider: OidcProvider, refuse: Refuse) -> None:
    header, payload = _reheaded(oidc_provider.access_token(), alg=none)
    assert refuse(f"{header}.{payload}.{signature}") is TokenFault.ALGORITHM


@pytest.mark.parametrize("form", ["pem", "pem without final newline", "der", "jwk", "modulus"])
def test_a_public_key_used_as_the_secret_of_hs256(
    form: str, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    jwk = _published_rsa(oidc_provider)
    key = RSAKey.import_key(jwk)
    secret = {
        "pem": key.as_pem(private=False),
        "pem without final newline": key.as_pem(private=False).strip(),
        "der": key.as_der(private=False),
        "jwk": json.dumps(jwk).encode(),
        "modulus": _decode(jwk["n"]),
    }[form]
    header, payload = _reheaded(oidc_provider.access_token(), alg="HS256", kid=jwk["kid"])
    mac = hmac.digest(secret, f"{header}.{payload}".encode(), hashlib.sha256)
    assert refuse(f"{header}.{payload}.{_encode(mac)}") is TokenFault.ALGORITHM


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS512"])
def test_the_name_of_another_algorithm_over_a_genuine_token(
    algorithm: str, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    token = oidc_provider.access_token()
    header, payload = _reheaded(token, alg=algorithm)
    expected = TokenFault.SIGNATURE if algorithm == "RS512" else TokenFault.ALGORITHM
    assert refuse(f"{header}.{payload}.{token.split('.')[2]}") is expected


def test_claims_changed_under_a_genuine_signature(
    oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    header, payload, signature = oidc_provider.access_token().split(".")
    claims = {**json.loads(_decode(payload)), "groups": ["admins"]}
    forged = _encode(json.dumps(claims).encode())
    assert refuse(f"{header}.{forged}.{signature}") is TokenFault.SIGNATURE


def test_the_signature_of_another_token(oidc_provider: OidcProvider, refuse: Refuse) -> None:
    header, payload, _ = oidc_provider.access_token(sub="u-1").split(".")
    signature = oidc_provider.access_token(sub="u-2").split(".")[2]
    assert refuse(f"{header}.{payload}.{signature}") is TokenFault.SIGNATURE


@pytest.mark.parametrize("signature", ["", "AAAA", "A" * 342, "A" * 343, "A" * 4_096, "****"])
def test_a_signature_of_nothing(
    signature: str, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    header, payload, _ = oidc_provider.access_token().split(".")
    assert refuse(f"{header}.{payload}.{signature}") is TokenFault.SIGNATURE


@pytest.mark.parametrize("signature", ["AA", "A" * 86, "A" * 88])
def test_an_all_zero_elliptic_signature(
    signature: str, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    """CVE-2022-21449: r = s = 0."""
    header, payload, _ = oidc_provider.access_token(algorithm="ES256").split(".")
    assert refuse(f"{header}.{payload}.{signature}") is TokenFault.SIGNATURE


@pytest.mark.parametrize(
    "kid",
    [
        "unknown",
        "",
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "x' UNION SELECT 'secret' -- ",
        "| id",
        "http://169.254.169.254/",
        "\u0000",
        "k" * 2_000,
    ],
)
def test_an_unknown_or_injected_key_id(
    kid: str, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    assert refuse(oidc_provider.access_token(header={"kid": kid})) is TokenFault.KEY_UNKNOWN


def test_a_token_without_a_key_id_fits_the_only_key_of_its_algorithm(
    oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    stranger = RSAKey.generate_key(2048)
    payload = _decode(oidc_provider.access_token().split(".")[1])
    forged = jws.serialize_compact({"alg": "RS256"}, payload, stranger)
    with pytest.raises(TokenInvalid) as caught:
        asyncio.run(verifier.verify(forged))
    assert caught.value.reason is TokenFault.SIGNATURE


@pytest.mark.parametrize("extra", ["jwk", "jku", "x5u", "x5c"])
@pytest.mark.parametrize("stolen_kid", [True, False])
def test_a_key_brought_along_in_the_header(
    extra: str, stolen_kid: bool, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "mine", "use": "sig"})
    kid = _published_rsa(oidc_provider)["kid"] if stolen_kid else "mine"
    values: dict[str, Any] = {
        "jwk": stranger.as_dict(private=False),
        "jku": f"{oidc_provider.issuer}/evil-jwks",
        "x5u": f"{oidc_provider.issuer}/evil-certificate",
        "x5c": [_encode(stranger.as_der(private=False))],
    }
    payload = _decode(oidc_provider.access_token().split(".")[1])
    header = {"alg": "RS256", "kid": kid, "typ": "at+jwt", extra: values[extra]}
    registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    token = jws.serialize_compact(header, payload, stranger, registry=registry)
    expected = TokenFault.SIGNATURE if stolen_kid else TokenFault.KEY_UNKNOWN
    assert refuse(token) is expected
    assert oidc_provider.count_requests("/evil-jwks") == 0
    assert oidc_provider.count_requests("/evil-certificate") == 0


def test_an_expired_token_is_told_apart_from_a_bad_one(
    oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    now_s = int(time.time())
    expired = oidc_provider.access_token(changes={"exp": now_s - 1})
    with pytest.raises(TokenExpired):
        asyncio.run(verifier.verify(expired))
    header, payload, signature = expired.split(".")
    with pytest.raises(TokenInvalid):
        asyncio.run(verifier.verify(f"{header}.{payload}.{signature[:-4]}AAAA"))
    meant_for_others = oidc_provider.access_token(changes={"exp": now_s - 1, "aud": "others"})
    with pytest.raises(TokenInvalid):
        asyncio.run(verifier.verify(meant_for_others))


_NOW_S = int(time.time())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nbf": _NOW_S + 3_600}, TokenFault.NOT_YET_VALID),
        ({"iat": _NOW_S + 3_600}, TokenFault.NOT_YET_VALID),
        ({"aud": "https://another.example"}, TokenFault.AUDIENCE),
        ({"aud": AUDIENCE + "/"}, TokenFault.AUDIENCE),
        ({"aud": AUDIENCE.upper()}, TokenFault.AUDIENCE),
        ({"aud": [AUDIENCE + ".evil.example"]}, TokenFault.AUDIENCE),
        ({"aud": [AUDIENCE, 7]}, TokenFault.AUDIENCE),
        ({"aud": {AUDIENCE: True}}, TokenFault.AUDIENCE),
        ({"iss": "https://accounts.example"}, TokenFault.ISSUER),
        ({"iss": None}, TokenFault.ISSUER),
        ({"iss": 7}, TokenFault.ISSUER),
        ({"exp": None}, TokenFault.CLAIMS),
        ({"exp": "tomorrow"}, TokenFault.CLAIMS),
        ({"exp": True}, TokenFault.CLAIMS),
        ({"exp": 1e300}, TokenFault.CLAIMS),
        ({"exp": -1}, TokenFault.CLAIMS),
        ({"exp": [_NOW_S + 60]}, TokenFault.CLAIMS),
        ({"nbf": "never"}, TokenFault.CLAIMS),
        ({"nbf": None, "iat": "x"}, TokenFault.CLAIMS),
        ({"sub": None}, TokenFault.SUBJECT),
        ({"sub": ""}, TokenFault.SUBJECT),
        ({"sub": 7}, TokenFault.SUBJECT),
        ({"sub": "s" * 256}, TokenFault.SUBJECT),
        ({"sub": "line\nbreak"}, TokenFault.SUBJECT),
        ({"email": None}, TokenFault.EMAIL),
        ({"email": ""}, TokenFault.EMAIL),
        ({"email": "nobody"}, TokenFault.EMAIL),
        ({"email": "a@b\r\nBcc: c@d"}, TokenFault.EMAIL),
        ({"email": ["a@b.example"]}, TokenFault.EMAIL),
        ({"sid": 7}, TokenFault.CLAIMS),
        ({"jti": "\u202e"}, TokenFault.CLAIMS),
        ({"groups": [7]}, TokenFault.CLAIMS),
        ({"groups": [f"g{n}" for n in range(1_001)]}, TokenFault.CLAIMS),
        ({"cnf": {"jkt": "thumbprint"}}, TokenFault.SENDER_CONSTRAINED),
        (
            {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
            TokenFault.TYPE,
        ),
    ],
    # Without the time of now: the names of the cases are the same in every process.
    ids=lambda value: re.sub(r"\d{10}", "now", str(value))[:40] if isinstance(value, dict) else "",
)
def test_wrong_claims_that_the_provider_itself_has_signed(
    changes: dict[str, Any], reason: TokenFault, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    assert refuse(oidc_provider.access_token(changes=changes)) is reason


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"crit": ["exp"]}, TokenFault.CRITICAL_HEADER),
        ({"crit": []}, TokenFault.CRITICAL_HEADER),
        ({"b64": False, "crit": ["b64"]}, TokenFault.CRITICAL_HEADER),
        ({"typ": "logout+jwt"}, TokenFault.TYPE),
        ({"typ": "dpop+jwt"}, TokenFault.TYPE),
        ({"typ": 7}, TokenFault.TYPE),
        ({"kid": 7}, TokenFault.MALFORMED),
        ({"kid": ["x"]}, TokenFault.MALFORMED),
        ({"alg": ["RS256"]}, TokenFault.ALGORITHM),
        ({"alg": "RS256 "}, TokenFault.ALGORITHM),
    ],
)
def test_headers_that_are_not_understood(
    header: dict[str, Any], reason: TokenFault, oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    token = oidc_provider.access_token()
    head, payload = _reheaded(token, **header)
    assert refuse(f"{head}.{payload}.{token.split('.')[2]}") is reason


def test_a_clock_of_the_provider_that_runs_a_little_ahead_is_forgiven(
    oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    ahead = int(time.time()) + 20
    token = oidc_provider.access_token(changes={"iat": ahead, "nbf": ahead})
    assert asyncio.run(verifier.verify(token))


def test_a_token_of_another_issuer(other_oidc_provider: OidcProvider, refuse: Refuse) -> None:
    assert refuse(other_oidc_provider.access_token()) is TokenFault.KEY_UNKNOWN


def test_a_key_of_another_issuer_under_our_issuers_name(
    oidc_provider: OidcProvider, other_oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    ours = {"iss": oidc_provider.issuer}
    assert refuse(other_oidc_provider.access_token(changes=ours)) is TokenFault.KEY_UNKNOWN
    stolen = {"kid": _published_rsa(oidc_provider)["kid"]}
    token = other_oidc_provider.access_token(changes=ours, header=stolen)
    assert refuse(token) is TokenFault.SIGNATURE


def test_a_genuine_key_under_another_issuers_name(
    oidc_provider: OidcProvider, other_oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    token = oidc_provider.access_token(changes={"iss": other_oidc_provider.issuer})
    assert refuse(token) is TokenFault.ISSUER


def test_a_huge_token(oidc_provider: OidcProvider, refuse: Refuse) -> None:
    assert refuse(oidc_provider.access_token(claims={"bio": "x" * 20_000})) is TokenFault.TOO_LARGE
    assert refuse("A" * 10_000_000) is TokenFault.TOO_LARGE
    header, payload = _reheaded(oidc_provider.access_token(), junk="x" * 5_000)
    assert refuse(f"{header}.{payload}.AAAA") is TokenFault.MALFORMED


def test_an_encrypted_token(oidc_provider: OidcProvider, refuse: Refuse) -> None:
    header = _encode(b'{"alg":"RSA-OAEP","enc":"A256GCM"}')
    assert refuse(f"{header}.AAAA.AAAA.AAAA.AAAA") is TokenFault.MALFORMED


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "not a token",
        "e30.e30.e30",
        "é.é.é",
        "\u0000.\u0000.\u0000",
        _encode(b"[" * 3_000) + ".e30.AAAA",
        _encode(b'{"alg":"RS256","a":' + b"[" * 900 + b"]" * 900 + b"}") + ".e30.AAAA",
        _encode(b"\xff\xfe") + ".e30.AAAA",
        "trace_0123456789",
    ],
)
def test_text_that_is_no_token(token: str, refuse: Refuse) -> None:
    assert refuse(token) in {TokenFault.MALFORMED, TokenFault.ALGORITHM, TokenFault.SIGNATURE}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_to_any_character_is_refused(
    data: st.DataObject, oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    token = _one_token(oidc_provider)
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters().filter(lambda char: char != token[position]))
    with pytest.raises(TokenInvalid):
        asyncio.run(verifier.verify(token[:position] + character + token[position + 1 :]))


def test_an_eddsa_token_of_a_provider_that_uses_the_deprecated_name(
    oidc_provider: OidcProvider, refuse: Refuse
) -> None:
    """The name is accepted, and only for the key that is for it."""
    stranger = OKPKey.generate_key("Ed25519")
    payload = _decode(oidc_provider.access_token().split(".")[1])
    okp = next(key for key in oidc_provider.jwks()["keys"] if key["kty"] == "OKP")
    registry = jws.JWSRegistry(algorithms=["Ed25519"])
    header = {"alg": "Ed25519", "kid": okp["kid"]}
    token = jws.serialize_compact(header, payload, stranger, registry=registry)
    assert refuse(token) is TokenFault.SIGNATURE


_TOKENS: dict[str, str] = {}


def _one_token(provider: OidcProvider) -> str:
    if provider.issuer not in _TOKENS:
        _TOKENS[provider.issuer] = provider.access_token(lifetime_s=3_600)
    return _TOKENS[provider.issuer]
