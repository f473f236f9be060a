"""Tokens of a real OpenID provider: the good ones."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator

import pytest

from tracewell.kernel.clock import system_clock
from tracewell.kernel.oidc import (
    IdentityProviderUnavailable,
    OidcVerifier,
    TokenExpired,
    TokenFault,
    TokenInvalid,
)

from .provider import AUDIENCE, OidcProvider, start_provider


class MovableClock:
    """The system's time plus whatever the test adds."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def __call__(self) -> int:
        return system_clock() + self.offset_ms


@pytest.fixture(scope="module")
def oidc_provider() -> Iterator[OidcProvider]:
    """A provider of this module's own: its tests rotate keys and cause outages."""
    with start_provider() as provider:
        yield provider


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def verifier(oidc_provider: OidcProvider, clock: MovableClock) -> OidcVerifier:
    return OidcVerifier(oidc_provider.issuer, AUDIENCE, clock)


def _part(token: str, index: int) -> dict[str, object]:
    text = token.split(".")[index]
    part: dict[str, object] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return part


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "Ed25519"])
def test_an_access_token_says_who_it_is(
    algorithm: str, oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    token = oidc_provider.access_token(
        sub="u-1", email="ada@example.org", groups=["analysts", "auditors"], algorithm=algorithm
    )
    header, payload = _part(token, 0), _part(token, 1)
    assert (header["typ"], header["alg"]) == ("at+jwt", algorithm)
    claims = asyncio.run(verifier.verify(token))
    assert claims.issuer == oidc_provider.issuer
    assert (claims.subject, claims.email) == ("u-1", "ada@example.org")
    assert claims.groups == ("analysts", "auditors")
    assert claims.session_id == payload["jti"]
    assert claims.expires_at_ms == payload["exp"] * 1000  # type: ignore[operator]


def test_an_id_token_says_who_it_is(oidc_provider: OidcProvider) -> None:
    verifier = OidcVerifier(oidc_provider.issuer, oidc_provider.client_id, system_clock)
    token = oidc_provider.id_token(sub="u-2", claims={"sid": "session-9"})
    claims = asyncio.run(verifier.verify(token))
    assert (claims.subject, claims.session_id) == ("u-2", "session-9")


@pytest.mark.parametrize("suffix", ["", "/", "/.well-known/openid-configuration"])
def test_the_issuer_may_be_given_by_name_or_by_its_discovery_document(
    suffix: str, oidc_provider: OidcProvider
) -> None:
    verifier = OidcVerifier(oidc_provider.issuer + suffix, AUDIENCE, system_clock)
    assert asyncio.run(verifier.verify(oidc_provider.access_token()))


def test_a_token_is_refused_as_expired_from_the_millisecond_of_its_expiry(
    oidc_provider: OidcProvider,
) -> None:
    token = oidc_provider.access_token(lifetime_s=1)
    expires_at_ms = int(str(_part(token, 1)["exp"])) * 1000
    before = OidcVerifier(oidc_provider.issuer, AUDIENCE, lambda: expires_at_ms - 1)
    assert asyncio.run(before.verify(token)).expires_at_ms == expires_at_ms
    at = OidcVerifier(oidc_provider.issuer, AUDIENCE, lambda: expires_at_ms)
    with pytest.raises(TokenExpired):
        asyncio.run(at.verify(token))


def test_keys_are_fetched_once_for_many_tokens(
    oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    async def verify_many() -> None:
        tokens = [oidc_provider.access_token(sub=f"u-{number}") for number in range(5)]
        before = oidc_provider.count_requests("/jwks")
        await asyncio.gather(*(verifier.verify(token) for token in tokens * 4))
        assert oidc_provider.count_requests("/jwks") == before + 1

    asyncio.run(verify_many())


def test_after_a_rotation_new_tokens_are_accepted_at_once_and_old_ones_no_longer(
    oidc_provider: OidcProvider, verifier: OidcVerifier
) -> None:
    old = oidc_provider.access_token()
    asyncio.run(verifier.verify(old))
    oidc_provider.rotate_keys()
    assert asyncio.run(verifier.verify(oidc_provider.access_token()))
    with pytest.raises(TokenInvalid) as caught:
        asyncio.run(verifier.verify(old))
    assert caught.value.reason is TokenFault.KEY_UNKNOWN


def test_a_withdrawn_key_is_forgotten_after_ten_minutes_without_any_new_token(
    oidc_provider: OidcProvider, verifier: OidcVerifier, clock: MovableClock
) -> None:
    old = oidc_provider.access_token(lifetime_s=3_600)
    asyncio.run(verifier.verify(old))
    oidc_provider.rotate_keys()
    assert asyncio.run(verifier.verify(old))
    clock.offset_ms += 600_000
    with pytest.raises(TokenInvalid):
        asyncio.run(verifier.verify(old))


def test_invented_key_ids_cannot_make_the_engine_hammer_the_provider(
    oidc_provider: OidcProvider, verifier: OidcVerifier, clock: MovableClock
) -> None:
    good = oidc_provider.access_token()
    asyncio.run(verifier.verify(good))
    invented = [oidc_provider.access_token(header={"kid": f"kid-{n}"}) for n in range(20)]
    before = oidc_provider.count_requests("/jwks")

    async def refuse(token: str) -> None:
        with pytest.raises(TokenInvalid):
            await verifier.verify(token)

    async def refuse_all() -> None:
        for token in invented[:10]:
            await refuse(token)
        await asyncio.gather(*map(refuse, invented[10:]))

    asyncio.run(refuse_all())
    assert oidc_provider.count_requests("/jwks") == before + 4
    assert asyncio.run(verifier.verify(good))
    clock.offset_ms += 60_000
    asyncio.run(refuse(invented[0]))
    assert oidc_provider.count_requests("/jwks") == before + 5


def test_known_keys_serve_while_the_provider_is_silent_but_not_for_ever(
    oidc_provider: OidcProvider, verifier: OidcVerifier, clock: MovableClock
) -> None:
    token = oidc_provider.access_token(lifetime_s=7_200)
    asyncio.run(verifier.verify(token))
    with oidc_provider.outage():
        clock.offset_ms += 59 * 60_000
        assert asyncio.run(verifier.verify(token))
        clock.offset_ms += 60_000
        with pytest.raises(IdentityProviderUnavailable):
            asyncio.run(verifier.verify(token))
    clock.offset_ms += 2_000
    assert asyncio.run(verifier.verify(token))


def test_a_silent_provider_at_the_start_is_told_and_asked_again_two_seconds_later(
    oidc_provider: OidcProvider, verifier: OidcVerifier, clock: MovableClock
) -> None:
    token = oidc_provider.access_token()
    with oidc_provider.outage(), pytest.raises(IdentityProviderUnavailable, match="503"):
        asyncio.run(verifier.warm())
    with pytest.raises(IdentityProviderUnavailable, match="a moment ago"):
        asyncio.run(verifier.verify(token))
    clock.offset_ms += 2_000
    assert asyncio.run(verifier.verify(token))


def test_groups_may_be_in_another_claim_or_below_one(oidc_provider: OidcProvider) -> None:
    verifier = OidcVerifier(
        oidc_provider.issuer,
        AUDIENCE,
        system_clock,
        groups_claims=("https://example.org/teams", "realm_access.roles", "absent.path"),
    )
    token = oidc_provider.access_token(
        claims={
            "https://example.org/teams": "red",
            "realm_access": {"roles": ["admin", {"value": "auditor"}, "red"]},
        }
    )
    assert asyncio.run(verifier.verify(token)).groups == ("red", "admin", "auditor")
