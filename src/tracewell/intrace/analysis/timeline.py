"""`timeline`: what is dated about the subject, and when lookups saw values come and go."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tracewell.intrace.analysis.kinds import AnalysisType, Instruments, Parameters
from tracewell.intrace.analysis.material import DataPoint, Material, merge_points
from tracewell.intrace.analysis.model import Conclusion

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z)?)?)?", re.ASCII)
_SINGLE_EVENTS: Final = {"dob": "born", "founded_year": "founded"}
_DATE_SUFFIXES: Final = ("_date", "_at")

Json = dict[str, Any]


def _check_day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("day", "Must be a day such as 2026-06-01") from None
    return text


Day = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"}),
    AfterValidator(_check_day),
]


class TimelineParameters(Parameters):
    """Which part of the time."""

    from_date: Day | None = Field(default=None, description="No event before this day (UTC).")
    to_date: Day | None = Field(default=None, description="No event after this day (UTC).")
    include_sightings: bool = Field(
        default=True, description="Also when lookups saw the entity and values came and went."
    )
    limit: int = Field(
        default=500, ge=1, le=5000, description="Events that are listed, the latest first to stay."
    )


async def analyse(
    material: Material, parameters: TimelineParameters, instruments: Instruments
) -> Conclusion:
    """Orders in a thread."""
    del instruments
    return await asyncio.to_thread(_order, material, parameters)


def _order(material: Material, parameters: TimelineParameters) -> Conclusion:
    events = list(_stated(material))
    if parameters.include_sightings:
        events += _sightings(material)
    first, last = parameters.from_date, parameters.to_date
    events = [event for event in events if _is_within(event["date"], first, last)]
    events.sort(key=lambda e: (e["date"], e["event"], e["field"] or "", e["value"] or ""))
    kept = events[-parameters.limit :]
    sure = [event["confidence"] for event in kept]
    data = {
        "event_count": len(events),
        "first_date": events[0]["date"] if events else None,
        "last_date": events[-1]["date"] if events else None,
        "events": kept,
    }
    confidence = sum(sure) / len(sure) if sure else material.subject.confidence
    left = len(events) - len(kept)
    notes = [f"{left} earlier events are above the limit."] if left else []
    return Conclusion(data, round(confidence, 3), material.coverage_note(*notes))


def _stated(material: Material) -> Iterator[Json]:
    """Events that sources date themselves."""
    for point in material.subject.points:
        if point.field in _SINGLE_EVENTS and _DATE.fullmatch(point.value):
            yield _event(point.value, _SINGLE_EVENTS[point.field], point)
        for name, told in point.details.items():
            suffix = next((s for s in _DATE_SUFFIXES if name.endswith(s)), None)
            if suffix and isinstance(told, str) and _DATE.fullmatch(told):
                yield _event(told, name.removesuffix(suffix), point)


def _sightings(material: Material) -> Iterator[Json]:
    """What each lookup saw that the one before it did not, and the reverse.

    A value is gone only where every connector that told it answered again without it.
    """
    told: dict[tuple[str, str], DataPoint] = {}
    for result, entity in reversed(material.sightings):
        seen = {"date": result.queried_at, "request_id": result.request_id}
        yield {**seen, "event": "looked_up", "field": None, "value": None,
               "confidence": entity.confidence, "sources": []}  # fmt: skip
        points = {point.key: point for point in merge_points(entity.points)}
        for key in sorted(points.keys() - told.keys()):
            yield {**_event(result.queried_at, "first_seen", points[key]), **seen}
        for key in sorted(told.keys() - points.keys()):
            witnesses = {material.connector_of(source) for source in told[key].sources}
            if not witnesses & result.silent:
                yield {**_event(result.queried_at, "no_longer_seen", told.pop(key)), **seen}
        told |= points


def _event(date: str, event: str, point: DataPoint) -> Json:
    return {
        "date": date,
        "event": event,
        "field": point.field,
        "value": point.value,
        "confidence": point.confidence,
        "sources": list(point.sources),
        "request_id": None,
    }


def _is_within(date: str, first: str | None, last: str | None) -> bool:
    """Compared as far as both are told: the year 1990 is within any part of it."""
    day = date[:10]
    return (first is None or day >= first[: len(day)]) and (last is None or day <= last[: len(day)])


TIMELINE: Final = AnalysisType(
    name="timeline",
    title="Timeline",
    description="What sources date about the entity, and when the caller's lookups saw its values "
    "appear and disappear.",
    result_description="`events` in the order of time: `date` (as exact as it is told), `event` "
    "(`born`, `founded`, `registered`, `created`, `first_reported`, ... as sources tell; "
    "`looked_up`, `first_seen`, `no_longer_seen` as lookups saw it), with field, value, confidence "
    "and sources. Confidence: the mean of the events listed.",
    parameters=TimelineParameters,
    analyse=analyse,
)
