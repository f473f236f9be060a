"""`POST /v1/lookup/plan`: the dry run of a lookup. Nobody is asked, nothing is kept."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.lookups.routes import LookupBody
from tracewell.intrace.lookups.service import Lookups
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint

_ACCESS = Access(scopes=frozenset({"lookup:write"}))


class PlannedModel(BaseModel):
    """Whether a connector would be asked, about which identifiers, and why not."""

    connector_id: str
    will_run: bool
    status: Literal["not_configured", "skipped"] | None = Field(
        description="What its coverage would say without being asked; null where it is asked."
    )
    reason: str
    identifiers: list[int] = Field(description="Indexes into the identifiers of the request.")


class PlanModel(BaseModel):
    """What the first round of a lookup would ask."""

    connectors: list[PlannedModel]


class PlanningRoutes:
    """The route over the lookups."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    async def plan_lookup(self, request: Request, body: LookupBody) -> Response:
        """Which connectors a lookup with this body would ask, which not and why.

        Asks nobody and leaves no record; the identifiers are judged as in a lookup.
        """
        planned = [
            {
                "connector_id": plan.connector_id,
                "will_run": plan.will_run,
                "status": plan.status and str(plan.status),
                "reason": plan.reason,
                "identifiers": list(plan.identifiers),
            }
            for plan in self._lookups.plan(body.to_request())
        ]
        return as_response(json_answer({"connectors": planned}))


def planning_endpoints(lookups: Lookups) -> tuple[Endpoint, ...]:
    """The endpoint of the dry run."""
    return (
        Endpoint(
            "POST",
            "/v1/lookup/plan",
            PlanningRoutes(lookups).plan_lookup,
            _ACCESS,
            "Plan a lookup",
            PlanModel,
            "lookups",
            errors=(
                errors.INVALID_IDENTIFIER_TYPE,
                errors.IDENTIFIER_FORMAT_INVALID,
                errors.NO_IDENTIFIERS,
                errors.TOO_MANY_IDENTIFIERS,
            ),
            takes_body=True,
        ),
    )
