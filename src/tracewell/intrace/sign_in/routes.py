"""`/auth`: where browsers sign in and out. It stands beside the API: no key, no scope.

What the gate would bound is bounded here: tries by source address, bodies by size and time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import Receive, Scope, Send

from tracewell.intrace.sign_in import browser
from tracewell.intrace.sign_in.browser import ANSWER_HEADERS, Cookies
from tracewell.intrace.sign_in.model import IssuedSession, Session
from tracewell.intrace.sign_in.pending import LIFETIME_MS, Sealer, pending_name
from tracewell.intrace.sign_in.service import (
    NOT_BEGUN_HERE,
    OidcSignIn,
    Provider,
    admit,
    refused,
)
from tracewell.intrace.sign_in.sessions import Sessions
from tracewell.intrace.wire import HANDLED, as_api_error
from tracewell.kernel.clock import SECOND_MS, format_utc
from tracewell.kernel.http.answer import Answer, json_answer, send_answer
from tracewell.kernel.http.failures import MethodUnknown, RateExceeded, RouteUnknown
from tracewell.kernel.identity.model import CredentialRefused, Refusal
from tracewell.kernel.limits.model import Limiter, Quota
from tracewell.kernel.oidc import IdentityProviderUnavailable, TokenExpired, TokenInvalid

LOGIN = "/auth/login"
OIDC_LOGIN = "/auth/oidc/login"
OIDC_CALLBACK = "/auth/oidc/callback"
SAML_LOGIN = "/auth/saml/login"
SESSION = "/auth/session"
TOKEN = "/auth/token"  # noqa: S105 - a path
LOGOUT = "/auth/logout"

TRIES = Quota(120, window_s=60)
"""What one source address may ask of `/auth` in a minute: an office behind one address signs in."""
QUERY_CHARACTERS_MAX = 8_192

_TOLD: tuple[type[Exception], ...] = (
    *HANDLED,
    CredentialRefused,
    IdentityProviderUnavailable,
    TokenExpired,
    TokenInvalid,
)

Handler = Callable[["Visit"], Awaitable[Answer]]


@dataclass(slots=True)
class Visit:
    """One request to `/auth`, and the cookies that its answer sets."""

    scope: Scope
    receive: Receive
    cookies: list[str] = field(default_factory=list)

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The request's headers, names in lower case."""
        found: Sequence[tuple[bytes, bytes]] = self.scope["headers"]
        return found

    def query(self) -> dict[str, str]:
        """The parameters of the query; one that stands twice is none (RFC 6749, 3.1)."""
        text = self.scope.get("query_string", b"").decode("latin-1")
        return single_fields(text[:QUERY_CHARACTERS_MAX])


def single_fields(text: str) -> dict[str, str]:
    """The fields of a form that stand in it once."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


class SignInApp:
    """An ASGI app, to be served behind a gate under no prefix."""

    def __init__(
        self,
        sessions: Sessions,
        sealer: Sealer,
        cookies: Cookies,
        limiter: Limiter,
        *,
        oidc: OidcSignIn | None,
        default_login: str = OIDC_LOGIN,
    ) -> None:
        self._sessions = sessions
        self._sealer = sealer
        self._cookies = cookies
        self._limiter = limiter
        self._oidc = oidc
        self._default_login = default_login
        self._routes: dict[str, Mapping[str, Handler]] = {
            LOGIN: {"GET": self._choose},
            SESSION: {"GET": self._tell_session},
            TOKEN: {"POST": self._hand_token},
            LOGOUT: {"POST": self._sign_out},
        }
        if oidc is not None:
            self._routes[OIDC_LOGIN] = {"GET": lambda visit: self.begin(visit, oidc)}
            self._routes[OIDC_CALLBACK] = {"GET": lambda visit: self._finish_oidc(visit, oidc)}

    def add(self, routes: Mapping[str, Mapping[str, Handler]]) -> None:
        """Further routes, by path and method."""
        self._routes.update(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request. Raises what the gate describes, unless a person looks at it."""
        visit = Visit(scope, receive)
        try:
            answer = await self._serve(visit)
        except _TOLD as error:
            known = as_api_error(error)
            if known is None or not browser.wants_page(visit.headers):
                raise
            request_id = scope.get("state", {}).get("request_id", "")
            answer = browser.refusal_page(known, request_id, LOGIN)
        set_cookies = [(b"set-cookie", cookie.encode("ascii")) for cookie in visit.cookies]
        await send_answer(send, answer, set_cookies)

    async def _serve(self, visit: Visit) -> Answer:
        methods = self._routes.get(visit.scope["path"])
        if methods is None:
            raise RouteUnknown(visit.scope["path"])
        handler = methods.get(visit.scope["method"])
        if handler is None:
            raise MethodUnknown(tuple(sorted(methods)))
        decision = await self._limiter.admit(f"sign-in:{_source(visit.scope)}", TRIES)
        if not decision.admitted:
            raise RateExceeded(decision)
        return await handler(visit)

    async def _choose(self, visit: Visit) -> Answer:
        return_to = browser.parse_return_to(visit.query().get("return_to", SESSION))
        return redirect(f"{self._default_login}?{urlencode({'return_to': return_to})}")

    async def begin(self, visit: Visit, provider: Provider) -> Answer:
        """Sends the browser to the provider, with a sealed cookie to come back with."""
        return_to = browser.parse_return_to(visit.query().get("return_to", SESSION))
        begun = await provider.begin(return_to)
        others = self._cookies.list_pending(visit.headers)
        if len(others) >= browser.PENDING_COOKIES_MAX:
            visit.cookies += map(self._cookies.clear, others)
        visit.cookies.append(
            self._cookies.set_pending(
                begun.pending.name,
                self._sealer.seal(begun.pending),
                LIFETIME_MS // SECOND_MS,
                cross_site=provider.kind == "saml",
            )
        )
        return redirect(begun.url)

    async def _finish_oidc(self, visit: Visit, oidc: OidcSignIn) -> Answer:
        query = visit.query()
        state = query.get("state", "")
        name = self._cookies.pending_name(pending_name(state))
        pending = self._sealer.find("oidc", state, self._cookies.find(visit.headers, name))
        if pending is None:
            raise refused("oidc", NOT_BEGUN_HERE)
        visit.cookies.append(self._cookies.clear(name))
        if "error" in query:
            raise refused("oidc", "The identity provider signed nobody in.")
        person = await oidc.finish(pending, query.get("code", ""), query.get("iss"))
        return await self.enter(visit, await admit(self._sessions, person), pending.return_to)

    async def enter(self, visit: Visit, issued: IssuedSession, return_to: str) -> Answer:
        """Lets a browser in that has signed in, and ends what it was signed in with before."""
        before = await self._find_session(visit)
        if before is not None:
            await self._sessions.end(before)
        session = issued.session
        lifetime_s = max(0, (session.expires_at - session.created_at) // SECOND_MS)
        visit.cookies.append(self._cookies.set_session(issued.token, lifetime_s))
        return redirect(return_to)

    async def _tell_session(self, visit: Visit) -> Answer:
        """Who is signed in, by cookie or bearer token."""
        session = await self._sessions.get_session(self._token(visit))
        person = session.person
        told = {
            "user_id": person.user_id,
            "user_email": person.user_email,
            "provider": person.provider,
            "expires_at": format_utc(session.expires_at),
        }
        return json_answer(told, headers=ANSWER_HEADERS)

    async def _hand_token(self, visit: Visit) -> Answer:
        """The session as a bearer token, for the API; for pages of this site only."""
        browser.require_same_site(visit.headers, self._cookies.public_url)
        token = self._token(visit)
        session = await self._sessions.get_session(token)
        told = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_at": format_utc(session.expires_at),
        }
        return json_answer(told, headers=ANSWER_HEADERS)

    async def _sign_out(self, visit: Visit) -> Answer:
        """Ends the session here, and sends the browser to end the provider's own."""
        browser.require_same_site(visit.headers, self._cookies.public_url)
        session = await self._find_session(visit)
        visit.cookies.append(self._cookies.clear(self._cookies.session_name))
        if session is None:
            return redirect("/")
        await self._sessions.end(session)
        if session.person.provider == "oidc" and self._oidc is not None:
            try:
                url = await self._oidc.flow.find_logout_url(f"{self._cookies.public_url}/")
            except IdentityProviderUnavailable:
                url = None
            if url is not None:
                return redirect(url)
        return redirect("/")

    async def _find_session(self, visit: Visit) -> Session | None:
        try:
            return await self._sessions.get_session(self._token(visit))
        except (CredentialRefused, TokenExpired, TokenInvalid):
            return None

    def _token(self, visit: Visit) -> str:
        """The bearer token of the request, else that of its cookie. Raises CredentialRefused."""
        bearer = next((value for key, value in visit.headers if key == b"authorization"), None)
        if bearer is not None:
            scheme, _, token = bearer.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
        cookie = self._cookies.find(visit.headers, self._cookies.session_name)
        if cookie is None:
            raise CredentialRefused(Refusal.MISSING)
        return cookie


def redirect(to: str) -> Answer:
    """303: whatever was sent, the next request is a GET (RFC 9110, 15.4.4)."""
    return Answer(303, b"", {**ANSWER_HEADERS, "Location": to}, "text/plain")


def _source(scope: Scope) -> str:
    """Who tries: an IPv4 address, or the /64 that an IPv6 address is one of (RFC 6177)."""
    client: Any = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return "nobody"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
