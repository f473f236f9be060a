"""Outcomes of captures as Arrow rows, the columns of the Parquet files that an ingest may keep.

Where the files lie, and who writes them, is no matter here. Every text is as databases can hold it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from tracewell.extraction import Fact
from tracewell.trace.ingest.model import Observed, Redirect
from tracewell.trace.ingest.rules import Outcome, Skipped
from tracewell.trace.partnerships.model import Claim, Sight
from tracewell.trace.postings.model import SeenPosting
from tracewell.trace.texts import storable
from tracewell.values import Evidence, TechnologyUse

BATCH_ROWS = 500
"""Rows that are in memory together while they are written."""

_EVIDENCE = pa.struct(
    [("kind", pa.string()), ("name", pa.string()), ("pattern", pa.string()),
     ("excerpt", pa.string()), ("start", pa.int64()), ("end", pa.int64())]
)  # fmt: skip
_USE = pa.struct(
    [("name", pa.string()), ("version", pa.string()), ("confidence", pa.int32()),
     ("evidence", pa.list_(_EVIDENCE))]
)  # fmt: skip
_FACT = pa.struct(
    [("field", pa.string()), ("value", pa.string()), ("weight", pa.int32()),
     ("source_url", pa.string()), ("observed_at", pa.int64())]
)  # fmt: skip
_SIGHT = pa.struct(
    [("source_url", pa.string()), ("source_kind", pa.string()), ("excerpt", pa.string()),
     ("capture", pa.string()), ("start_byte", pa.int64()), ("end_byte", pa.int64()),
     ("observed_at", pa.int64())]
)  # fmt: skip
_CLAIM = pa.struct(
    [("partner_name", pa.string()), ("partner_domain", pa.string()),
     ("partnership_type", pa.string()), ("sights", pa.list_(_SIGHT))]
)  # fmt: skip
_POSTING = pa.struct(
    [("key", pa.string()), ("title", pa.string()), ("location", pa.string()),
     ("is_remote", pa.bool_()), ("employment_type", pa.string()), ("posted_at", pa.int64()),
     ("expires_at", pa.int64()), ("url", pa.string()), ("capture", pa.string()),
     ("observed_at", pa.int64()), ("technologies", pa.list_(pa.string()))]
)  # fmt: skip
SCHEMA = pa.schema(
    [
        # observed, redirect, skipped; problem: a broken record; archive: the end of an archive
        ("kind", pa.string()),
        ("archive", pa.string()),
        ("domain", pa.string()),
        ("url", pa.string()),
        ("capture", pa.string()),
        ("captured_at", pa.int64()),
        ("key", pa.string()),
        ("is_page", pa.bool_()),
        ("uses", pa.list_(_USE)),
        ("facts", pa.list_(_FACT)),
        ("claims", pa.list_(_CLAIM)),
        ("postings", pa.list_(_POSTING)),
        ("alias", pa.string()),
        ("reason", pa.string()),
        ("captures", pa.int64()),
    ]
)
"""The columns; what a row's kind does not have is null."""

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """A record that could not be read, by its place `<file name>:<offset>`."""

    place: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class ArchiveEnd:
    """An archive was read to its end, or could not be for a reason; stands behind its rows."""

    archive: str
    reason: str | None = None


Told = Outcome | Problem | ArchiveEnd


def iter_batches(archive: str, told: Iterable[Told]) -> Iterator[pa.RecordBatch]:
    """The rows of one archive, in batches; skipped captures are added up by reason."""
    skipped: Counter[str] = Counter()
    rows: list[Row] = []
    for one in told:
        if isinstance(one, Skipped):
            skipped[one.reason] += one.captures
            continue
        if isinstance(one, ArchiveEnd):
            rows += [_row(archive, Skipped(*item)) for item in sorted(skipped.items())]
            skipped.clear()
        rows.append(_row(archive, one))
        if len(rows) >= BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(rows, SCHEMA)
            rows = []
    if rows:
        yield pa.RecordBatch.from_pylist(rows, SCHEMA)


def iter_told(batch: pa.RecordBatch) -> Iterator[Told]:
    """What the rows of a batch tell. Raises ValueError for rows of another kind."""
    for row in batch.to_pylist():
        try:
            yield _TOLD[row["kind"]](row)
        except (KeyError, TypeError) as error:
            raise ValueError("not rows of an ingest") from error


def _row(archive: str, one: Told) -> Row:
    row: dict[str, Any] = {"archive": storable(archive)}
    match one:
        case Observed():
            row |= {"kind": "observed", **_plain(dataclasses.asdict(one))}
        case Redirect():
            row |= {"kind": "redirect", **_plain(dataclasses.asdict(one))}
        case Skipped():
            row |= {"kind": "skipped", "reason": storable(one.reason), "captures": one.captures}
        case Problem():
            row |= {
                "kind": "problem",
                "capture": storable(one.place),
                "reason": storable(one.reason),
            }
        case ArchiveEnd():
            row |= {"kind": "archive", "reason": one.reason and storable(one.reason)}
    return row


def _plain(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case tuple() | list():
            return [_plain(member) for member in value]
    return value


def _observed(row: Row) -> Observed:
    return Observed(
        key=row["key"],
        domain=row["domain"],
        url=row["url"],
        capture=row["capture"],
        captured_at=row["captured_at"],
        is_page=row["is_page"],
        uses=tuple(
            TechnologyUse(**{**use, "evidence": tuple(Evidence(**one) for one in use["evidence"])})
            for use in row["uses"]
        ),
        facts=tuple(Fact(**fact) for fact in row["facts"]),
        claims=tuple(
            Claim(**{**claim, "sights": tuple(Sight(**sight) for sight in claim["sights"])})
            for claim in row["claims"]
        ),
        postings=tuple(
            SeenPosting(**{**posting, "technologies": tuple(posting["technologies"])})
            for posting in row["postings"]
        ),
    )


_TOLD: Mapping[str, Callable[[Row], Told]] = {
    "observed": _observed,
    "redirect": lambda row: Redirect(row["alias"], row["domain"], row["captured_at"]),
    "skipped": lambda row: Skipped(row["reason"], row["captures"]),
    "problem": lambda row: Problem(row["capture"], row["reason"]),
    "archive": lambda row: ArchiveEnd(row["archive"], row["reason"]),
}
