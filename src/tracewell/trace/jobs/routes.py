"""The wire models and routes of refresh jobs. Free of charge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from tracewell.kernel.clock import format_utc, format_utc_or_none
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace import errors
from tracewell.trace.jobs.model import DOMAINS_MAX, DomainState, DomainStatus, Job, JobStatus
from tracewell.trace.jobs.rules import count_done, job_status
from tracewell.trace.jobs.service import Jobs

_TAG = "Refresh"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RefreshWanted(_Model):
    """The domains that are to be crawled again, or for the first time."""

    domains: Annotated[
        list[Annotated[str, StringConstraints(max_length=2_048)]],
        Field(min_length=1, max_length=DOMAINS_MAX),
    ]


class JobQueued(_Model):
    """Where to ask how far it is: `GET /v1/jobs/{job_id}`."""

    job_id: str


class JobDomainError(_Model):
    """Why a domain failed."""

    code: str
    message: str


class JobDomain(_Model):
    """How far one domain is; `error` is null unless it failed."""

    domain: str
    status: DomainStatus
    error: JobDomainError | None
    started_at: datetime | None
    finished_at: datetime | None


class JobProgress(_Model):
    """Domains that have come to an end, of all."""

    total: int
    done: int


class JobAnswer(_Model):
    """A refresh: `completed` when each domain has ended and one succeeded, `failed` when none."""

    job_id: str
    status: JobStatus
    progress: JobProgress
    domains: list[JobDomain]
    created_at: datetime
    finished_at: datetime | None


def job_endpoints(service: Jobs) -> tuple[Endpoint, ...]:
    """The endpoints of refresh jobs."""

    async def refresh_companies(request: Request, wanted: RefreshWanted) -> Response:
        """Queues a crawl of the domains; a domain that is not tracked becomes a company if its site
        answers. What is no domain fails by itself, the rest goes on."""
        job_id = await service.create_job(_org(request), wanted.domains)
        place = f"{request.scope.get('root_path', '')}/v1/jobs/{job_id}"
        return as_response(json_answer({"job_id": job_id}, 202, {"Location": place}))

    async def get_job(request: Request, job_id: str) -> Response:
        """How far a refresh is, and what came of each domain. Visible to the org that made it."""
        job = await service.get_job(_org(request), job_id)
        return as_response(json_answer(describe_job(job)))

    return (
        Endpoint(
            "POST", "/v1/companies/refresh", refresh_companies, Access(), "Refresh companies",
            JobQueued, _TAG, status=202, takes_body=True,
        ),
        Endpoint(
            "GET", "/v1/jobs/{job_id}", get_job, Access(), "Get a job", JobAnswer, _TAG,
            errors=(errors.JOB_NOT_FOUND,),
        ),
    )  # fmt: skip


def _org(request: Request) -> int:
    org_id = passed(request).principal.org_id
    assert org_id is not None, "the gate lets no one pass without an org"
    return org_id


def describe_job(job: Job) -> dict[str, Any]:
    """A job as it is told."""
    done = count_done(job.domains)
    ends = [one.finished_at for one in job.domains if one.finished_at is not None]
    is_done = done == len(job.domains)
    return {
        "job_id": job.job_id,
        "status": job_status(job.domains),
        "progress": {"total": len(job.domains), "done": done},
        "domains": [_domain(one) for one in job.domains],
        "created_at": format_utc(job.created_at),
        "finished_at": format_utc(max(ends)) if is_done and ends else None,
    }


def _domain(state: DomainState) -> dict[str, Any]:
    error = state.error
    return {
        "domain": state.domain,
        "status": state.status,
        "error": None if error is None else {"code": error.code, "message": error.message},
        "started_at": format_utc_or_none(state.started_at),
        "finished_at": format_utc_or_none(state.finished_at),
    }
