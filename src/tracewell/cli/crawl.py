"""`tracewell crawl`: domains in, an archive and companies out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import USAGE, fail
from tracewell.cli.ingest import fingerprints_option, jobs_option, load_told, summarised, take_in
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import CountBar
from tracewell.main.ground import open_ground
from tracewell.main.intake import CrawlPlan, crawl_into_archive
from tracewell.main.settings import Settings, load_settings
from tracewell.web.crawl import CrawlResult
from tracewell.web.fetcher import Manners
from tracewell.web.guard import parse_allow


@click.command()
@click.argument("domains", nargs=-1)
@click.option(
    "--from", "listed", type=click.File("r", "utf-8"), help="A file of domains, one on a line."
)
@click.option("--pages", type=click.IntRange(0, 100), default=5, show_default=True,
              help="Further pages of each domain.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(1, 1000), default=20, show_default=True,
              help="Domains at a time.")  # fmt: skip
@click.option("--pause", type=click.FloatRange(0, 3600), default=1.0, show_default=True,
              help="Seconds between two requests to one host.")  # fmt: skip
@click.option("--crawl-delay-max", type=click.FloatRange(0, 3600), default=10.0, show_default=True,
              help="The longest Crawl-delay of a robots.txt that is obeyed.")  # fmt: skip
@click.option("--allow", multiple=True, metavar="PATTERN=ADDRESS:PORT",
              help="Connect hosts of this pattern to this address, whatever DNS says and the "
              "address guard would refuse.")  # fmt: skip
@click.option("--ingest/--no-ingest", "takes_in", default=True, help="Add companies afterwards.")
@fingerprints_option
@jobs_option
@data_option
@json_option
def crawl(
    domains: tuple[str, ...],
    listed: Any,
    pages: int,
    concurrency: int,
    pause: float,
    crawl_delay_max: float,
    allow: tuple[str, ...],
    takes_in: bool,
    folders: tuple[Path, ...],
    jobs: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Fetches DOMAINS politely, keeps every fetch as a WARC record, adds what the pages show.

    robots.txt is obeyed; addresses of your own network are refused, except by an --allow entry.

    \b
    Examples:
      tracewell crawl example.com example.org
      tracewell crawl --from domains.txt --pages 3 --no-ingest
      tracewell crawl --from hosts.txt --allow '*.example=127.0.0.1:8090' --pause 0
    """
    wanted = [*domains, *(line.strip() for line in listed or () if line.strip())]
    if not wanted:
        raise click.UsageError("name domains, or a file of them with --from")
    for entry in allow:
        try:
            parse_allow(entry)
        except ValueError as error:
            fail(f"--allow {entry}: {error}", USAGE)
    manners = Manners(pause_s=pause, crawl_delay_s_max=crawl_delay_max)
    plan = CrawlPlan(wanted, pages, concurrency, allow, manners)
    settings = load_settings(data=data)
    results, archives = asyncio.run(_crawl(settings, plan))
    told: dict[str, Any] = {
        "domains": len(results),
        "domains_answered": sum(result.has_answered for result in results),
        "captures": sum(len(result.captures) for result in results),
        "archive_files": [str(path) for path in archives],
    }
    if takes_in:
        fingerprints = load_told(folders, settings.data)
        summary, problems = asyncio.run(take_in(settings, fingerprints, archives, jobs))
        told |= summarised(summary, problems)
    show(told, as_json=as_json)


async def _crawl(settings: Settings, plan: CrawlPlan) -> tuple[list[CrawlResult], list[Path]]:
    results: list[CrawlResult] = []
    async with open_ground(settings) as ground:
        with CountBar("crawl", len(plan.domains)) as bar:

            def on_result(result: CrawlResult) -> None:
                results.append(result)
                bar.move(len(results))
                bar.say(result.domain)
                if not result.has_answered:
                    reason = result.failures[0] if result.failures else None
                    why = f"{reason.code}: {reason.message}" if reason else "no answer"
                    click.echo(f"{result.domain}: {why}", err=True)

            archives = await crawl_into_archive(ground, plan, on_result)
    return results, archives
