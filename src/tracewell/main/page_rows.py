"""How the result of one page is written: a line of JSON, of CSV, or of a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson

from tracewell.detection import DetectionResult, Fingerprint
from tracewell.values import Capture, TechnologyUse

RowFormat = Literal["table", "jsonl", "csv"]
GIVEN_UP_SHOWN_MAX = 20  # of one page; a page that spent its time leaves hundreds of patterns

_URL_WIDTH = 40
_CSV_HEAD = ("url", "technologies", "versions", "given_up", "capture")

Write = Callable[[Capture, DetectionResult, Mapping[str, Fingerprint]], bytes]


def find_head(form: RowFormat) -> bytes:
    """What stands above all rows."""
    return _csv_line(_CSV_HEAD) if form == "csv" else b""


def write_row(
    form: RowFormat,
    capture: Capture,
    result: DetectionResult,
    technologies: Mapping[str, Fingerprint],
) -> bytes:
    """One line with its end, UTF-8. `technologies` tells the categories."""
    return _WRITERS[form](capture, result, technologies)


def describe_page(
    capture: Capture, result: DetectionResult, technologies: Mapping[str, Fingerprint]
) -> dict[str, Any]:
    """The row as values: `url`, `technologies`; `capture` where the page lies in an archive, and
    `given_up`, with `given_up_count`, where a bound stopped something."""
    row: dict[str, Any] = {
        "url": capture.url,
        "technologies": [_describe_use(use, technologies) for use in result.uses],
    }
    if capture.capture_id:
        row["capture"] = capture.capture_id
    if result.given_up:
        row["given_up"] = [
            {"kind": one.kind, "technology": one.technology or None, "reason": one.reason}
            for one in result.given_up[:GIVEN_UP_SHOWN_MAX]
        ]
        row["given_up_count"] = len(result.given_up)
    return row


def _describe_use(use: TechnologyUse, technologies: Mapping[str, Fingerprint]) -> dict[str, Any]:
    known = technologies.get(use.name)
    return {
        "name": use.name,
        "version": use.version,
        "confidence": use.confidence,
        "categories": known.categories if known else (),
        "evidence": [
            {
                "kind": one.kind,
                "name": one.name,
                "pattern": one.pattern,
                "excerpt": one.excerpt,
                "start": one.start,
                "end": one.end,
            }
            for one in use.evidence
        ],
    }


def _write_json(
    capture: Capture, result: DetectionResult, technologies: Mapping[str, Fingerprint]
) -> bytes:
    return orjson.dumps(
        describe_page(capture, result, technologies), option=orjson.OPT_APPEND_NEWLINE
    )


def _write_csv(
    capture: Capture, result: DetectionResult, technologies: Mapping[str, Fingerprint]
) -> bytes:
    # Each cell begins with a word of ours or a scheme, so that none is taken for a formula.
    return _csv_line(
        (
            capture.url,
            "; ".join(use.name for use in result.uses),
            "; ".join(f"{use.name}={use.version}" for use in result.uses if use.version),
            _tell_given_up(result),
            capture.capture_id,
        )
    )


def _csv_line(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(map(_printable, cells))
    return text.getvalue().encode()


def _write_table(
    capture: Capture, result: DetectionResult, technologies: Mapping[str, Fingerprint]
) -> bytes:
    names = [_tell_use(use) for use in result.uses] or ["(nothing)"]
    line = f"{capture.url:<{_URL_WIDTH}}  {', '.join(names)}"
    given_up = _tell_given_up(result)
    return _printable(f"{line}  [given up: {given_up}]" if given_up else line).encode() + b"\n"


def _tell_use(use: TechnologyUse) -> str:
    version = f" {use.version}" if use.version else ""
    unsure = f" ({use.confidence} %)" if use.confidence < 100 else ""
    return f"{use.name}{version}{unsure}"


def _tell_given_up(result: DetectionResult) -> str:
    if not result.given_up:
        return ""
    reasons = sorted({one.reason for one in result.given_up})
    count = sum(bool(one.technology) for one in result.given_up)
    more = f"; {count} patterns without an answer" if count else ""
    return "; ".join(reasons[:3]) + more


def _printable(text: str) -> str:
    """Pages choose versions and addresses: none of it may steer a terminal or break a line."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


_WRITERS: Mapping[RowFormat, Write] = {
    "table": _write_table,
    "jsonl": _write_json,
    "csv": _write_csv,
}
