"""`/v1/entities`: wire models and thin routes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.access import Roles
from tracewell.intrace.audit.callers import caller_of
from tracewell.intrace.entities.service import Entities
from tracewell.kernel.clock import format_utc
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint

_ENTITY_ID = re.compile(r"ent_[0-9A-Z]{1,40}", re.ASCII)
_EVENT_ID = re.compile(r"evt_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)

EntityId = Annotated[str, Path(description="Of an entity in a lookup of one's own.")]
EventId = Annotated[str, Path(description="The `event_id` of a merge or split.")]


class EventModel(BaseModel):
    """A merge or a split."""

    event_id: str
    kind: Literal["merge", "split"]
    entity_id: str = Field(description="The one that stayed.")
    other_entity_id: str = Field(description="The one that was joined to it, or taken out of it.")
    request_id: str = Field(description="The lookup that decided it.")
    decided_by: str
    decided_at: str
    evidence: str = Field(description="What was shared, by kind; no values.")
    undone_by: str | None
    undone_at: str | None


class SightingModel(BaseModel):
    """A stored lookup of the caller's that has met the entity."""

    request_id: str
    queried_at: str


class EntityHistoryModel(BaseModel):
    """An entity over lookups."""

    entity_id: str = Field(description="Its id now, after all merges that stand.")
    aliases: list[str] = Field(description="Ids of entities that turned out to be this one.")
    sightings: list[SightingModel]
    events: list[EventModel]


class EntityRoutes:
    """The routes over the entities."""

    def __init__(self, entities: Entities, roles: Roles) -> None:
        self._entities = entities
        self._roles = roles

    async def get_entity(self, request: Request, entity_id: EntityId) -> Response:
        """Which lookups of the caller's have met the entity, and its merges and splits."""
        if _ENTITY_ID.fullmatch(entity_id) is None:
            raise ApiError(errors.NOT_FOUND)
        found = await self._entities.get_history(caller_of(request, self._roles), entity_id)
        told = {
            "entity_id": found.entity_id,
            "aliases": list(found.aliases),
            "sightings": [
                {"request_id": request_id, "queried_at": format_utc(at)}
                for request_id, at in found.sightings
            ],
            "events": [event.to_wire() for event in found.events],
        }
        return as_response(json_answer(told))

    async def undo_event(self, request: Request, event_id: EventId) -> Response:
        """Undoes a merge or a split: lookups from now on keep the two apart, or join them.

        Results that are stored stay as they were signed. The audit log tells who undid it.
        """
        if _EVENT_ID.fullmatch(event_id) is None:
            raise ApiError(errors.NOT_FOUND)
        event = await self._entities.undo(caller_of(request, self._roles), event_id)
        return as_response(json_answer(event.to_wire()))


def entity_endpoints(entities: Entities, roles: Roles) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = EntityRoutes(entities, roles)
    return (
        Endpoint(
            "GET",
            "/v1/entities/{entity_id}",
            routes.get_entity,
            Access(scopes=frozenset({"analysis:read"})),
            "Get an entity's history",
            EntityHistoryModel,
            "entities",
        ),
        Endpoint(
            "POST",
            "/v1/entities/events/{event_id}/undo",
            routes.undo_event,
            Access(scopes=frozenset({"analysis:write"})),
            "Undo a merge or a split",
            EventModel,
            "entities",
        ),
    )
