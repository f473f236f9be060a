"""`/v1/lookup`: wire models of requests and thin routes. Answers' models: `answers`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.access import Roles
from tracewell.intrace.audit.callers import caller_of
from tracewell.intrace.audit.parameters import (
    Moment,
    RequestId,
    is_request_id,
    parse_first,
    parse_last,
)
from tracewell.intrace.identifiers import IdentifierType
from tracewell.intrace.identifiers.rules import IDENTIFIERS_MAX
from tracewell.intrace.lookups.answers import LookupModel, LookupPageModel
from tracewell.intrace.lookups.deep_limit import DeepLimit
from tracewell.intrace.lookups.model import LookupRequest, LookupSummary
from tracewell.intrace.lookups.service import Lookups
from tracewell.kernel.clock import format_utc
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer, as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint

REFERENCE_CHARACTERS_MAX = 500
CONNECTORS_MAX = 100

_READ = Access(scopes=frozenset({"lookup:read"}))
_WRITE = Access(scopes=frozenset({"lookup:write"}))

_MEANING_ERRORS = (
    errors.INVALID_IDENTIFIER_TYPE,
    errors.IDENTIFIER_FORMAT_INVALID,
    errors.NO_IDENTIFIERS,
    errors.TOO_MANY_IDENTIFIERS,
)

Limit = Annotated[int, Query(ge=1, le=100, description="Lookups of a page.")]
From = Annotated[
    Moment | None, Query(alias="from", description="Lookups made at or after this time.")
]
To = Annotated[
    Moment | None,
    Query(alias="to", description="Lookups made at or before this time; a date is included."),
]
Cursor = Annotated[
    str | None,
    Query(pattern=r"^req_[0-9A-HJKMNP-TV-Z]{26}$", description="`next_cursor` of the page before."),
]


def _check_text(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        # Neither UTF-8 nor canonical JSON has a form for it, so that it could not be kept.
        raise PydanticCustomError("text", "Must be Unicode text, without lone surrogates")
    return text


Text = Annotated[str, AfterValidator(_check_text)]


class _Body(BaseModel):
    # Neither the text of a validation error nor its repr shall hold what was sent.
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class IdentifierBody(_Body):
    """An identifier; a type that is none of these, or a bad value, is a 422."""

    type: Text = Field(json_schema_extra={"enum": [str(kind) for kind in IdentifierType]})
    value: Text = Field(
        description="In the format of its type.", json_schema_extra={"minLength": 1}
    )


class LookupBody(_Body):
    """What to look up."""

    # The bounds are documented here and judged in the service: they are 422, not 400.
    identifiers: list[IdentifierBody] = Field(
        json_schema_extra={"minItems": 1, "maxItems": IDENTIFIERS_MAX},
        examples=[[{"type": "phone", "value": "+390612345678"}]],
    )
    depth: Literal["standard", "deep"] = Field(
        default="standard", description="`deep` also follows what the first round found."
    )
    connectors: list[Text] | None = Field(
        default=None,
        min_length=1,
        max_length=CONNECTORS_MAX,
        description="Ids of the connectors to ask; all that are configured, if not given.",
    )
    requester_reference: Text | None = Field(
        default=None,
        max_length=REFERENCE_CHARACTERS_MAX,
        description="Yours: a case number, a purpose. Kept in the audit record byte for byte.",
    )

    def to_request(self) -> LookupRequest:
        """The service's form."""
        return LookupRequest(
            identifiers=[(identifier.type, identifier.value) for identifier in self.identifiers],
            depth=self.depth,
            connectors=self.connectors,
            requester_reference=self.requester_reference,
        )


class LookupRoutes:
    """The routes over the lookups."""

    def __init__(self, lookups: Lookups, deep_limit: DeepLimit, roles: Roles) -> None:
        self._lookups = lookups
        self._deep_limit = deep_limit
        self._roles = roles

    async def create_lookup(self, request: Request, body: LookupBody) -> Response:
        """Asks every configured source about the identifiers and resolves what comes back.

        The answer is signed; what became of each source is told in `coverage`. Equal identifiers
        merge. The audit record is written before any source is asked.
        """
        if body.depth == "deep":
            await self._deep_limit.admit(passed(request))
        caller = caller_of(request, self._roles)
        return as_response(Answer(200, await self._lookups.look_up(caller, body.to_request())))

    async def get_lookup(self, request: Request, request_id: RequestId) -> Response:
        """The same object again, until the retention of results ends.

        Of one's own lookup; with the scope `audit:read` of another's, which the audit log shows.
        """
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        result = await self._lookups.get_result(caller_of(request, self._roles), request_id)
        return as_response(Answer(200, result))

    async def list_lookups(
        self,
        request: Request,
        from_: From = None,
        to: To = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response:
        """The caller's own lookups whose results can be fetched, without anybody's data."""
        page = await self._lookups.list_lookups(
            caller_of(request, self._roles),
            cursor=cursor,
            limit=limit,
            from_ms=parse_first(from_) if from_ else None,
            to_ms=parse_last(to) if to else None,
        )
        listed = [_summary(lookup) for lookup in page.lookups]
        return as_response(json_answer({"lookups": listed, "next_cursor": page.next_cursor}))

    async def erase_lookup(self, request: Request, request_id: RequestId) -> Response:
        """Erases the caller's own result, its report and the analyses that read it.

        The audit record stays; another one tells who erased it.
        """
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        await self._lookups.erase(caller_of(request, self._roles), request_id)
        return Response(status_code=204)


def _summary(lookup: LookupSummary) -> dict[str, Any]:
    return {
        "request_id": lookup.request_id,
        "queried_at": format_utc(lookup.queried_at),
        "expires_at": format_utc(lookup.expires_at),
        "depth": lookup.depth,
        "identifiers_queried": lookup.identifier_count,
        "resolution": {
            "status": lookup.status,
            "confidence": lookup.confidence,
            "entity_count": lookup.entity_count,
        },
    }


def lookup_endpoints(lookups: Lookups, deep_limit: DeepLimit, roles: Roles) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = LookupRoutes(lookups, deep_limit, roles)
    return (
        Endpoint(
            "POST",
            "/v1/lookup",
            routes.create_lookup,
            _WRITE,
            "Look identifiers up",
            LookupModel,
            "lookups",
            errors=(*_MEANING_ERRORS, errors.SIGNING_FAILED),
            takes_body=True,
        ),
        Endpoint(
            "GET",
            "/v1/lookup",
            routes.list_lookups,
            _READ,
            "List own lookups",
            LookupPageModel,
            "lookups",
        ),
        Endpoint(
            "GET",
            "/v1/lookup/{request_id}",
            routes.get_lookup,
            _READ,
            "Get a lookup's result",
            LookupModel,
            "lookups",
        ),
        Endpoint(
            "DELETE",
            "/v1/lookup/{request_id}",
            routes.erase_lookup,
            _WRITE,
            "Erase a lookup's result",
            None,
            "lookups",
            status=204,
        ),
    )
