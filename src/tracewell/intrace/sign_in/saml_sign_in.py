"""Signing in at a SAML identity provider: its use cases and its routes below `/auth/saml`.

Loaded only where SAML is configured: it needs the extra `saml`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from tracewell.intrace.errors import FIELD_REQUIRED
from tracewell.intrace.sign_in import browser, store
from tracewell.intrace.sign_in.browser import Cookies
from tracewell.intrace.sign_in.model import ProviderKind, SignedInPerson
from tracewell.intrace.sign_in.pending import Pending, Sealer, pending_name
from tracewell.intrace.sign_in.routes import (
    SAML_LOGIN,
    SESSION,
    Handler,
    SignInApp,
    Visit,
    single_fields,
)
from tracewell.intrace.sign_in.service import NOT_BEGUN_HERE, Begun, admit, refused
from tracewell.intrace.sign_in.sessions import Sessions
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.gate import collect_body
from tracewell.kernel.idp import IdentityProviderUnavailable
from tracewell.kernel.saml import (
    Assertion,
    Expectation,
    MetadataSource,
    SamlFault,
    SamlRefused,
    ServiceProvider,
    new_request_id,
    parse_response,
    render_redirect,
    render_sp_metadata,
)

METADATA = "/auth/saml/metadata"
ACS = "/auth/saml/acs"
FORM_BYTES_MAX = 512 << 10

_log = logging.getLogger("tracewell.sign_in")


@dataclass(frozen=True, slots=True)
class SamlSignIn:
    """The use cases. `idp_initiated`: answers count that no sign-in here has asked for."""

    provider: ServiceProvider
    source: MetadataSource
    database: Database
    sealer: Sealer
    clock: Clock
    idp_initiated: bool
    kind: ProviderKind = "saml"

    async def begin(self, return_to: str) -> Begun:
        """Raises IdentityProviderUnavailable."""
        metadata = await self.source.get()
        if metadata.wants_signed_requests:
            _log.warning("the SAML provider wants signed requests; it gets unsigned ones")
        request_id, relay_state = new_request_id(), secrets.token_urlsafe(32)
        url = render_redirect(
            sign_in_url=metadata.sign_in_url,
            entity_id=self.provider.entity_id,
            acs_url=self.provider.acs_url,
            request_id=request_id,
            relay_state=relay_state,
            now_ms=self.clock(),
        )
        pending = Pending("saml", relay_state, request_id, "", return_to, self.sealer.expiry())
        return Begun(url, pending)

    async def finish(self, pending: Pending | None, answer: str) -> SignedInPerson:
        """Raises ApiError (`sign_in_refused`), IdentityProviderUnavailable and DatabaseFailed."""
        if pending is None and not self.idp_initiated:
            raise refused("saml", NOT_BEGUN_HERE)
        try:
            assertion = await self._judge(pending, answer)
            await self._use(assertion)
        except SamlRefused as error:
            raise refused("saml", error.reason.value) from error
        except IdentityProviderUnavailable as error:
            _log.warning("a sign-in (saml) could not be completed: %s", error)
            raise
        return SignedInPerson(
            "saml",
            assertion.name_id,
            assertion.email,
            assertion.session_index,
            assertion.groups,
            assertion.session_ends_at,
        )

    async def _judge(self, pending: Pending | None, answer: str) -> Assertion:
        metadata = await self.source.get()
        request_id = pending.nonce if pending is not None else None
        now = self.clock()
        try:
            expected = Expectation(self.provider, metadata, request_id, now)
            return await asyncio.to_thread(parse_response, answer, expected)
        except SamlRefused as error:
            if error.reason is not SamlFault.SIGNATURE:
                raise
            newer = await self.source.get_anew(metadata)
            if newer is metadata:
                raise
        expected = Expectation(self.provider, newer, request_id, now)
        return await asyncio.to_thread(parse_response, answer, expected)

    async def _use(self, assertion: Assertion) -> None:
        """Raises SamlRefused where it was used before, by whichever process."""
        named = f"{assertion.issuer}\n{assertion.assertion_id}".encode()
        async with self.database.transaction() as tx:
            fresh = await store.use_assertion(
                tx,
                hashlib.sha256(named).hexdigest(),
                expires_at=assertion.usable_until,
                now=self.clock(),
            )
        if not fresh:
            raise SamlRefused(SamlFault.REPLAYED)


class SamlRoutes:
    """The routes, to be served by the app of all sign-ins."""

    def __init__(
        self, saml: SamlSignIn, sealer: Sealer, cookies: Cookies, sessions: Sessions
    ) -> None:
        self._saml = saml
        self._sealer = sealer
        self._cookies = cookies
        self._sessions = sessions

    def add_to(self, app: SignInApp) -> None:
        """Makes the app serve them."""

        async def begin(visit: Visit) -> Answer:
            return await app.begin(visit, self._saml)

        async def consume(visit: Visit) -> Answer:
            return await self._consume(visit, app)

        routes: Mapping[str, Mapping[str, Handler]] = {
            METADATA: {"GET": self._tell_metadata},
            SAML_LOGIN: {"GET": begin},
            ACS: {"POST": consume},
        }
        app.add(routes)

    async def _tell_metadata(self, visit: Visit) -> Answer:
        """What the identity provider must know of this engine."""
        provider = self._saml.provider
        document = render_sp_metadata(provider.entity_id, provider.acs_url)
        headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
        return Answer(200, document, headers, "application/samlmetadata+xml")

    async def _consume(self, visit: Visit, app: SignInApp) -> Answer:
        """The assertion consumer service (HTTP-POST)."""
        body = await collect_body(visit.scope, visit.receive, bytes_max=FORM_BYTES_MAX)
        form = single_fields(body.decode("latin-1"))
        answer, relay_state = form.get("SAMLResponse"), form.get("RelayState", "")
        if answer is None:
            details = [{"field": "SAMLResponse", "issue": "This field is required."}]
            raise ApiError(FIELD_REQUIRED, details=details)
        name = self._cookies.pending_name(pending_name(relay_state))
        sealed = self._cookies.find(visit.headers, name)
        pending = self._sealer.find("saml", relay_state, sealed)
        if pending is not None:
            visit.cookies.append(self._cookies.clear(name))
        person = await self._saml.finish(pending, answer)
        issued = await admit(self._sessions, person)
        return await app.enter(visit, issued, _landing(pending, relay_state))


def _landing(pending: Pending | None, relay_state: str) -> str:
    """Where the sign-in began, or the path that a provider's portal was set up with."""
    if pending is not None:
        return pending.return_to
    try:
        return browser.parse_return_to(relay_state)
    except ApiError:
        # Of a portal: a name of its own, perhaps. Nobody is sent to another site by it.
        return SESSION
