"""Slugs of new companies: made once of the domain, and never changed."""

from __future__ import annotations

from collections.abc import Iterator

from tracewell.trace.companies.domains import slug_base
from tracewell.trace.texts import slugify

RESERVED_SLUGS = frozenset({"batch", "refresh"})
"""What stands in the API's paths where a company's slug does."""


def iter_slugs(domain: str) -> Iterator[str]:
    """The slugs for a new company, the nicest first: `stripe`, `stripe-com`, `stripe-com-2`, ..."""
    label = slugify(slug_base(domain))
    if label and label not in RESERVED_SLUGS:
        yield label
    whole = slugify(domain.replace(".", " ")) or "company"
    yield whole
    number = 2
    while True:
        yield f"{whole}-{number}"
        number += 1
