"""Tokens of a certified OpenID provider become principals of Intrace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.oidc.provider import AUDIENCE, OidcProvider, start_provider

from tracewell.intrace.access import AccessBook, AccessRules
from tracewell.intrace.bearer import OidcBearer
from tracewell.kernel.clock import system_clock
from tracewell.kernel.oidc import OidcVerifier, TokenExpired, TokenInvalid

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with start_provider() as started:
        yield started


@pytest.fixture
def bearer(provider: OidcProvider) -> OidcBearer:
    verifier = OidcVerifier(provider.issuer, AUDIENCE, system_clock)
    groups = {"analysts": ("analyst",), "auditor": ("auditor",)}
    return OidcBearer(verifier, AccessBook(AccessRules(groups=groups)))


async def test_a_token_names_person_session_and_roles(
    provider: OidcProvider, bearer: OidcBearer
) -> None:
    token = provider.access_token(
        sub="ada",
        email="ada@example.org",
        groups=("analysts", "auditor", "admin"),
        claims={"sid": "s-1"},
    )

    principal = await bearer.authenticate(token)

    assert principal.kind == "bearer"
    assert (principal.subject, principal.email) == ("ada", "ada@example.org")
    assert principal.idp_session_id == "s-1"
    assert principal.roles == ("analyst", "auditor")
    assert principal.key_id is None
    assert principal.service_name is None


async def test_all_sessions_of_a_person_share_one_limit_and_two_persons_none(
    provider: OidcProvider, bearer: OidcBearer
) -> None:
    first = await bearer.authenticate(provider.access_token(sub="ada"))
    second = await bearer.authenticate(provider.access_token(sub="ada", claims={"sid": "s-2"}))
    other = await bearer.authenticate(provider.access_token(sub="bob"))

    assert first.limit_id == second.limit_id != other.limit_id


async def test_an_expired_token_and_a_strangers_are_told_apart(
    provider: OidcProvider, bearer: OidcBearer
) -> None:
    with pytest.raises(TokenInvalid):
        await bearer.authenticate(provider.access_token(audience="https://else.example"))
    late = OidcBearer(OidcVerifier(provider.issuer, AUDIENCE, lambda: system_clock() + 3_600_000))
    with pytest.raises(TokenExpired):
        await late.authenticate(provider.access_token(lifetime_s=300))
