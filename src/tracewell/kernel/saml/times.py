"""Times of SAML (xs:dateTime, always UTC) to and from milliseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")


def parse_time(text: str) -> int:
    """Raises ValueError for anything but a UTC time (SAML core, 1.3.3)."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not a UTC time")
    seconds = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1000 + int((match[2] or "0").ljust(3, "0")[:3])


def format_time(at_ms: int) -> str:
    """In whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
