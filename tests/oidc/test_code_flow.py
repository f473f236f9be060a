"""The code flow against a provider that answers wrongly, by mistake or by intent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from joserfc import jws
from joserfc.jwk import RSAKey

from tracewell.kernel.clock import system_clock
from tracewell.kernel.oidc import (
    CodeFlow,
    IdentityProviderUnavailable,
    OidcClient,
    ProviderSource,
    SignInFailed,
    TokenClaims,
    TokenExpired,
    TokenInvalid,
)

KEY = RSAKey.generate_key(2048, {"kid": "one"})
STRANGE_KEY = RSAKey.generate_key(2048, {"kid": "one"})
CLIENT = OidcClient("engine", "s3cret", "https://engine.example/auth/oidc/callback")


@dataclass
class Provider:
    """Signs whatever `claims` says; remembers the forms that it was sent."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    key: RSAKey = field(default_factory=lambda: KEY)
    userinfo: Any = None
    token_status: int = 200
    token_body: Any = None
    document: Mapping[str, Any] = field(default_factory=dict)
    seen: list[tuple[dict[str, str], str | None]] = field(default_factory=list)
    issuer: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discover)
        app.router.add_get("/jwks", self._keys)
        app.router.add_post("/token", self._token)
        app.router.add_get("/me", self._me)
        return app

    async def _discover(self, request: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            **self.document,
        }
        return web.json_response({k: v for k, v in document.items() if v is not None})

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [KEY.as_dict(private=False)]})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.seen.append((form, request.headers.get("Authorization")))
        if self.token_body is not None:
            return web.json_response(self.token_body, status=self.token_status)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "engine",
            "sub": "ada",
            "email": "ada@example.org",
            "groups": ["desk"],
            "nonce": "N",
            "iat": now,
            "exp": now + 300,
            **self.claims,
        }
        for name in self.drop:
            del claims[name]
        token = jws.serialize_compact({"alg": "RS256", "kid": "one"}, json.dumps(claims), self.key)
        answer = {"id_token": token, "access_token": "at", "token_type": "Bearer"}
        return web.json_response(answer, status=self.token_status)

    async def _me(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer at"
        return web.json_response(self.userinfo)


def finish(
    provider: Provider, *, client: OidcClient = CLIENT, issuer: str | None = None, code: str = "C"
) -> TokenClaims:
    async def run() -> TokenClaims:
        runner = web.AppRunner(provider.app())
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
            provider.issuer = f"http://127.0.0.1:{port}"
            source = ProviderSource(provider.issuer, system_clock)
            flow = CodeFlow(source, client, system_clock, groups_claims=("groups",))
            begun = await flow.begin()
            query = parse_qs(urlsplit(begun.url).query)
            assert (query["tenant"], query["state"]) == (["1"], [begun.state])
            return await flow.finish(code, nonce="N", verifier="V", issuer=issuer)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def test_a_good_answer_names_the_person() -> None:
    provider = Provider(claims={"sid": "S"})

    claims = finish(provider)

    assert (claims.subject, claims.email, claims.session_id) == ("ada", "ada@example.org", "S")
    assert claims.groups == ("desk",)
    form, authorization = provider.seen[0]
    assert form == {
        "grant_type": "authorization_code",
        "code": "C",
        "redirect_uri": CLIENT.redirect_uri,
        "code_verifier": "V",
    }
    assert authorization == "Basic ZW5naW5lOnMzY3JldA=="


@pytest.mark.parametrize(
    ("methods", "secret", "expected"),
    [
        (["client_secret_post"], "s3cret", {"client_id": "engine", "client_secret": "s3cret"}),
        (["client_secret_basic", "none"], None, {"client_id": "engine"}),
    ],
)
def test_the_client_proves_itself_as_the_provider_wants_it(
    methods: list[str], secret: str | None, expected: dict[str, str]
) -> None:
    provider = Provider(document={"token_endpoint_auth_methods_supported": methods})

    finish(provider, client=OidcClient("engine", secret, CLIENT.redirect_uri))

    form, authorization = provider.seen[0]
    assert authorization is None
    assert {name: form.get(name) for name in ("client_id", "client_secret") if name in form} == (
        expected
    )


def test_what_the_id_token_lacks_comes_from_the_user_information() -> None:
    told = {"sub": "ada", "email": "ada@example.org", "groups": ["a", "b"], "nonce": "x"}

    claims = finish(Provider(drop=("email", "groups"), userinfo=told))
    kept = finish(Provider(drop=("groups",), userinfo={**told, "email": "else@example.org"}))

    assert (claims.email, claims.groups) == ("ada@example.org", ("a", "b"))
    assert kept.email == "ada@example.org"


@pytest.mark.parametrize(
    ("provider", "error", "told"),
    [
        (Provider(claims={"nonce": "M"}), SignInFailed, "belongs to another sign-in"),
        (Provider(drop=("nonce",)), SignInFailed, "belongs to another sign-in"),
        (Provider(claims={"nonce": ["N"]}), SignInFailed, "belongs to another sign-in"),
        (Provider(claims={"aud": "else"}), TokenInvalid, "issued for somebody else"),
        (Provider(claims={"aud": ["engine", "else"]}), SignInFailed, "another application"),
        (Provider(claims={"azp": "else"}), SignInFailed, "another application"),
        (Provider(claims={"iss": "https://evil.example"}), TokenInvalid, "by somebody else"),
        (Provider(claims={"exp": 1}), TokenExpired, None),
        (Provider(claims={"nbf": 4_000_000_000}), TokenInvalid, "not valid yet"),
        (Provider(key=STRANGE_KEY), TokenInvalid, "signature does not match"),
        (Provider(drop=("sub",)), TokenInvalid, "names no subject"),
        (Provider(drop=("email",), userinfo={"sub": "ada"}), TokenInvalid, "no e-mail address"),
        (Provider(drop=("email",), userinfo={"sub": "eve"}), SignInFailed, "somebody else"),
        (Provider(token_body={"access_token": "at"}), SignInFailed, "gave no ID token"),
        (Provider(token_body={"id_token": "e30.e30."}), TokenInvalid, "algorithm"),
        (
            Provider(token_body={"error": "invalid_grant"}, token_status=400),
            SignInFailed,
            "did not accept the code",
        ),
        (Provider(token_body=[], token_status=200), IdentityProviderUnavailable, "JSON object"),
        (Provider(token_status=500), IdentityProviderUnavailable, "answered 500"),
        (Provider(token_status=302), IdentityProviderUnavailable, "answered 302"),
        (
            Provider(document={"token_endpoint": None}),
            IdentityProviderUnavailable,
            "no authorization code flow",
        ),
        (
            Provider(document={"token_endpoint": "http://192.0.2.1/token"}),
            IdentityProviderUnavailable,
            "must be https",
        ),
        (
            Provider(document={"authorization_response_iss_parameter_supported": True}),
            SignInFailed,
            "another identity provider",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_answer_signs_nobody_in(
    provider: Provider, error: type[Exception], told: str | None
) -> None:
    with pytest.raises(error, match=told):
        finish(provider)


def test_an_answer_that_names_another_issuer_is_mixed_up() -> None:
    provider = Provider()
    with pytest.raises(SignInFailed, match="another identity provider"):
        finish(provider, issuer="https://evil.example")
    assert provider.seen == []


@pytest.mark.parametrize("code", ["", "a\nb", "x" * 3000])
def test_a_code_that_cannot_be_one_is_not_sent(code: str) -> None:
    provider = Provider()
    with pytest.raises(SignInFailed, match="no usable code"):
        finish(provider, code=code)
    assert provider.seen == []
