"""The wire models of an analysis's answers, for the documentation alone: stored bytes are sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tracewell.intrace.analysis.model import FailureCode
from tracewell.intrace.audit.routes import AuditRecordModel

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ListedTypeModel(BaseModel):
    """A type of analysis in short."""

    analysis_type: str
    name: str
    description: str


class TypeListModel(BaseModel):
    """All types."""

    types: list[ListedTypeModel]


class TypeModel(ListedTypeModel):
    """A type of analysis."""

    parameters: dict[str, Any] = Field(description="JSON Schema (2020-12) of the parameters.")
    result_description: str


class SubjectModel(BaseModel):
    """What was analysed."""

    type: Literal["entity"]
    entity_id: str


class ConclusionModel(BaseModel):
    """What came out. The members of `data` are told by the type's `result_description`."""

    data: dict[str, Any]
    confidence: float = Field(ge=0, le=1)
    coverage_note: str


class FailureModel(BaseModel):
    """Why nothing came out."""

    code: FailureCode
    message: str


class AnalysisModel(BaseModel):
    """An analysis; one of `result` and `error` is null."""

    analysis_id: str
    analysis_type: str
    status: Literal["complete", "failed"]
    subject: SubjectModel
    queried_at: Moment
    audit: AuditRecordModel
    completed_at: Moment
    result: ConclusionModel | None
    error: FailureModel | None
