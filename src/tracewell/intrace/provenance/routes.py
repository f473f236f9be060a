"""`/v1/provenance`: wire models and thin routes. `/api/provenance` is the same: `intrace.gate`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace.access import Roles
from tracewell.intrace.audit.callers import caller_of
from tracewell.intrace.entities.routes import EventModel
from tracewell.intrace.provenance.lineage import DEPTH_MAX
from tracewell.intrace.provenance.service import Provenance
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint

_ACCESS = Access(scopes=frozenset({"lookup:read"}))

NodeId = Annotated[
    str,
    Path(description="`ent_...`, `src_...`, or the id of a data point out of an entity's `chain`."),
]
Depth = Annotated[
    int, Query(alias="max_depth", ge=1, le=DEPTH_MAX, description="Levels beneath the first.")
]


class OriginModel(BaseModel):
    """A source record."""

    source_id: str
    connector_id: str
    retrieved_at: str
    url: str
    record_hash: str
    licence: str
    request_id: str


class TransformModel(BaseModel):
    """A resolution that made the entity of what was found."""

    operation: Literal["resolve"]
    request_id: str
    at: str
    by: str
    entity_id: str


class TransitionModel(BaseModel):
    """The entity as one lookup had it."""

    request_id: str
    at: str
    by: str
    kind: str
    confidence: float


class UpdateModel(BaseModel):
    """A data point that came, or whose confidence changed."""

    data_point_id: str
    field: str
    change: Literal["added", "confidence_changed"]
    confidence_before: float | None
    confidence: float
    at: str
    by: str
    request_id: str


class MomentModel(BaseModel):
    """One line of the timeline: when, what, by whom."""

    at: str
    event: str
    id: str
    by: str
    request_id: str | None


class LineageModel(BaseModel):
    """Where something comes from. `field`, `value` and `entity_id` stand at data points."""

    id: str
    type: Literal["entity", "data_point", "source"]
    origin: list[OriginModel]
    transforms: list[TransformModel]
    transitions: list[TransitionModel]
    updates: list[UpdateModel]
    merges: list[EventModel] = Field(description="Those of `merge_history` that joined.")
    chain: list[str] = Field(description="Ids of what it was made of.")
    timeline: list[MomentModel]
    merge_history: list[EventModel]
    field: str = ""
    value: str = ""
    entity_id: str = ""


class FullLineageModel(LineageModel):
    """With the lineages of what it was made of."""

    depth: int
    upstream: list[dict[str, Any]] = Field(description="Lineages like this one, a level deeper.")
    is_cut: bool = Field(description="Whether there is more below than is told.")


class ProvenanceRoutes:
    """The routes over provenance."""

    def __init__(self, provenance: Provenance, roles: Roles) -> None:
        self._provenance = provenance
        self._roles = roles

    async def get_lineage(self, request: Request, id: NodeId) -> Response:  # noqa: A002
        """Where an entity, a data point or a source of the caller's lookups comes from."""
        caller = caller_of(request, self._roles)
        return as_response(json_answer(await self._provenance.trace(caller, id)))

    async def get_full_lineage(
        self,
        request: Request,
        id: NodeId,  # noqa: A002
        max_depth: Depth = DEPTH_MAX,
    ) -> Response:
        """The lineage with those of all that it was made of, down to the sources."""
        caller = caller_of(request, self._roles)
        return as_response(json_answer(await self._provenance.trace(caller, id, max_depth)))


def provenance_endpoints(provenance: Provenance, roles: Roles) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = ProvenanceRoutes(provenance, roles)
    return (
        Endpoint(
            "GET",
            "/v1/provenance/{id}/lineage",
            routes.get_lineage,
            _ACCESS,
            "Get a lineage",
            LineageModel,
            "provenance",
        ),
        Endpoint(
            "GET",
            "/v1/provenance/{id}/full-lineage",
            routes.get_full_lineage,
            _ACCESS,
            "Get a full lineage",
            FullLineageModel,
            "provenance",
        ),
    )
