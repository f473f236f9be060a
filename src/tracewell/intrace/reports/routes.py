"""`/v1/reports`: wire models and thin routes."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewell.intrace import errors
from tracewell.intrace.access import Roles
from tracewell.intrace.audit.callers import caller_of
from tracewell.intrace.audit.parameters import RequestId, is_request_id
from tracewell.intrace.reports.service import Reports
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer, as_response, json_answer
from tracewell.kernel.http.endpoint import Access, Endpoint

PDF = "application/pdf"
_ACCESS = Access(scopes=frozenset({"reports:read"}))


class InclusionProofModel(BaseModel):
    """That the audit log holds this report, under the head `tree_head` (RFC 9162)."""

    entry: str = Field(description="The log's entry, base64: canonical JSON with `report_hash`.")
    hashes: list[str] = Field(description="SHA-256, base64, from the leaf to the root.")
    leaf_index: int = Field(ge=0)


class StampModel(BaseModel):
    """A time stamp over the signature."""

    response: str = Field(description="RFC 3161 response, DER, base64.")


class NoStampModel(BaseModel):
    """Why there is no time stamp yet; it is asked for again."""

    missing: Literal["pending", "not_answered", "refused", "invalid"]


class BundleModel(BaseModel):
    """A report that anyone verifies offline with the keys at `/.well-known/jwks.json`."""

    format: Literal["tracewell-report-bundle/1"]
    payload: str = Field(description="The signed bytes, base64.")
    report_hash: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    signature: str = Field(description="Detached JWS over the payload (RFC 7797, Ed25519).")
    # Absent, not null, where there is none.
    inclusion_proof: InclusionProofModel = Field(
        default_factory=lambda: InclusionProofModel.model_construct()
    )
    tree_head: str = Field("", description="Signed note, https://c2sp.org/tlog-checkpoint.")
    timestamp: StampModel | NoStampModel = Field(
        default_factory=lambda: NoStampModel.model_construct(),
        description="Only where an authority is configured.",
    )


class VerificationModel(BaseModel):
    """Whether the stored report is the one that was signed."""

    request_id: str
    verified: bool
    report_hash: str = Field(description="`sha256:` and the hash made when the report was.")
    checked_at: str = Field(json_schema_extra={"format": "date-time"})
    signed_at: str = Field(json_schema_extra={"format": "date-time"})
    failure_reason: str | None = Field(description="Null where `verified`, else one code.")


class ReportRoutes:
    """The routes over the reports."""

    def __init__(self, reports: Reports, roles: Roles) -> None:
        self._reports = reports
        self._roles = roles

    async def get_report(self, request: Request, request_id: RequestId) -> Response:
        """The report of a lookup as a bundle: signed bytes, hash and signature.

        Of one's own lookup; with the scope `audit:read` of another's, which the audit log shows.
        """
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        bundle = await self._reports.read_bundle(caller_of(request, self._roles), request_id)
        return as_response(Answer(200, bundle))

    async def export_report(
        self,
        request: Request,
        request_id: RequestId,
        include_provenance: Annotated[
            bool, Query(description="With evidence, record hashes and who asked.")
        ] = True,
    ) -> Response:
        """The report as a PDF that is signed (PAdES) and carries the bundle as an attached file.

        It tells `exported_at`, `exported_by`, `export_config`, `data_fingerprints` and
        `truncation_summary`, on paper and in the attached `export.json`. Of whose lookup: as with
        the bundle.
        """
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        pdf = await self._reports.export_pdf(
            caller_of(request, self._roles), request_id, include_provenance=include_provenance
        )
        headers = {"Content-Disposition": f'attachment; filename="{request_id}.pdf"'}
        return as_response(Answer(200, pdf, headers, PDF))

    async def verify_report(self, request: Request, request_id: RequestId) -> Response:
        """Checks the stored report now: bytes, hash, signature, and the hash in the audit log.

        Anybody who may read reports may verify any: nothing of its content is told.
        """
        if not is_request_id(request_id):
            raise ApiError(errors.NOT_FOUND)
        return as_response(json_answer((await self._reports.verify(request_id)).to_wire()))


def report_endpoints(reports: Reports, roles: Roles) -> tuple[Endpoint, ...]:
    """The endpoints of this feature."""
    routes = ReportRoutes(reports, roles)
    return (
        Endpoint(
            "GET",
            "/v1/reports/{request_id}",
            routes.get_report,
            _ACCESS,
            "Get a report bundle",
            BundleModel,
            "reports",
        ),
        Endpoint(
            "GET",
            "/v1/reports/{request_id}/pdf",
            routes.export_report,
            _ACCESS,
            "Get a report as a signed PDF",
            None,
            "reports",
            errors=(errors.SIGNING_FAILED,),
            media_types=(PDF,),
        ),
        Endpoint(
            "GET",
            "/v1/reports/{request_id}/verify",
            routes.verify_report,
            _ACCESS,
            "Verify a report",
            VerificationModel,
            "reports",
            errors=(errors.SIGNING_FAILED,),
        ),
    )
