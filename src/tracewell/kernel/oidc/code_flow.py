"""The authorization code flow for browsers: PKCE, state and nonce always.

OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9207, RFC 9700. What is kept between the two
steps, and what a signed-in browser then holds, is decided by whoever uses it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from tracewell.kernel.clock import Clock
from tracewell.kernel.idp import IdentityProviderUnavailable
from tracewell.kernel.idp.documents import fetch_document
from tracewell.kernel.oidc.claims import ClaimRules, TokenClaims, parse_claims
from tracewell.kernel.oidc.discovery import Provider, ProviderSource, parse_json_answer
from tracewell.kernel.oidc.verifier import FUTURE_SKEW_S, read_signed_claims

CODE_CHARACTERS_MAX = 2_048
SCOPES = "openid email profile"

_Token = Callable[[], str]


class SignInFault(StrEnum):
    """Why an answer of the provider signs nobody in; the value is a sentence without values."""

    ISSUER = "The answer came from another identity provider."
    CODE = "The answer carries no usable code."
    CODE_REFUSED = "The identity provider did not accept the code."
    NO_ID_TOKEN = "The identity provider gave no ID token."  # noqa: S105
    NONCE = "The ID token belongs to another sign-in."
    PARTY = "The ID token was issued to another application."
    USER_INFO = "The identity provider's user information is about somebody else."


class SignInFailed(Exception):  # noqa: N818
    """Nobody was signed in."""

    def __init__(self, reason: SignInFault) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OidcClient:
    """How the provider knows this engine. `secret` None: a public client, PKCE alone."""

    client_id: str
    secret: str | None
    redirect_uri: str
    scopes: str = SCOPES


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where the browser goes, and what the second step must know."""

    url: str
    state: str
    nonce: str
    verifier: str


class CodeFlow:
    """Signs people in at one provider."""

    def __init__(
        self,
        source: ProviderSource,
        client: OidcClient,
        clock: Clock,
        *,
        groups_claims: tuple[str, ...],
        new_token: _Token = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._source = source
        self._client = client
        self._clock = clock
        self._groups_claims = groups_claims
        self._new_token = new_token

    async def begin(self) -> Begun:
        """Raises IdentityProviderUnavailable."""
        endpoint = _required((await self._source.get()).endpoints.authorization)
        state, nonce, verifier = (self._new_token() for _ in range(3))
        challenge = hashlib.sha256(verifier.encode("ascii")).digest()
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": self._client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return Begun(_with_query(endpoint, query), state, nonce, verifier)

    async def finish(
        self, code: str, *, nonce: str, verifier: str, issuer: str | None
    ) -> TokenClaims:
        """Who signed in, by the code of the answer; `issuer` is the answer's `iss`, if it had one.

        That `state` fits the browser has been checked by the caller. Raises SignInFailed,
        TokenInvalid, TokenExpired, IdentityProviderUnavailable.
        """
        provider = await self._source.get()
        if issuer is None and provider.endpoints.names_itself:
            raise SignInFailed(SignInFault.ISSUER)
        if issuer is not None and issuer != provider.keys.issuer:
            raise SignInFailed(SignInFault.ISSUER)
        if not 0 < len(code) <= CODE_CHARACTERS_MAX or not code.isprintable():
            raise SignInFailed(SignInFault.CODE)
        tokens = await self._redeem(provider, code, verifier)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise SignInFailed(SignInFault.NO_ID_TOKEN)
        issuer_name, claims = await read_signed_claims(self._source, id_token)
        self._judge(claims, nonce)
        claims = await self._completed(provider, claims, tokens.get("access_token"))
        client_id, skew_ms = self._client.client_id, FUTURE_SKEW_S * 1000
        rules = ClaimRules(issuer_name, client_id, self._groups_claims, skew_ms)
        return parse_claims(claims, rules, self._clock())

    async def find_logout_url(self, back_to: str) -> str | None:
        """Where a browser ends its session at the provider, if it can be ended there."""
        endpoint = (await self._source.get()).endpoints.end_session
        if endpoint is None:
            return None
        query = {"client_id": self._client.client_id, "post_logout_redirect_uri": back_to}
        return _with_query(endpoint, query)

    async def _redeem(self, provider: Provider, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = self._prove_client(provider, form)
        answer = await fetch_document(
            _required(provider.endpoints.token),
            accept="application/json",
            form=form,
            headers=headers,
        )
        if answer.status in (400, 401, 403):
            raise SignInFailed(SignInFault.CODE_REFUSED)
        if answer.status != 200:
            raise IdentityProviderUnavailable(f"the token endpoint answered {answer.status}")
        return parse_json_answer(answer.body)

    def _prove_client(self, provider: Provider, form: dict[str, str]) -> dict[str, str]:
        """Puts the client's proof into the form, or returns it as a header (RFC 6749, 2.3.1)."""
        client_id, secret = self._client.client_id, self._client.secret
        methods = provider.endpoints.token_auth_methods
        if secret is not None and "client_secret_basic" in methods:
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        form["client_id"] = client_id
        if secret is not None:
            form["client_secret"] = secret
        return {}

    def _judge(self, claims: Mapping[str, Any], nonce: str) -> None:
        """What an ID token must say beyond what every token must (Core, 3.1.3.7)."""
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise SignInFailed(SignInFault.NONCE)
        party, audience = claims.get("azp"), claims.get("aud")
        several = isinstance(audience, list) and len(audience) > 1
        if (several or party is not None) and party != self._client.client_id:
            raise SignInFailed(SignInFault.PARTY)

    async def _completed(
        self, provider: Provider, claims: dict[str, Any], access_token: Any
    ) -> dict[str, Any]:
        """The ID token's claims, with e-mail and groups from the user information where a
        provider keeps them there (Core, 5.4). What is signed stands before what is told."""
        wanted = ("email", *self._groups_claims)
        endpoint = provider.endpoints.userinfo
        if endpoint is None or all(name in claims for name in wanted):
            return claims
        if not isinstance(access_token, str) or not access_token.isprintable():
            return claims
        answer = await fetch_document(
            endpoint,
            accept="application/json",
            headers={"Authorization": f"Bearer {access_token}"},
        )
        if answer.status != 200:
            raise IdentityProviderUnavailable(f"the user information answered {answer.status}")
        told = parse_json_answer(answer.body)
        if told.get("sub") != claims.get("sub"):
            raise SignInFailed(SignInFault.USER_INFO)
        roots = {part for name in wanted for part in (name, name.split(".")[0])}
        return {**{name: told[name] for name in roots if name in told}, **claims}


def _required(endpoint: str | None) -> str:
    if endpoint is None:
        raise IdentityProviderUnavailable("the provider offers no authorization code flow")
    return endpoint


def _with_query(url: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    joined = "&".join(filter(None, (parts.query, urlencode(query))))
    return urlunsplit(parts._replace(query=joined))
