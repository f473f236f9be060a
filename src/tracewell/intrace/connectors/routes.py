"""`/v1/connectors`: the sources of this deployment and their live checks. Asking them: `runner`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.connectors.means import NO_MEANS, Means
from tracewell.intrace.connectors.model import Connector, Health, HealthStatus
from tracewell.intrace.connectors.planning import find_closed, find_obstacle
from tracewell.intrace.connectors.runner import check_connector
from tracewell.kernel.clock import Clock, format_utc
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint

_ACCESS = Access(scopes=frozenset({"connectors:read"}))

ConnectorId = Annotated[str, Path(description="The `id` of a connector.")]


class HealthModel(BaseModel):
    """What a live check found."""

    id: str
    status: Literal["reachable", "unreachable", "degraded", "unknown"]
    checked_at: str = Field(json_schema_extra={"format": "date-time"})
    latency_ms: int = Field(ge=0)
    error: str | None


class ConnectorModel(BaseModel):
    """A source, and whether this deployment can ask it."""

    id: str
    name: str
    accepts: list[str] = Field(description="Identifier types.")
    yields: list[str] = Field(description="Predicates that it may state.")
    configured: bool
    reason: str | None = Field(description="Why it cannot be asked; null where it can.")
    terms_url: str | None
    licence: str
    cost_class: Literal["local", "free", "metered"]
    is_reference: bool = Field(description="It describes identifiers and attests nobody.")
    sends_out: bool = Field(description="It tells the identifiers to somebody else.")
    last_health: HealthModel | None = Field(description="The last live check of this process.")


class ConnectorListModel(BaseModel):
    """All connectors, also those that are not configured."""

    connectors: list[ConnectorModel]


class ConnectorRoutes:
    """The routes over the deployment's connectors; remembers each one's last check."""

    def __init__(
        self,
        connectors: Sequence[Connector],
        enabled: Collection[str] | None,
        clock: Clock,
        timeout_s: float,
        means: Means = NO_MEANS,
    ) -> None:
        self._means = means
        self._connectors: Mapping[str, Connector] = {c.spec.id: c for c in connectors}
        self._enabled = enabled
        self._clock = clock
        self._timeout_s = timeout_s
        self._last_health: dict[str, Health] = {}

    async def list_connectors(self, request: Request) -> Response:
        """The sources that a lookup may ask, and why one cannot be asked here."""
        listed = [
            self._describe(c, find_obstacle(c, enabled=self._enabled, means=self._means))
            for c in self._connectors.values()
        ]
        return as_response(json_answer({"connectors": listed}))

    async def check_connector_health(self, request: Request, connector_id: ConnectorId) -> Response:
        """Asks the source now whether it answers, within the connector timeout."""
        connector = self._connectors.get(connector_id)
        if connector is None:
            raise ApiError(errors.NOT_FOUND)
        health = await self._check(connector)
        self._last_health[connector_id] = health
        return as_response(json_answer(_health(health)))

    async def _check(self, connector: Connector) -> Health:
        closed = find_closed(connector, self._enabled)
        if closed is not None:
            # What may not be asked in a lookup is not called at all.
            told = f"not configured: {closed}"
            return Health(connector.spec.id, HealthStatus.UNKNOWN, self._clock(), 0, told)
        return await check_connector(
            connector, clock=self._clock, timeout_s=self._timeout_s, means=self._means
        )

    def _describe(self, connector: Connector, obstacle: str | None) -> dict[str, Any]:
        spec = connector.spec
        last = self._last_health.get(spec.id)
        return {
            "id": spec.id,
            "name": spec.name,
            "accepts": sorted(spec.accepts),
            "yields": list(spec.yields),
            "configured": obstacle is None,
            "reason": obstacle,
            "terms_url": spec.terms_url,
            "licence": spec.licence,
            "cost_class": str(spec.cost_class),
            "is_reference": spec.is_reference,
            "sends_out": spec.sends_out,
            "last_health": None if last is None else _health(last),
        }


def _health(health: Health) -> dict[str, Any]:
    return {
        "id": health.id,
        "status": str(health.status),
        "checked_at": format_utc(health.checked_at),
        "latency_ms": health.latency_ms,
        "error": health.error,
    }


def connector_endpoints(routes: ConnectorRoutes) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    return (
        Endpoint(
            "GET",
            "/v1/connectors",
            routes.list_connectors,
            _ACCESS,
            "List connectors",
            ConnectorListModel,
            "connectors",
        ),
        Endpoint(
            "GET",
            "/v1/connectors/{connector_id}/health",
            routes.check_connector_health,
            _ACCESS,
            "Check a connector",
            HealthModel,
            "connectors",
        ),
    )
