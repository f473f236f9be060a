"""Signing in to Intrace, wired: who verifies bearer tokens, who serves `/auth`."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.intrace.access import AccessBook
from tracewell.intrace.bearer import Bearers, OidcBearer
from tracewell.intrace.sign_in.browser import Cookies
from tracewell.intrace.sign_in.pending import Sealer
from tracewell.intrace.sign_in.routes import OIDC_CALLBACK, SignInApp
from tracewell.intrace.sign_in.service import OidcSignIn
from tracewell.intrace.sign_in.sessions import Sessions
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.limits import Limiter
from tracewell.kernel.oidc import CodeFlow, OidcClient, OidcVerifier, ProviderSource
from tracewell.main.ground import Ground, secret_of


@dataclass(frozen=True, slots=True)
class SignIn:
    """`app` answers `/auth`, unless nobody signs in by browser; `sessions` are for the console."""

    bearers: Bearers | None
    sessions: Sessions | None
    app: SignInApp | None


def wire_sign_in(ground: Ground, keyring: Keyring, limiter: Limiter, access: AccessBook) -> SignIn:
    """What AUTH_MODE and the providers' settings ask for; settings have been checked before."""
    settings = ground.settings
    oidc = _wire_oidc(ground, access) if settings.takes_oidc else None
    bearer = oidc[0] if oidc is not None else None
    flow = oidc[1] if oidc is not None else None
    if flow is None:
        return SignIn(Bearers(None, bearer) if bearer is not None else None, None, None)
    assert settings.public_url is not None
    secret = secret_of(settings, "session_secret")
    sessions = Sessions(
        ground.database,
        keyring,
        ground.clock,
        access,
        secret=secret,
        lifetime_minutes=settings.session_lifetime_minutes,
    )
    sealer = Sealer(secret, ground.clock)
    app = SignInApp(
        sessions,
        sealer,
        Cookies(settings.public_url.rstrip("/")),
        limiter,
        oidc=OidcSignIn(flow, sealer),
    )
    return SignIn(Bearers(sessions, bearer), sessions, app)


def _wire_oidc(ground: Ground, access: AccessBook) -> tuple[OidcBearer, CodeFlow | None]:
    settings = ground.settings
    assert settings.oidc_issuer_url is not None
    assert settings.oidc_audience is not None
    source = ProviderSource(settings.oidc_issuer_url, ground.clock)
    claims = (settings.oidc_roles_claim,)
    verifier = OidcVerifier(source, settings.oidc_audience, ground.clock, groups_claims=claims)
    if settings.oidc_client_id is None:
        return OidcBearer(verifier, access), None
    assert settings.public_url is not None
    secret = settings.oidc_client_secret
    client = OidcClient(
        settings.oidc_client_id,
        secret.get_secret_value() if secret is not None else None,
        f"{settings.public_url.rstrip('/')}{OIDC_CALLBACK}",
        settings.oidc_scopes,
    )
    flow = CodeFlow(source, client, ground.clock, groups_claims=claims)
    return OidcBearer(verifier, access), flow
