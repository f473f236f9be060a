"""`tracewell resolve`: records of any sources in, entities with confidence and reasons out.

Exit codes: 0 resolved, 1 the engine is missing, 2 the records cannot be read.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.progress import BytesBar
from tracewell.resolution import Cluster, EngineMissing, SourceRecord, parse_record, resolve
from tracewell.resolution.clusters import Engine

LINE_BYTES_MAX = 1_000_000


@click.command(
    name="resolve",
    epilog="Exit codes: 0 resolved, 1 the engine is missing, 2 the records cannot be read.",
)
@click.argument("file", metavar="RECORDS.jsonl", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--threshold",
    type=click.FloatRange(0.01, 0.99),
    default=0.5,
    show_default=True,
    help="How probable it must be that two records are one holder.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "memory", "splink"]),
    default="auto",
    show_default=True,
    help="Who proposes pairs: arrays in memory, or Splink on DuckDB (the extra `batch`).",
)
@click.option("--explain", "explained", is_flag=True, help="Tell why, why not and how.")
@click.option("--entities", is_flag=True, help="A line for each entity instead of each record.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines for programs.  [default]")
@click.option("--output", type=click.Path(path_type=Path), help="Write there, not to the terminal.")
def resolve_command(
    file: Path,
    threshold: float,
    engine: Engine,
    *,
    explained: bool,
    entities: bool,
    as_json: bool,
    output: Path | None,
) -> None:
    """Find which records of RECORDS.jsonl ("-" for standard input) are about one holder.

    A record is a line of JSON: record_id, source, kind (person or organization), names[], dates{},
    identifiers[{type, value}], addresses[], attributes{}; all but record_id may be left out. The
    answer is a line for each record: record_id, source, entity_id, confidence, possibly_same_as.
    What is doubtful is told under possibly_same_as and never joined. Nothing leaves the machine.

    \b
    Examples:
      tracewell resolve records.jsonl
      tracewell resolve records.jsonl --explain --entities --output entities.jsonl
      cat records.jsonl | tracewell resolve - --threshold 0.9
    """
    try:
        records = _read(file)
        clusters = resolve(records, threshold=threshold, engine=engine, explained=explained)
    except EngineMissing as error:
        fail(f"Splink is not installed: {error}", REFUSED)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", USAGE)
    except ValueError as error:
        fail(str(error), USAGE)
    lines = _entity_lines(clusters) if entities else _record_lines(records, clusters)
    data = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        output.write_bytes(data)


def _read(file: Path) -> list[SourceRecord]:
    if str(file) == "-":
        return list(_parse(sys.stdin.buffer, None))
    with file.open("rb") as stream, BytesBar("reading", file.stat().st_size) as bar:
        return list(_parse(stream, bar))


def _parse(stream: BinaryIO, bar: BytesBar | None) -> Iterator[SourceRecord]:
    """The records; a line that is none is told by its number, without its content."""
    done = 0
    for number, line in enumerate(stream, 1):
        done += len(line)
        if bar is not None and number % 1_000 == 0:
            bar.move(done)
        if not line.strip():
            continue
        if len(line) > LINE_BYTES_MAX:
            raise ValueError(f"line {number}: longer than {LINE_BYTES_MAX} bytes")
        try:
            members = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise ValueError(f"line {number}: is not JSON") from None
        if not isinstance(members, Mapping):
            raise ValueError(f"line {number}: is not an object")
        try:
            yield parse_record(members)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None


def _record_lines(
    records: Sequence[SourceRecord], clusters: Sequence[Cluster]
) -> Iterator[dict[str, Any]]:
    """A line for each record, in the order of the file."""
    found = {
        (member.source, member.record_id): (member, cluster)
        for cluster in clusters
        for member in cluster.members
    }
    for record in records:
        member, cluster = found[record.key]
        yield {
            "record_id": record.record_id,
            "source": record.source,
            "entity_id": cluster.entity_id,
            "confidence": member.confidence,
            "possibly_same_as": [dataclasses.asdict(d) for d in cluster.possibly_same_as],
            **_explained(cluster, record),
        }


def _explained(cluster: Cluster, record: SourceRecord) -> dict[str, Any]:
    """Of the cluster's explanation what is about this record."""
    if cluster.explanation is None:
        return {}
    told = dataclasses.asdict(cluster.explanation)
    for part in ("why", "why_not"):
        told[part] = [link for link in told[part] if record.key in link["records"]]
    return {"explanation": told}


def _entity_lines(clusters: Sequence[Cluster]) -> Iterator[dict[str, Any]]:
    for cluster in clusters:
        members = dataclasses.asdict(cluster)
        if cluster.explanation is None:
            del members["explanation"]
        yield {**members, "kind": str(cluster.kind)}
