"""Signing in to Intrace, wired: who verifies bearer tokens, who serves `/auth`."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.intrace.access import AccessBook
from tracewell.intrace.bearer import Bearers, OidcBearer
from tracewell.intrace.sign_in.browser import Cookies
from tracewell.intrace.sign_in.pending import Sealer
from tracewell.intrace.sign_in.routes import OIDC_CALLBACK, OIDC_LOGIN, SAML_LOGIN, SignInApp
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
    bearer, flow = _wire_oidc(ground, access) if settings.takes_oidc else (None, None)
    if not settings.takes_people:
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
    cookies = Cookies(settings.public_url.rstrip("/"))
    oidc = OidcSignIn(flow, sealer) if flow is not None else None
    login = OIDC_LOGIN if oidc is not None else SAML_LOGIN
    app = SignInApp(sessions, sealer, cookies, limiter, oidc=oidc, default_login=login)
    if settings.takes_saml:
        _add_saml(app, ground, sealer, cookies, sessions)
    return SignIn(Bearers(sessions, bearer), sessions, app)


def _add_saml(
    app: SignInApp, ground: Ground, sealer: Sealer, cookies: Cookies, sessions: Sessions
) -> None:
    from tracewell.intrace.sign_in.saml_sign_in import SamlRoutes, SamlSignIn
    from tracewell.kernel.saml import MetadataSource, ServiceProvider

    settings = ground.settings
    assert settings.saml_entity_id is not None
    assert settings.saml_acs_url is not None
    assert settings.saml_metadata_url is not None
    saml = SamlSignIn(
        ServiceProvider(
            settings.saml_entity_id, settings.saml_acs_url, settings.saml_groups_attribute
        ),
        MetadataSource(settings.saml_metadata_url, ground.clock),
        ground.database,
        sealer,
        ground.clock,
        settings.saml_idp_initiated,
    )
    SamlRoutes(saml, sealer, cookies, sessions).add_to(app)


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
