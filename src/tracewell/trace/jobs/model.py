"""A refresh job and its domains, as plain values. Times are milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DOMAINS_MAX = 50
KIND = "refresh"
"""Under which kind the tasks stand in the queue; a payload is `<job_id>/<place>`."""

DomainStatus = Literal["queued", "running", "succeeded", "failed"]
JobStatus = Literal["queued", "running", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why a domain failed: a code of the catalogue in `outcomes`, and the sentence to it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class DomainState:
    """How far one domain of a job is."""

    domain: str
    status: DomainStatus
    error: Outcome | None
    started_at: int | None
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job with its domains, in the order they were asked for."""

    job_id: str
    org_id: int | None
    created_at: int
    domains: tuple[DomainState, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """A domain that a worker has begun; `captures` are capture ids, None before a crawl is whole.

    `run` tells apart what was asked for again.
    """

    domain: str
    run: int
    attempts: int
    captures: tuple[str, ...] | None
