"""`tracewell crawl`: domains in, an archive and companies out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.fingerprint_options import fingerprints_option, jobs_option, load_told
from tracewell.cli.ingest import summarised, take_in
from tracewell.cli.options import data_option, json_option, show
from tracewell.cli.progress import CountBar
from tracewell.kernel.clock import system_clock
from tracewell.main.crawling import (
    CrawlPlan,
    CrawlSummary,
    crawl_into_archive,
    list_globals,
    list_properties,
)
from tracewell.main.settings import Settings, load_settings
from tracewell.web.crawl_model import CrawlProgress, CrawlResult
from tracewell.web.exchange import RenderUnavailableError
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
@click.option("--retry-after-max", type=click.FloatRange(0, 3600), default=60.0, show_default=True,
              help="The longest Retry-After (429, 503) that is waited for; a longer one ends the "
              "visit.")  # fmt: skip
@click.option("--dns/--no-dns", "reads_dns", default=True, help="Read the domain's DNS records.")
@click.option("--render", "renders", is_flag=True,
              help="Let a headless Chromium look at every page too (extra `render`).")  # fmt: skip
@click.option("--fresh", is_flag=True,
              help="Fetch pages whole that earlier crawls kept, changed or not.")  # fmt: skip
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
    retry_after_max: float,
    reads_dns: bool,
    renders: bool,
    fresh: bool,
    allow: tuple[str, ...],
    takes_in: bool,
    folders: tuple[Path, ...],
    jobs: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Fetches DOMAINS politely, keeps every fetch as a WARC record, adds what the pages show.

    robots.txt is obeyed; addresses of your own network are refused, except by an --allow entry.

    Exit codes: 0 at least one domain answered; 1 none did, or the archive has no room.

    \b
    Examples:
      tracewell crawl example.com example.org
      tracewell crawl --from domains.txt --pages 3 --no-ingest
      tracewell crawl --render https://app.example.com
      tracewell crawl --from hosts.txt --allow '*.example=127.0.0.1:8090' --pause 0
    """
    wanted = _listed(domains, listed)
    _check(allow)
    settings = load_settings(data=data)
    fingerprints = load_told(folders, settings.data) if takes_in or renders else None
    plan = CrawlPlan(
        wanted,
        pages,
        concurrency,
        allow,
        Manners(
            pause,
            crawl_delay_s_max=crawl_delay_max,
            retry_after_s_max=retry_after_max,
            requests_per_s_max=settings.crawl_requests_per_second,
        ),
        reads_dns=reads_dns,
        recrawls=not fresh,
        renders=renders,
        globals=list_globals(fingerprints) if renders and fingerprints is not None else (),
        properties=list_properties(fingerprints) if renders and fingerprints is not None else (),
    )
    results, summary = _run(settings, plan)
    told = _told(wanted, results, summary, as_json=as_json)
    if takes_in and fingerprints is not None:
        archives = [str(path) for path in summary.archives]
        told |= summarised(*asyncio.run(take_in(settings, fingerprints, archives, jobs)))
    show(told, as_json=as_json)
    _require_answers(wanted, results, summary)


def _listed(domains: tuple[str, ...], listed: Any) -> list[str]:
    wanted = [*domains, *(line.strip() for line in listed or () if line.strip())]
    if not wanted:
        raise click.UsageError("name domains, or a file of them with --from")
    return wanted


def _check(allow: tuple[str, ...]) -> None:
    for entry in allow:
        try:
            parse_allow(entry)
        except ValueError as error:
            fail(f"--allow {entry}: {error}", USAGE)


def _require_answers(wanted: list[str], results: list[CrawlResult], summary: CrawlSummary) -> None:
    if summary.stopped is not None:
        fail(f"stopped after {len(results)} of {len(wanted)} domains: {summary.stopped}", REFUSED)
    if not any(result.has_answered for result in results):
        fail("no domain answered", REFUSED)


def _told(
    wanted: list[str], results: list[CrawlResult], summary: CrawlSummary, *, as_json: bool
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "domains": len(wanted),
        "domains_answered": sum(result.has_answered for result in results),
        "captures": sum(len(result.captures) for result in results),
        "archive_files": [str(path) for path in summary.archives],
    }
    return told | {"results": [_described(result) for result in results]} if as_json else told


def _run(settings: Settings, plan: CrawlPlan) -> tuple[list[CrawlResult], CrawlSummary]:
    try:
        return asyncio.run(_crawl(settings, plan))
    except RenderUnavailableError as error:
        fail(str(error), USAGE)


async def _crawl(settings: Settings, plan: CrawlPlan) -> tuple[list[CrawlResult], CrawlSummary]:
    results: list[CrawlResult] = []
    with CountBar("crawl", len(plan.domains)) as bar:

        def on_result(result: CrawlResult) -> None:
            results.append(result)
            bar.move(len(results))
            if not result.has_answered:
                click.echo(f"{result.domain}: {_reason(result)}", err=True)

        def on_progress(now: CrawlProgress) -> None:
            bar.say(f"{now.domain}: {now.step} {now.pages_done}/{now.pages_total}")

        summary = await crawl_into_archive(settings, system_clock, plan, on_result, on_progress)
    return results, summary


def _reason(result: CrawlResult) -> str:
    failure = result.failures[0] if result.failures else None
    return f"{failure.code}: {failure.message}" if failure else "no answer"


def _described(result: CrawlResult) -> dict[str, Any]:
    return {
        "domain": result.domain,
        "home_url": result.home_url,
        "captures": [capture.capture_id for capture in result.captures],
        "pages": [
            {"url": choice.url, "promise": choice.promise, "reason": choice.reason}
            for choice in result.choices
        ],
        "certificate_issuer": result.certificate.issuer if result.certificate else None,
        "failures": [
            {"url": failure.url, "code": failure.code, "message": failure.message}
            for failure in result.failures
        ],
        "notes": list(result.notes),
    }
