"""Intrace as it is served: its services wired to the ground, behind its gate."""

from __future__ import annotations

from importlib.metadata import version

from starlette.types import ASGIApp

from tracewell.intrace import errors as intrace_errors
from tracewell.intrace import wire as intrace_wire
from tracewell.intrace.access import AccessBook
from tracewell.intrace.app import Intrace, build_intrace
from tracewell.intrace.gate import IntraceGate
from tracewell.intrace.lookups.model import LookupRules
from tracewell.intrace.reports.pdf.exporting import PdfExporter
from tracewell.kernel.http.app import build_app
from tracewell.kernel.http.endpoint import EndpointTable
from tracewell.kernel.http.gate import Gate
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.limits import Limiter, Quota
from tracewell.kernel.signing import Keyring as SigningKeyring
from tracewell.main.connectors import wire_connectors, wire_means
from tracewell.main.directory import TraceDirectory
from tracewell.main.ground import Ground
from tracewell.main.sealing import open_sealer
from tracewell.main.secret_files import ensure_secret
from tracewell.main.sign_in import wire_sign_in
from tracewell.main.signing import open_authority, open_document_key


def wire_intrace(
    ground: Ground,
    keyring: Keyring,
    limiter: Limiter,
    signing: SigningKeyring,
    access: AccessBook,
) -> tuple[ASGIApp, Intrace, ASGIApp | None]:
    """The product behind its gate, its services, and what answers `/auth`, if anything does."""
    settings = ground.settings
    window_s = settings.rate_limit_window_seconds
    sign_in = wire_sign_in(ground, keyring, limiter, access)
    rules = intrace_wire.IntraceRules(
        keyring,
        sign_in.bearers,
        settings.auth_mode in ("api_key", "both"),
        settings.rate_limit_requests_per_minute,
        settings.rate_limit_burst,
        window_s,
        access,
    )
    intrace = _build(ground, limiter, signing, access)
    app = build_app(
        title="Intrace",
        description="Identifiers in; entities with confidence, sources and a signed report out.",
        version=version("tracewell"),
        endpoints=intrace.endpoints,
        usual_errors=intrace_errors.USUAL,
        body_errors=intrace_errors.WITH_BODY,
        document=intrace_wire.document,
        rules=rules,
        handled=intrace_wire.HANDLED,
        security=intrace_wire.SECURITY,
    )
    gate = IntraceGate(
        app,
        EndpointTable(intrace.endpoints),
        rules,
        limiter,
        ground.new_id,
        {},
        settings.request_arrival_timeout_seconds,
    )
    door = None
    if sign_in.app is not None:
        door = Gate(sign_in.app, EndpointTable(()), rules, limiter, ground.new_id, {})
    return gate, intrace, door


def _build(
    ground: Ground, limiter: Limiter, signing: SigningKeyring, access: AccessBook
) -> Intrace:
    settings = ground.settings
    window_s = settings.rate_limit_window_seconds
    companies = _open_directory(ground)
    return build_intrace(
        database=ground.database,
        clock=ground.clock,
        new_id=ground.new_id,
        signer=signing,
        limiter=limiter,
        deep_quota=Quota(settings.rate_limit_deep_lookups_per_minute, window_s=window_s),
        rules=_lookup_rules(ground, companies),
        organization_id=settings.organization_id,
        exporter=PdfExporter(open_document_key(settings), settings.pdf_fonts_path),
        authority=open_authority(settings),
        access=access,
        technologies=companies,
    )


def _open_directory(ground: Ground) -> TraceDirectory | None:
    """Trace's companies, where both products are served."""
    settings = ground.settings
    if settings.product != "both":
        return None
    base_url = f"{(settings.public_url or 'http://127.0.0.1:8000').rstrip('/')}/trace"
    return TraceDirectory(ground.database, base_url)


def _lookup_rules(ground: Ground, companies: TraceDirectory | None) -> LookupRules:
    settings = ground.settings
    return LookupRules(
        wire_connectors(settings, ground.clock, companies),
        settings.connector_timeout_seconds,
        settings.result_retention_days,
        ensure_secret(settings.data, "entity_ids"),
        settings.enabled_connectors,
        wire_means(settings, ground.clock),
        open_sealer(settings),
        settings.require_requester_reference,
    )
