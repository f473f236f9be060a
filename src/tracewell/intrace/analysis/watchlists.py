"""`watchlist_screening`: the subject's names against the watchlists as they are now."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from tracewell.intrace.analysis.kinds import AnalysisType, Instruments, Parameters, Screener
from tracewell.intrace.analysis.material import DataPoint, Material, SeenEntity, best_first
from tracewell.intrace.analysis.model import AnalysisFailed, Conclusion, FailureCode
from tracewell.intrace.connectors.failures import ConnectorError
from tracewell.intrace.connectors.screening import SCORE_MIN, Hit
from tracewell.resolution import Kind

_OTHER_BIRTH_DATE: Final = 0.5

Json = dict[str, Any]


class ScreeningParameters(Parameters):
    """How near a listed name must be."""

    score_min: float = Field(
        default=SCORE_MIN, ge=SCORE_MIN, le=1, description="Least probability that names are one."
    )
    names_max: int = Field(
        default=10, ge=1, le=50, description="Names of the entity that are screened, surest first."
    )
    limit: int = Field(default=50, ge=1, le=500, description="Hits that are listed.")


async def analyse(
    material: Material, parameters: ScreeningParameters, instruments: Instruments
) -> Conclusion:
    """Screens each name; the lists work in threads of their own."""
    screener = instruments.screener
    if screener is None:
        raise AnalysisFailed(FailureCode.SOURCE_UNAVAILABLE, "Watchlists are not enabled.")
    obstacle = screener.find_obstacle()
    if obstacle is not None:
        told = f"Watchlists cannot be asked: {obstacle}."
        raise AnalysisFailed(FailureCode.SOURCE_UNAVAILABLE, told)
    subject = material.subject
    names = _names(subject)[: parameters.names_max]
    if not names:
        raise AnalysisFailed(FailureCode.NOT_APPLICABLE, "The entity has no name to screen.")
    birth_dates = [point.value for point in best_first(subject.points, "dob")]
    birth_date = birth_dates[0] if birth_dates else None
    hits = await _screen(screener, names, Kind(subject.kind), birth_date)
    rows = [row for row in hits if row["score"] >= parameters.score_min]
    data = {
        "names_screened": [point.value for point in names],
        "birth_date": birth_date,
        "is_listed": bool(rows),
        "hit_count": len(rows),
        "hits": rows[: parameters.limit],
    }
    confidence = rows[0]["confidence"] if rows else names[0].confidence
    return Conclusion(data, round(confidence, 3), material.coverage_note())


def _names(subject: SeenEntity) -> list[DataPoint]:
    fields = ("names", "legal_name")
    return [point for name in fields for point in best_first(subject.points, name)]


async def _screen(
    screener: Screener, names: list[DataPoint], kind: Kind, birth_date: str | None
) -> list[Json]:
    """One row for an entry, by the name that is nearest to it; the surest first."""
    best: dict[tuple[str, str], Json] = {}
    for point in names:
        try:
            found = await screener.screen(point.value, kind, birth_date=birth_date)
        except ConnectorError:
            told = "The watchlists could not be read."
            raise AnalysisFailed(FailureCode.SOURCE_UNAVAILABLE, told) from None
        for title, hit in found:
            row = _row(title, hit, point)
            known = best.get((title, hit.entity.id))
            if known is None or row["confidence"] > known["confidence"]:
                best[title, hit.entity.id] = row
    return sorted(best.values(), key=lambda r: (-r["confidence"], r["list"], r["entry"]))


def _row(title: str, hit: Hit, point: DataPoint) -> Json:
    properties = hit.entity.properties
    sure = hit.score * point.confidence
    if hit.birth_date_agrees is False:
        sure *= _OTHER_BIRTH_DATE
    return {
        "list": title,
        "entry": hit.entity.id,
        "schema": hit.entity.schema,
        "asked_name": point.value,
        "listed_name": hit.name,
        "score": round(hit.score, 3),
        "birth_date_agrees": hit.birth_date_agrees,
        "confidence": round(sure, 3),
        "topics": list(properties.get("topics", ())[:20]),
        "countries": list(properties.get("country", ())[:20]),
        "source_urls": list(properties.get("sourceUrl", ())[:5]),
    }


WATCHLIST_SCREENING: Final = AnalysisType(
    name="watchlist_screening",
    title="Watchlist screening",
    description="The entity's names against the watchlists of this deployment as they are now, "
    "spelt otherwise or in another script included.",
    result_description="`hits`, the surest first: list, entry, the listed name and how near it is "
    "(`score`), whether a date of birth agrees (null: not told on both sides), and `confidence`, "
    "the score times that of the name, halved where the dates of birth differ. Whether a hit is "
    "the person is for a person to judge. Confidence: of the surest hit; without any, of the "
    "best supported name.",
    parameters=ScreeningParameters,
    analyse=analyse,
)
