"""`tracewell load`: lists and registers of companies in, matched to those that are there."""

from __future__ import annotations

import asyncio
import codecs
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import BytesBar
from tracewell.kernel.clock import parse_utc
from tracewell.main.ground import open_ground
from tracewell.main.loading import LoadOutcome, LoadPlan, load_files
from tracewell.main.settings import Settings, load_settings
from tracewell.trace.loading.lists import ALIASES
from tracewell.trace.loading.model import Counts, State
from tracewell.trace.loading.reading import OpenRows, Reading
from tracewell.trace.loading.reports import undecided_row
from tracewell.trace.loading.service import iter_waiting
from tracewell.trace.loading.streams import STDIN

Command = Callable[..., None]

_FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(dir_okay=False, allow_dash=True)
)
_OPTIONS = (
    click.option("--dry-run", "is_dry", is_flag=True,
                 help="Decide and count, write nothing; each batch as if it were the only one."),
    click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path),
                 help="Write rows that could not be used here, as JSON Lines with the reason."),
    click.option("--undecided", type=click.Path(dir_okay=False, path_type=Path),
                 help="Write rows that may be of several companies here, with candidates and "
                      "scores."),
    click.option("--limit", type=click.IntRange(1), metavar="ROWS",
                 help="Stop behind so many rows, counted from the beginning."),
    click.option("--as-of", metavar="DATE",
                 help="When the source said so, where rows do not say it.  "
                      "[default: the day in the file's name, else the file's date]"),
    click.option("--resume/--no-resume", "resumes", default=True, show_default=True,
                 help="Take up a load of the same files that was cut short."),
)  # fmt: skip
_LIST_OPTIONS = (
    click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN",
                 help="Where a field stands that is not found by itself; may be given again."),
    click.option("--encoding", default="utf-8", show_default=True, help="Of CSV files."),
)  # fmt: skip


def _with(command: Command, options: tuple[Any, ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def _load_command(command: Command) -> Command:
    return _FILES(_with(command, (*_OPTIONS, data_option, json_option)))


@click.group()
def load() -> None:
    """Loads lists and registers of companies.

    A row is matched to a company by registry numbers, then by domain, then by name and place. What
    fits no company becomes one where its domain is known, and is kept aside where it is not, until
    a domain comes. What could not be decided is listed, never merged. Files may be plain, gzip or a
    zip of one file; "-" is standard input. A load that was stopped goes on where it was: run it
    again. Loading the same file twice changes nothing.

    Exit codes: 0 done; 1 a file could not be read to its end, what came before is in; 2 wrong
    usage, or a file without the columns that it needs.

    \b
    Examples:
      tracewell load companies crm.csv --undecided doubts.jsonl
      tracewell load gleif golden-copy.json.zip
      tracewell load waiting --limit 20
    """


@load.command()
@_load_command
def gleif(files: tuple[str, ...], **options: Any) -> None:
    """Loads GLEIF's Level 1 golden copy, CSV or JSON.

    Terms: CC0. Records that are annulled, retired, merged or duplicates, and entities that are not
    active, are passed over. Branches and funds are matched by number alone.

    \b
    Examples:
      tracewell load gleif 20261122-0800-gleif-goldencopy-lei2-golden-copy.csv.zip
      tracewell load gleif golden-copy.json.zip --undecided doubts.jsonl --json
    """
    _run(Reading("gleif"), files, options)


@load.command("companies-house")
@_load_command
def companies_house(files: tuple[str, ...], **options: Any) -> None:
    """Loads the snapshot of all live companies that Companies House publishes.

    Terms: Open Government Licence v3.0.

    \b
    Examples:
      tracewell load companies-house BasicCompanyDataAsOneFile-2026-11-01.zip
      tracewell load companies-house BasicCompanyData-2026-11-01-part*.zip --rejects bad.jsonl
    """
    _run(Reading("companies-house"), files, options)


@load.command()
@_load_command
def companies(files: tuple[str, ...], **options: Any) -> None:
    """Loads any list of companies: CSV, JSON Lines or Parquet.

    Columns are found by their names, as domain, website, name, lei, company_number, country, city,
    postcode, industry, employees; at least domain, name, legal name or LEI must be there.

    \b
    Examples:
      tracewell load companies customers.csv
      tracewell load companies crm.parquet --column name=Account --column domain=Web
      zcat export.jsonl.gz | tracewell load companies - --dry-run --rejects bad.jsonl
    """
    _run(_list_reading("companies", options), files, options)


@load.command()
@_load_command
def domains(files: tuple[str, ...], **options: Any) -> None:
    """Loads lists of domains: one a line, or CSV or JSON Lines with a column for the website.

    As Wikidata's query service gives them: item, itemLabel, website, lei. Terms of Wikidata: CC0.

    \b
    Examples:
      tracewell load domains domains.txt
      tracewell load domains query.csv --json
    """
    _run(_list_reading("domains", options), files, options)


@load.command()
@click.option("--state", type=click.Choice(["undecided", "aside"]), default="undecided",
              show_default=True, help="Which of the records that have no company.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), metavar="RECORDS", help="Print so many at most.")
@data_option
def waiting(state: State, limit: int | None, data: Path | None) -> None:
    """Lists records that have no company yet, as JSON Lines with candidates as of today.

    They are looked at again whenever a load or an ingest brings a company or changes one.

    \b
    Examples:
      tracewell load waiting > doubts.jsonl
      tracewell load waiting --state aside --limit 100
    """
    asyncio.run(_list_waiting(load_settings(data=data), state, limit))


async def _list_waiting(settings: Settings, state: State, limit: int | None) -> None:
    async with open_ground(settings) as ground:
        async for one in iter_waiting(ground.database, state, limit):
            told = {"source": one.record.source, **undecided_row(one)}
            click.echo(orjson.dumps(told).decode())


for _command in (companies, domains):
    _with(_command, _LIST_OPTIONS)


def _list_reading(source: str, options: dict[str, Any]) -> Reading:
    encoding = options.pop("encoding")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise click.UsageError(f"--encoding {encoding}: not known") from None
    return Reading(source, encoding, _columns(options.pop("columns")))


def _columns(given: tuple[str, ...]) -> Mapping[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, equals, column in pairs:
        if not equals or not column or name not in ALIASES:
            raise click.UsageError(
                f"--column {name}: write FIELD=COLUMN; fields are {', '.join(ALIASES)}"
            )
    return {name: column for name, _, column in pairs}


def _run(reading: Reading, files: tuple[str, ...], options: dict[str, Any]) -> None:
    data, as_json, as_of = (options.pop(name) for name in ("data", "as_json", "as_of"))
    if files.count(STDIN) > 1:
        raise click.UsageError('"-" can be given once')
    if as_of is not None:
        try:
            reading = dataclasses.replace(reading, as_of=parse_utc(as_of))
        except ValueError:
            raise click.UsageError(f"--as-of {as_of}: write a date like 2026-11-01") from None
    plan = LoadPlan(reading, files, **options)
    try:
        outcome = asyncio.run(_load(load_settings(data=data), plan))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", USAGE)
    show(_told(outcome, plan), as_json=as_json)
    if outcome.failure is not None:
        fail(outcome.failure, USAGE if outcome.is_refused else REFUSED)


async def _load(settings: Settings, plan: LoadPlan) -> LoadOutcome:
    async with open_ground(settings) as ground:
        with BytesBar("load", 0) as bar:

            def tell(name: str, rows: OpenRows, counts: Counts) -> None:
                bar.move_of(rows.done(), rows.size or None)
                bar.say(
                    f"{name}: {counts.rows} rows, {counts.new} new, {counts.matched} matched, "
                    f"{counts.rejected} rejected"
                )

            return await load_files(ground.database, ground.clock, plan, tell)


def _told(outcome: LoadOutcome, plan: LoadPlan) -> dict[str, Any]:
    return {
        **dataclasses.asdict(outcome.counts),
        "resumed_after": outcome.resumed_after or None,
        "is_whole": outcome.is_whole,
        "is_dry_run": plan.is_dry or None,
    }
