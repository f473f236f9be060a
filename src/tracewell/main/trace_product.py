"""Trace as it is served: its services wired to the ground, behind its gate."""

from __future__ import annotations

from importlib.metadata import version

from starlette.types import ASGIApp

from tracewell.kernel.database.unit import JoiningDatabase
from tracewell.kernel.http.app import build_app
from tracewell.kernel.http.endpoint import EndpointTable
from tracewell.kernel.http.gate import Gate
from tracewell.kernel.idempotency import Idempotency
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.limits import Limiter
from tracewell.main.ground import Ground
from tracewell.main.sealing import open_sealer
from tracewell.trace import errors as trace_errors
from tracewell.trace import wire as trace_wire
from tracewell.trace.app import Trace, build_trace

_HOUR_MS = 3_600_000


def wire_trace(
    ground: Ground, keyring: Keyring, limiter: Limiter
) -> tuple[ASGIApp, Trace, Idempotency]:
    """The product behind its gate, its services, and the answers that it keeps."""
    settings = ground.settings
    kept = Idempotency(
        ground.database,
        ground.clock,
        settings.idempotency_key_hours * _HOUR_MS,
        open_sealer(settings),
    )
    rules = trace_wire.TraceRules(
        keyring,
        ground.identity,
        settings.trace_requests_per_minute,
        settings.rate_limit_window_seconds,
        by_plan={
            plan.name: plan.requests_per_minute
            for plan in settings.plan_table.values()
            if plan.requests_per_minute is not None
        },
    )
    trace = build_trace(
        database=JoiningDatabase(ground.database),
        ledger=ground.ledger,
        identity=ground.identity,
        limiter=limiter,
        clock=ground.clock,
        new_id=ground.new_id,
        public_url=settings.public_url,
    )
    app = build_app(
        title="Trace",
        description="Company intelligence: technologies, partnerships, firmographics, postings.",
        version=version("tracewell"),
        endpoints=trace.endpoints,
        usual_errors=trace_errors.USUAL,
        body_errors=trace_errors.WITH_BODY,
        path_errors=trace_errors.WITH_PATH,
        document=trace_wire.document,
        rules=rules,
        handled=trace_wire.HANDLED,
        security=trace_wire.SECURITY,
        key_errors=trace_errors.WITH_KEY,
    )
    app.include_router(trace.accounts, prefix="/auth")
    gate = Gate(
        app,
        EndpointTable(trace.endpoints),
        rules,
        limiter,
        ground.new_id,
        trace.fast,
        settings.request_arrival_timeout_seconds,
        kept,
    )
    return gate, trace, kept
