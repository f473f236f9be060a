"""`/v1/analysis`: wire models of requests and thin routes. Answers' models: `answers`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.access import Roles
from tracewell.intrace.analysis.answers import AnalysisModel, TypeListModel, TypeModel
from tracewell.intrace.analysis.kinds import AnalysisType, Parameters
from tracewell.intrace.analysis.model import AnalysisRequest
from tracewell.intrace.analysis.registry import TYPES
from tracewell.intrace.analysis.service import Analyses
from tracewell.intrace.audit.callers import caller_of
from tracewell.intrace.lookups.routes import REFERENCE_CHARACTERS_MAX, Text
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer, as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint

_READ = Access(scopes=frozenset({"analysis:read"}))
_WRITE = Access(scopes=frozenset({"analysis:write"}))
_ANALYSIS_ID = re.compile(r"ana_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)

TypeName = Annotated[str, Path(description="One of the names that `GET /v1/analysis/types` lists.")]
AnalysisId = Annotated[str, Path(description="The `analysis_id` of an answer.")]


class _Body(BaseModel):
    # Neither the text of a validation error nor its repr shall hold what was sent.
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class SubjectBody(_Body):
    """What to analyse."""

    type: Literal["entity"]
    entity_id: Text = Field(
        pattern=r"^ent_[0-9A-Z]{1,40}$", description="Of an entity in a lookup of one's own."
    )


class OptionsBody(_Body):
    """What is kept beside the analysis."""

    requester_reference: Text | None = Field(
        default=None,
        max_length=REFERENCE_CHARACTERS_MAX,
        description="Yours: a case number, a purpose. Kept in the audit record byte for byte.",
    )


class AnalysisBody(_Body):
    """What to analyse, and how."""

    subject: SubjectBody
    analysis_type: Text = Field(json_schema_extra={"enum": list(TYPES)})
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="As the type's schema has them; unknown ones are ignored."
    )
    options: OptionsBody = Field(default_factory=OptionsBody)


class AnalysisRoutes:
    """The routes over the analyses."""

    def __init__(self, analyses: Analyses, roles: Roles) -> None:
        self._analyses = analyses
        self._roles = roles

    async def list_analysis_types(self, request: Request) -> Response:
        """The types of analysis."""
        told = ("analysis_type", "name", "description")
        listed = [{key: kind.to_wire()[key] for key in told} for kind in TYPES.values()]
        return as_response(json_answer({"types": listed}))

    async def get_analysis_type(self, request: Request, analysis_type: TypeName) -> Response:
        """One type: the schema of its parameters, and what its result says."""
        return as_response(json_answer(_find(analysis_type).to_wire()))

    async def create_analysis(self, request: Request, body: AnalysisBody) -> Response:
        """Analyses an entity over the caller's stored lookup results, at once.

        An analysis that cannot be made is an answer as well: `failed`, with the reason in `error`.
        The audit record is written before anything is read.
        """
        kind = _find(body.analysis_type)
        parameters = _judge(kind, body.parameters)
        wanted = AnalysisRequest(
            body.subject.entity_id, kind.name, body.options.requester_reference
        )
        caller = caller_of(request, self._roles)
        made = await self._analyses.analyse(caller, wanted, kind, parameters)
        return as_response(Answer(200, made))

    async def get_analysis(self, request: Request, analysis_id: AnalysisId) -> Response:
        """The same object again, until the retention of the results that it was made from ends.

        Of one's own; with the scope `audit:read` of another's, which the audit log shows.
        """
        if _ANALYSIS_ID.fullmatch(analysis_id) is None:
            raise ApiError(errors.NOT_FOUND)
        found = await self._analyses.read(caller_of(request, self._roles), analysis_id)
        return as_response(Answer(200, found))


def _find(name: str) -> AnalysisType:
    kind = TYPES.get(name)
    if kind is None:
        raise ApiError(errors.NOT_FOUND)
    return kind


def _judge(kind: AnalysisType, parameters: dict[str, Any]) -> Parameters:
    try:
        return kind.parameters.model_validate(parameters)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    raise RequestValidationError(
        [{**problem, "loc": ("body", "parameters", *problem["loc"])} for problem in problems]
    )


def analysis_endpoints(analyses: Analyses, roles: Roles) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = AnalysisRoutes(analyses, roles)
    return (
        Endpoint(
            "GET",
            "/v1/analysis/types",
            routes.list_analysis_types,
            _READ,
            "List the types of analysis",
            TypeListModel,
            "analysis",
        ),
        Endpoint(
            "GET",
            "/v1/analysis/types/{analysis_type}",
            routes.get_analysis_type,
            _READ,
            "Get a type of analysis",
            TypeModel,
            "analysis",
        ),
        Endpoint(
            "POST",
            "/v1/analysis",
            routes.create_analysis,
            _WRITE,
            "Analyse an entity",
            AnalysisModel,
            "analysis",
            takes_body=True,
        ),
        Endpoint(
            "GET",
            "/v1/analysis/{analysis_id}",
            routes.get_analysis,
            _READ,
            "Get an analysis",
            AnalysisModel,
            "analysis",
        ),
    )
