"""Intrace, 401, 403 and 503: keys, the tokens of a real identity provider, scopes."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator

import httpx
import pytest
from tests.conformance.shapes import check_envelope, check_rate_headers
from tests.conformance.table import proves
from tests.conformance.waiting import WITHIN_S, first_other
from tests.conformance.world import World
from tests.oidc.provider import AUDIENCE, OidcProvider, start_provider
from tests.servers import Servers

HARMLESS = "/v1/connectors"


@proves("intrace", 401, "credentials_missing", "neither Authorization nor X-API-Key is sent")
@pytest.mark.parametrize("path", ["connectors", "lookup", "audit", "reports/req_x/verify"])
def test_a_request_without_credentials_is_refused(world: World, path: str) -> None:
    answer = world.intrace().get(f"/v1/{path}")
    check_envelope(answer, 401, "credentials_missing")
    check_rate_headers(answer, limit=60, burst=10)


@proves("intrace", 401, "api_key_invalid", "a key that was never made, mistyped, cut or of Trace")
def test_a_key_that_is_none_is_refused(world: World) -> None:
    good: str = world.analyst.headers["x-api-key"]
    other = "A" if good[12] != "A" else "B"
    of_trace = world.user.headers["x-api-key"]
    for key in ("intrace_" + "x" * 36, good[:-1], good[:12] + other + good[13:], "", of_trace):
        check_envelope(world.intrace(key).get(HARMLESS), 401, "api_key_invalid")


@proves("intrace", 401, "api_key_invalid", "the key was revoked, and is refused within a second")
def test_a_revoked_key_is_refused_within_a_second(world: World) -> None:
    made = world.new_key("--service", "leaving", "--roles", "analyst")
    client = world.intrace(made["key"])
    assert client.get(HARMLESS).status_code == 200
    world.server.admin("key", "revoke", made["key_id"])
    answer = first_other(lambda: client.get(HARMLESS), 200, WITHIN_S)
    check_envelope(answer, 401, "api_key_invalid")


@proves("intrace", 401, "api_key_invalid", "the key has expired while it was in use")
def test_a_key_that_expires_is_refused_from_then_on(world: World) -> None:
    options = ("--service", "passing", "--roles", "analyst", "--expires", "3s")
    client = world.intrace(world.new_key(*options)["key"])
    assert client.get(HARMLESS).status_code == 200
    answer = first_other(lambda: client.get(HARMLESS), 200, within_s=4)
    check_envelope(answer, 401, "api_key_invalid")


@proves("intrace", 401, "token_invalid", "a token where no identity provider is configured")
def test_a_token_is_refused_where_keys_alone_are_accepted(world: World) -> None:
    answer = world.intrace(Authorization="Bearer x.y.z").get(HARMLESS)
    check_envelope(answer, 401, "token_invalid")


def _bearer(world: World, token: str, key: str | None = None) -> httpx.Response:
    return world.intrace(key, Authorization=f"Bearer {token}".strip()).get(HARMLESS)


def test_a_good_token_of_the_identity_provider_is_let_in(
    federated: World, oidc_provider: OidcProvider
) -> None:
    answer = _bearer(federated, oidc_provider.access_token(groups=["analyst"]))
    assert answer.status_code == 200
    check_rate_headers(answer, limit=60, burst=10)


@proves("intrace", 401, "token_expired", "a token of the provider whose time is over")
def test_an_expired_token_is_refused(federated: World, oidc_provider: OidcProvider) -> None:
    now = int(time.time())
    over = {"iat": now - 7200, "exp": now - 3600}
    token = oidc_provider.access_token(groups=["analyst"], changes=over)
    check_envelope(_bearer(federated, token), 401, "token_expired")


def _altered(token: str) -> str:
    head, payload, signature = token.split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["groups"] = ["admin"]
    changed = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


@proves("intrace", 401, "token_invalid", "wrong audience, claims missing, altered, not a token")
def test_a_token_that_does_not_verify_is_refused(
    federated: World, oidc_provider: OidcProvider
) -> None:
    tokens = (
        oidc_provider.access_token(groups=["analyst"], audience="https://elsewhere.example"),
        oidc_provider.access_token(groups=["analyst"], email=None),
        oidc_provider.access_token(groups=["analyst"], changes={"iss": "https://evil.example"}),
        oidc_provider.access_token(groups=["analyst"], changes={"exp": None}),
        _altered(oidc_provider.access_token(groups=["analyst"])),
        "not-a-token",
        "",
    )
    for token in tokens:
        check_envelope(_bearer(federated, token), 401, "token_invalid")
    basic = federated.intrace(Authorization="Basic dXNlcjpwYXNz").get(HARMLESS)
    check_envelope(basic, 401, "token_invalid")


@proves("intrace", 401, "token_invalid", "a token that another identity provider has signed")
def test_a_token_of_another_provider_is_refused(
    federated: World, oidc_provider: OidcProvider, other_oidc_provider: OidcProvider
) -> None:
    posing = {"iss": oidc_provider.issuer}
    token = other_oidc_provider.access_token(groups=["analyst"], changes=posing)
    check_envelope(_bearer(federated, token), 401, "token_invalid")


def test_the_token_decides_where_a_key_is_sent_as_well(
    federated: World, oidc_provider: OidcProvider
) -> None:
    key = federated.new_service()
    assert federated.intrace(key).get(HARMLESS).status_code == 200
    check_envelope(_bearer(federated, "not-a-token", key), 401, "token_invalid")
    good = oidc_provider.access_token(groups=["analyst"])
    assert _bearer(federated, good, "not-a-key").status_code == 200


@pytest.fixture
def silent_provider() -> Iterator[OidcProvider]:
    """A provider that goes away before the server has asked it for its keys."""
    with start_provider() as provider:
        yield provider


@proves("intrace", 503, "identity_provider_unavailable", "the provider answers nothing but 503")
def test_a_token_cannot_be_judged_while_the_provider_is_away(
    server_dialect: str, servers: Servers, silent_provider: OidcProvider
) -> None:
    environment = {
        "AUTH_MODE": "oidc",
        "OIDC_ISSUER_URL": silent_provider.issuer,
        "OIDC_AUDIENCE": AUDIENCE,
    }
    world = World(servers.get(server_dialect, product="intrace", environment=environment))
    token = silent_provider.access_token(groups=["analyst"])
    with silent_provider.outage():
        check_envelope(_bearer(world, token), 503, "identity_provider_unavailable")


@proves("intrace", 401, "sign_in_refused", "a callback that this browser did not begin")
def test_a_sign_in_that_was_not_begun_here_is_refused(federated: World) -> None:
    answer = httpx.get(
        f"{federated.server.url}/auth/oidc/callback?code=x&state=y", timeout=30, trust_env=False
    )
    check_envelope(answer, 401, "sign_in_refused", "oidc")


@proves("intrace", 403, "cross_site_refused", "a sign-out that another site's page caused")
def test_what_another_sites_page_causes_is_refused(federated: World) -> None:
    answer = httpx.post(
        f"{federated.server.url}/auth/logout",
        headers={"Sec-Fetch-Site": "cross-site"},
        timeout=30,
        trust_env=False,
    )
    check_envelope(answer, 403, "cross_site_refused")


@proves("intrace", 403, "insufficient_scope", "roles that do not hold the endpoint's scope")
@pytest.mark.parametrize(
    ("role", "method", "path", "scope"),
    [
        ("auditor", "POST", "lookup", "lookup:write"),
        ("auditor", "GET", "lookup", "lookup:read"),
        ("admin", "GET", "lookup/req_x", "lookup:read"),
        ("admin", "GET", "reports/req_x", "reports:read"),
        ("analyst", "GET", "audit", "audit:read"),
        ("service", "GET", "audit/req_x", "audit:read"),
    ],
)
def test_a_role_without_the_scope_is_refused_by_its_name(
    world: World, role: str, method: str, path: str, scope: str
) -> None:
    client = world.intrace(world.new_service(role))
    (issue,) = check_envelope(
        client.request(method, f"/v1/{path}"), 403, "insufficient_scope", "scope"
    )
    assert scope in issue


@proves("intrace", 403, "insufficient_scope", "a token whose groups are no roles here")
def test_a_token_without_a_known_role_may_do_nothing(
    federated: World, oidc_provider: OidcProvider
) -> None:
    answer = _bearer(federated, oidc_provider.access_token(groups=["gardeners"]))
    (issue,) = check_envelope(answer, 403, "insufficient_scope", "scope")
    assert "connectors:read" in issue
