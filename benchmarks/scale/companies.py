"""What was drawn as the product's own values: companies, publications, postings, a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import orjson

from benchmarks.scale import words
from benchmarks.scale.drawing import (
    TECHNOLOGIES,
    VENDORS,
    Ints,
    Partnerships,
    Portion,
    category_of,
)
from tracewell.detection import Fingerprint
from tracewell.extraction import PARTNERSHIP_TYPES, Fact
from tracewell.extraction.model import Field
from tracewell.trace.companies.days import DAY_MS
from tracewell.trace.companies.model import Company, Domain, Use
from tracewell.trace.companies.rules import unpack_types
from tracewell.trace.partnerships.bulk import Publication
from tracewell.trace.partnerships.model import Claim, Sight
from tracewell.trace.postings.model import SeenPosting
from tracewell.trace.technologies.model import Technology

CAPTURE = "scale.warc.gz:{}"
_MIX = 0x9E3779B97F4A7C15


def fingerprints() -> list[Fingerprint]:
    """The catalogue, the most frequent technology first."""
    return [
        Fingerprint(
            name=technology_name(number),
            description=f"An invented technology, number {number + 1} by frequency.",
            website=f"https://technology-{number + 1}.example",
            categories=category_of(number),
            vendor=f"Vendor {number * 31 % VENDORS + 1:03}" if number % 4 else None,
        )
        for number in range(TECHNOLOGIES)
    ]


def technology_name(number: int) -> str:
    """The name of the technology of that rank, counted from 0."""
    return f"Technology {number + 1:04}"


def _mixed(number: int, salt: int) -> int:
    """A number that looks drawn and depends on nothing else."""
    mixed = (number * 2 + salt + 1) * _MIX & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return mixed ^ mixed >> 31


def name_and_domain(number: int) -> tuple[str, str]:
    """What the company of that number is called, and its domain, which nobody else has."""
    mixed = _mixed(number, 0)
    first = words.FIRST[mixed % len(words.FIRST)]
    second = words.SECOND[mixed // 1_000 % len(words.SECOND)]
    form = words.LEGAL_FORMS[mixed // 1_000_000 % len(words.LEGAL_FORMS)]
    country = words.COUNTRIES[mixed // 100_000_000 % len(words.COUNTRIES)]
    suffix = "com" if mixed >> 63 else country[1]
    name = f"{first} {second}".title()
    return f"{name} {form}".strip(), f"{first}{second}{number}.{suffix}"


def make_companies(
    portion: Portion, partners: Ints, types: Ints, catalogue: Sequence[Technology]
) -> Iterator[Company]:
    """The companies of a portion; their ids are their numbers from 1. `partners` counts those of
    every company, `types` are their kinds of partnership, packed; `catalogue` has the technologies
    by rank."""
    names = [f"{major}.{minor}" for major in (6, 5, 4) for minor in range(9, 1, -1)]
    ends = np.searchsorted(portion.company, np.arange(len(portion.visits)), side="right").tolist()
    columns = [
        column.tolist()
        for column in (
            portion.technology, portion.seen_first, portion.seen_last, portion.confidence,
            portion.version,
        )
    ]  # fmt: skip
    counts = partners[portion.first : portion.first + len(ends)].tolist()
    begin = 0
    for place, end in enumerate(ends):
        uses = zip(*(column[begin:end] for column in columns), strict=True)
        days = tuple(portion.visits[place, -portion.visit_count[place] :].tolist())
        time_of_day = int(portion.time_of_day[place])
        begin = end
        number = portion.first + place
        name, domain = name_and_domain(number)
        first, last = days[0] * DAY_MS + time_of_day, days[-1] * DAY_MS + time_of_day
        yield Company(
            company_id=number + 1,
            slug=domain.partition(".")[0],
            primary_domain=domain,
            domains=(Domain(domain, True, first, last),),
            uses=tuple(
                _use(catalogue[technology], days, seen, time_of_day, confidence, version, names)
                for technology, *seen, confidence, version in uses
            ),
            facts=_facts(portion, place, name, domain, last),
            partnership_count=counts[place],
            posting_count=int(portion.posting_count[place]),
            first_observed_at=first,
            last_observed_at=last,
            last_crawled_at=last,
            visit_days=days,
            partnership_types=unpack_types(int(types[number])),
        )


def _use(
    technology: Technology,
    days: tuple[int, ...],
    seen: Sequence[int],
    time_of_day: int,
    confidence: int,
    version: int,
    names: Sequence[str],
) -> Use:
    first, last = seen
    seen_days = days[first : last + 1]
    last_at = seen_days[-1] * DAY_MS + time_of_day
    is_dropped = len(days) - 1 - last >= 3
    return Use(
        technology,
        names[version] if version >= 0 else None,
        last_at if version >= 0 else None,
        confidence,
        "dropped" if is_dropped else "active",
        seen_days[0] * DAY_MS + time_of_day,
        last_at,
        len(seen_days),
        (),
        seen_days,
        days[last + 1] * DAY_MS if is_dropped else None,
    )


def _facts(portion: Portion, place: int, name: str, domain: str, at: int) -> tuple[Fact, ...]:
    """In the order in which they are kept: by field."""
    url = f"https://{domain}/"
    if not portion.is_described[place]:
        return (Fact("name", name, 90, url, at),)
    country = words.COUNTRIES[portion.country[place]][0]
    industry = words.INDUSTRIES[portion.industry[place]]
    number = portion.first + place
    address = {
        "street": f"Main Street {number % 300}",
        "locality": "Springfield",
        "country": country,
    }
    told: tuple[tuple[Field, str], ...] = (
        ("description", f"{name} works in {industry.lower()} and serves customers everywhere."),
        ("employee_range", words.EMPLOYEE_RANGES[portion.employee_range[place]][0]),
        ("founded_year", str(portion.founded_year[place])),
        ("headquarters", orjson.dumps(address).decode()),
        ("industry", industry),
        ("name", name),
        ("social_profile", f"https://www.linkedin.com/company/{domain.partition('.')[0]}"),
    )
    return tuple(Fact(field, value, 90, url, at) for field, value in told)


def count_partners(drawn: Partnerships, companies: int) -> Ints:
    """The partners of every company: each pair counts at both."""
    ends = np.concatenate([drawn.publisher, drawn.partner])
    return np.bincount(ends, minlength=companies)


def partnership_types(drawn: Partnerships, companies: int) -> Ints:
    """The kinds of partnership of every company, packed as `rules.pack_types` does."""
    types = np.zeros(companies, np.int64)
    for ends in (drawn.publisher, drawn.partner):
        np.bitwise_or.at(types, ends, 1 << drawn.kind)
    return types


def make_publications(drawn: Partnerships, first: int, last: int) -> Iterator[Publication]:
    """What pairs `first` to `last` publish."""
    columns = (drawn.publisher, drawn.partner, drawn.kind, drawn.is_mutual, drawn.day)
    for publisher, partner, kind, is_mutual, day in zip(
        *(column[first:last].tolist() for column in columns), strict=True
    ):
        yield _publication(publisher, partner, kind, day)
        if is_mutual:
            yield _publication(partner, publisher, kind, day - 1)


def _publication(publisher: int, partner: int, kind: int, day: int) -> Publication:
    name, domain = name_and_domain(publisher)
    partner_name, partner_domain = name_and_domain(partner)
    sight = Sight(
        f"https://{domain}/partners",
        "partner_page",
        partner_name,
        CAPTURE.format(publisher),
        100,
        100 + len(partner_name),
        day * DAY_MS,
    )
    claim = Claim(partner_name, partner_domain, PARTNERSHIP_TYPES[kind], (sight,))
    return Publication(publisher + 1, name, domain, claim, partner + 1)


def make_postings(portion: Portion) -> Iterator[tuple[int, SeenPosting]]:
    """The open postings of a portion's companies, by company id."""
    for place in np.flatnonzero(portion.posting_count).tolist():
        number = portion.first + place
        _, domain = name_and_domain(number)
        at = int(portion.visits[place, -1]) * DAY_MS + int(portion.time_of_day[place])
        for posting in range(int(portion.posting_count[place])):
            mixed = _mixed(number, posting + 1)
            named = {mixed % 40, mixed // 40 % 400, mixed // 16_000 % TECHNOLOGIES}
            yield (
                number + 1,
                SeenPosting(
                    key=f"job-{posting}",
                    title=words.TITLES[mixed % len(words.TITLES)],
                    location=None,
                    is_remote=bool(mixed & 1),
                    employment_type="full_time",
                    posted_at=at - 5 * DAY_MS,
                    expires_at=None,
                    url=f"https://{domain}/jobs/{posting}",
                    capture=CAPTURE.format(number),
                    observed_at=at,
                    technologies=tuple(technology_name(one) for one in sorted(named)),
                ),
            )


def by_rank(catalogue: Mapping[str, Technology]) -> list[Technology]:
    """The catalogue's technologies, the most frequent first."""
    return [catalogue[technology_name(number)] for number in range(TECHNOLOGIES)]
