"""`tracewell detect`: pages in, a row of technologies for each out."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.fingerprint_options import fingerprints_option, jobs_option, load_told
from tracewell.cli.options import data_option
from tracewell.cli.progress import BytesBar, CountBar, Problems, RowWriter
from tracewell.kernel.clock import system_clock
from tracewell.main.page_detection import Fetching, detect_pages
from tracewell.main.page_inputs import (
    STDIN,
    InputWrong,
    PageInput,
    WebPage,
    list_inputs,
    spooled,
)
from tracewell.main.page_looking import Look
from tracewell.main.page_rows import RowFormat, find_head
from tracewell.main.settings import load_settings
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.fetcher import Fetcher, Manners
from tracewell.web.guard import parse_allow

NAMES_TOLD_MAX = 5


@click.command()
@click.argument("pages", nargs=-1)
@click.option(
    "--from", "listed", type=click.File("r", "utf-8"),
    help="A file of addresses and paths, one on a line.",
)  # fmt: skip
@fingerprints_option
@jobs_option
@click.option("--format", "form", type=click.Choice(["table", "jsonl", "csv"]), default="table",
              show_default=True, help="How rows are written.")  # fmt: skip
@click.option("--url", help="The address that the one saved page came from.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path),
              help="Keep what is fetched as WARC files in this folder.")  # fmt: skip
@click.option("--pause", type=click.FloatRange(0, 3600), default=1.0, show_default=True,
              help="Seconds between two requests to one host.")  # fmt: skip
@click.option("--allow", multiple=True, metavar="PATTERN=ADDRESS:PORT",
              help="Connect hosts of this pattern to this address, whatever DNS says and the "
              "address guard would refuse.")  # fmt: skip
@data_option
def detect(
    pages: tuple[str, ...],
    listed: Any,
    folders: tuple[Path, ...],
    jobs: int,
    form: RowFormat,
    url: str | None,
    keep: Path | None,
    pause: float,
    allow: tuple[str, ...],
    data: Path | None,
) -> None:
    """Tells which technologies PAGES show, one row for each page.

    PAGES are addresses (http:// or https://), saved pages (HTML, or a response with its headers as
    `curl -i` prints it), WARC files (.warc, .warc.gz), folders of such files, or `-` for one of
    them from standard input. Rows come in that order, while pages are still read.

    A broken record is told on standard error and skipped. Exit codes: 0 done; 1 something that was
    named (an address, a file, an archive) gave no page, the rest was done; 2 wrong usage.

    \b
    Examples:
      tracewell detect https://example.com https://example.org
      tracewell detect crawl.warc.gz --jobs 2 --format jsonl > rows.jsonl
      tracewell detect page.html --url https://example.com/ --fingerprints ./my-fingerprints
      curl -si https://example.com | tracewell detect - --url https://example.com/
      tracewell detect https://shop.example --allow '*.example=127.0.0.1:8090' --format csv
    """
    named = [*pages, *(line.strip() for line in listed or () if line.strip())]
    if not named:
        raise click.UsageError("name addresses, files or folders, or a list of them with --from")
    for entry in allow:
        try:
            parse_allow(entry)
        except ValueError as error:
            fail(f"--allow {entry}: {error}", USAGE)
    settings = load_settings(data=data)
    with contextlib.ExitStack() as stack:
        try:
            stdin = stack.enter_context(spooled(sys.stdin.buffer)) if STDIN in named else None
            inputs = list_inputs(named, stdin=stdin, url=url)
        except InputWrong as error:
            fail(str(error), USAGE)
        look = Look(load_told(folders, settings.data), form, system_clock())
        fetcher = Fetcher(
            contact_url=settings.crawl_contact_url,
            clock=system_clock,
            allow=allow,
            manners=Manners(pause_s=pause),
        )
        empty = asyncio.run(_write_all(inputs, look, jobs, fetcher, keep))
    if empty:
        names = ", ".join(one.name for one in empty[:NAMES_TOLD_MAX])
        more = len(empty) - NAMES_TOLD_MAX
        fail(f"no page came of {names}" + (f" and {more} more" if more > 0 else ""), REFUSED)


async def _write_all(
    inputs: Sequence[PageInput], look: Look, jobs: int, fetcher: Fetcher, keep: Path | None
) -> list[PageInput]:
    """Writes a row for every page; returns the inputs that gave none."""
    seen: set[int] = set()
    problems = Problems()
    rows = no_pages = bytes_done = 0
    sizes = [one.path.stat().st_size for one in inputs if not isinstance(one, WebPage)]
    bar = BytesBar("detect", sum(sizes)) if sizes else CountBar("detect", len(inputs))
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(fetcher)
        archive = stack.enter_context(ArchiveWriter(keep, system_clock)) if keep else None
        stack.enter_context(bar)
        out = RowWriter(bar)
        out.write([find_head(look.form)])
        steps = detect_pages(inputs, look, jobs=jobs, fetching=Fetching(fetcher, archive))
        async for number, step in await stack.enter_async_context(contextlib.aclosing(steps)):
            for problem in step.problems:
                problems.tell_of(problem.place, problem.reason)
            out.write(step.rows)
            rows += len(step.rows)
            no_pages += step.no_pages
            bytes_done += step.bytes_done
            bar.move(bytes_done if sizes else number + 1)
            bar.say(f"{rows} pages")
            if step.rows:
                seen.add(number)
    if bar.is_shown:
        told = f"{rows} pages; {no_pages} records that are no pages; {problems.count} skipped"
        click.echo(told, err=True)
    return [one for number, one in enumerate(inputs) if number not in seen]
