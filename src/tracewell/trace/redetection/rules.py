"""What of a company came from elsewhere than captures that are read again, and stays: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tracewell.extraction import Fact
from tracewell.trace.companies.days import day_of
from tracewell.trace.companies.model import Company, Use
from tracewell.trace.companies.rules import keep_signs
from tracewell.trace.redetection.model import Ingested


def strip_company(
    company: Company, missing: Sequence[Ingested], read_again: Iterable[Ingested]
) -> Company:
    """The company as missing captures and loaded lists show it, as far as is known; what is read
    again is to be added. Domains, dates and days of visits stay: the web was as it was."""
    captures = {one.capture for one in missing}
    again = {(one.url, one.captured_at) for one in read_again}
    again -= {(one.url, one.captured_at) for one in missing}
    times = [one.captured_at for one in missing]
    kept = (_strip_use(use, captures, times) for use in company.uses)
    return replace(
        company,
        uses=tuple(use for use in kept if use is not None),
        facts=tuple(fact for fact in company.facts if not _is_of(fact, again)),
    )


def content_of(company: Company) -> tuple[object, ...]:
    """What a company says, whatever the order in which it is kept."""
    return (
        frozenset(replace(use, signs=keep_signs(use.signs)) for use in company.uses),
        frozenset(company.facts),
        company.partnership_count,
        company.posting_count,
    )


def _is_of(fact: Fact, sights: Collection[tuple[str, int]]) -> bool:
    return (fact.source_url, fact.observed_at) in sights


def _strip_use(use: Use, captures: Collection[str], times: Iterable[int]) -> Use | None:
    """What may have come from captures of those times; None where nothing can.

    Which of a day's captures showed it is not known: each is taken to have done so, as long as the
    count allows.
    """
    days = frozenset(use.seen_days)
    times = [at for at in times if day_of(at) in days]
    if not times:
        return None
    is_told = use.version_observed_at in times
    return replace(
        use,
        version=use.version if is_told else None,
        version_observed_at=use.version_observed_at if is_told else None,
        first_observed_at=max(use.first_observed_at, min(times)),
        last_observed_at=min(use.last_observed_at, max(times)),
        observation_count=min(use.observation_count, len(times)),
        signs=tuple(sign for sign in use.signs if sign.capture in captures),
        seen_days=tuple(sorted({day_of(at) for at in times})),
        dropped_at=None,
    )
