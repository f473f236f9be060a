"""What an answer and its replay under an `Idempotency-Key` share."""

from __future__ import annotations

from collections.abc import Iterable

HEADER = "Idempotency-Key"
OWN_HEADERS = frozenset({"x-request-id", "date", "idempotency-replayed"})
"""What differs, besides the rate limit."""


def told(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that both have."""
    return {
        name.lower(): value
        for name, value in headers
        if name.lower() not in OWN_HEADERS and not name.lower().startswith("x-ratelimit-")
    }
