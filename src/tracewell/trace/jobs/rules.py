"""Which domains a request means, and what a job's domains make of the job: pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tracewell.trace.companies.domains import (
    DOMAIN_CHARS_MAX,
    find_company_domain,
    parse_identifier,
)
from tracewell.trace.jobs.model import DomainState, JobStatus
from tracewell.trace.texts import storable

_LABEL_CHARS = re.compile(r"[^\w.-]")


def parse_wanted(texts: Iterable[str]) -> list[tuple[str, bool]]:
    """Each domain once, in order, and whether a company can have it.

    What is no domain is told back as it came, cut to a domain's length.
    """
    wanted: dict[str, bool] = {}
    for text in texts:
        domain = _parse(text)
        if domain is None:
            wanted.setdefault(" ".join(storable(text).split())[:DOMAIN_CHARS_MAX], False)
        else:
            wanted[domain] = True
    return list(wanted.items())


def _parse(text: str) -> str | None:
    try:
        domain = parse_identifier(text)
    except ValueError:
        return None
    # A slug has no dot; a public suffix is nobody's.
    if "." not in domain or _LABEL_CHARS.search(domain) or find_company_domain(domain) is None:
        return None
    return domain


def job_status(domains: Sequence[DomainState]) -> JobStatus:
    """`failed` when no domain succeeded; a job is done when each of its domains is."""
    statuses = {one.status for one in domains}
    if statuses == {"queued"}:
        return "queued"
    if statuses & {"queued", "running"}:
        return "running"
    return "completed" if "succeeded" in statuses else "failed"


def count_done(domains: Sequence[DomainState]) -> int:
    """How many have come to an end, either way."""
    return sum(one.status in ("succeeded", "failed") for one in domains)
