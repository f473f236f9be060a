"""Query parameters of the log: times, cursors and ids, with schemas that say what is accepted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from tracewell.kernel.clock import DAY_MS

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,12})?(Z|[+-]\d{2}:\d{2})",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCHEMA = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}


def parse_moment(text: str) -> tuple[int, bool]:
    """Milliseconds since the epoch of an RFC 3339 time or date, and whether it is a whole day.

    Raises ValueError.
    """
    day = _DATE.fullmatch(text) is not None
    if not day and _TIME.fullmatch(text) is None:
        raise ValueError("neither a time nor a date")
    upper = text.upper()
    # RFC 3339 knows the leap second, Python does not: it is the last of its minute.
    leap = upper[17:19] == "60"
    moment = datetime.fromisoformat(upper[:17] + "59" + upper[19:] if leap else upper)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1), day


def parse_first(text: str) -> int:
    """The first millisecond meant: a date is the begin of its day, UTC."""
    return parse_moment(text)[0]


def parse_last(text: str) -> int:
    """The last millisecond meant: a date is the end of its day, UTC."""
    at_ms, day = parse_moment(text)
    return at_ms + DAY_MS - 1 if day else at_ms


def _check(text: str) -> str:
    try:
        parse_moment(text)
    except ValueError:
        raise PydanticCustomError(
            "moment", "Must be a UTC time such as 2026-06-01T14:32:00Z, or a date"
        ) from None
    return text


Moment = Annotated[str, AfterValidator(_check), WithJsonSchema(_SCHEMA)]

From = Annotated[
    Moment | None, Query(alias="from", description="Records logged at or after this time.")
]
To = Annotated[
    Moment | None,
    Query(alias="to", description="Records logged at or before this time; a date is included."),
]
UserId = Annotated[
    str | None, Query(max_length=255, description="Records of this `principal.user_id`.")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Records of a page.")]
Cursor = Annotated[
    str | None,
    Query(pattern=r"^[1-9][0-9]{0,17}$", description="`next_cursor` of the page before."),
]
RequestId = Annotated[str, Path(description="The `request_id` of the lookup or analysis.")]

_REQUEST_ID = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


def is_request_id(text: str) -> bool:
    """Whether an id may exist at all: others are not asked for (PostgreSQL refuses a NUL)."""
    return _REQUEST_ID.fullmatch(text) is not None
