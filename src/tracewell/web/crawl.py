"""From a domain to captures: robots.txt, the home page, the pages that promise most, all archived.

How one page is fetched is in `fetcher`, which pages promise what in `pages`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from tracewell.values import Capture
from tracewell.web.codings import BodyError, decode_body
from tracewell.web.exchange import Exchange, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher
from tracewell.web.pages import Choice, Link, choose_pages, list_links, list_sitemap_urls
from tracewell.web.urls import BadUrlError, host_of, is_in_site, origin_of, parse_url, path_of

SITEMAPS_READ_MAX = 3
# Failures before a connection stands: another scheme or the www name may do better.
_UNREACHED = frozenset({"dns_failed", "connect_failed", "tls_failed", "timed_out"})


class Keeper(Protocol):
    """Where exchanges are kept; `ArchiveWriter` is one."""

    def write(self, exchange: Exchange) -> str:
        """Keep it, return the capture id of the response."""


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What came of one domain. `captures` are archived and in the order of fetching.

    `home_url` is where the home page answered, None when it never did; `choices` tell which further
    pages were asked for and why; `failures` hold every fetch that failed, the pages' own included.
    Times are milliseconds since the epoch.
    """

    domain: str
    home_url: str | None
    captures: tuple[Capture, ...]
    choices: tuple[Choice, ...]
    failures: tuple[FetchFailure, ...]
    started_at: int
    finished_at: int

    @property
    def has_answered(self) -> bool:
        """Whether the domain's home page could be read."""
        return self.home_url is not None


@dataclass
class _Crawl:
    """A crawl under way; what stands here when time runs out is what the result gets."""

    domain: str
    fetcher: Fetcher
    archive: Keeper
    started_at: int
    home_url: str | None = None
    captures: list[Capture] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    failures: list[FetchFailure] = field(default_factory=list)

    def result(self, finished_at: int) -> CrawlResult:
        return CrawlResult(
            self.domain,
            self.home_url,
            tuple(self.captures),
            tuple(self.choices),
            tuple(self.failures),
            self.started_at,
            finished_at,
        )

    async def run(self, pages_max: int) -> None:
        home = await self._reach_home()
        if home is None:
            return
        self.home_url = home.url
        sites = {_site_of(self.domain), _site_of(host_of(home.url))}
        links = list_links(home)
        chosen = choose_pages(links, sites, pages_max=pages_max, seen=[home.url])
        if len(chosen) < pages_max:
            links += await self._sitemap_links(home.url, sites)
            chosen = choose_pages(links, sites, pages_max=pages_max, seen=[home.url])
        for choice in chosen:
            self.choices.append(choice)
            await self._visit(choice.url)

    async def _reach_home(self) -> Capture | None:
        """The home page at the first of the domain's addresses that answers."""
        tried: list[FetchFailure] = []
        unresolved: set[str] = set()
        for url in self._home_urls():
            if host_of(url) in unresolved:
                continue
            rules = await self.fetcher.get_robots(url)
            if isinstance(rules.outcome, FetchFailure) and rules.outcome.code in _UNREACHED:
                tried.append(rules.outcome)
                if rules.outcome.code == "dns_failed":
                    unresolved.add(host_of(url))
                continue
            await self._keep(rules.outcome)
            is_closed = isinstance(rules.outcome, FetchFailure) and not rules.allows(url)
            return None if is_closed else await self._visit(url)
        self.failures += tried
        return None

    def _home_urls(self) -> Iterator[str]:
        is_open = self.fetcher.policy.find_allow(self.domain) is not None
        names = [self.domain]
        if not (is_open or self.domain.startswith("www.")):
            names.append(f"www.{self.domain}")
        for name in names:
            # Behind an allow entry stands one plain port, so there is no TLS to try.
            for scheme in ("http",) if is_open else ("https", "http"):
                yield f"{scheme}://{name}/"

    async def _visit(self, url: str) -> Capture | None:
        return await self._keep(await self.fetcher.fetch(url))

    async def _keep(self, outcome: FetchOutcome) -> Capture | None:
        """Archive every hop; the capture of a finished fetch is added under its id."""
        capture_id = ""
        for exchange in outcome.exchanges:
            capture_id = await asyncio.to_thread(self.archive.write, exchange)
        if isinstance(outcome, FetchFailure):
            self.failures.append(outcome)
            return None
        capture = replace(outcome.capture, capture_id=capture_id)
        self.captures.append(capture)
        return capture

    async def _sitemap_links(self, home_url: str, sites: set[str]) -> list[Link]:
        """Links out of the sitemaps that robots.txt names, else of /sitemap.xml."""
        rules = await self.fetcher.get_robots(home_url)
        waiting = [url for url in rules.sitemaps if _is_ours(url, sites)]
        waiting = waiting or [f"{origin_of(home_url)}/sitemap.xml"]
        links: list[Link] = []
        read: set[str] = set()
        while waiting and len(read) < SITEMAPS_READ_MAX:
            url = waiting.pop(0)
            if url in read:
                continue
            read.add(url)
            outcome = await self.fetcher.fetch(url)
            for exchange in outcome.exchanges:
                await asyncio.to_thread(self.archive.write, exchange)
            if isinstance(outcome, FetchFailure) or outcome.capture.status != 200:
                continue
            for found in list_sitemap_urls(self._unpack(outcome.capture.body)):
                if path_of(found).endswith((".xml", ".xml.gz")):
                    waiting += [found] if _is_ours(found, sites) else []
                else:
                    links.append(Link(found, "", "sitemap"))
        return links

    def _unpack(self, body: bytes) -> bytes:
        """A sitemap that is itself a gzip file, unpacked within the fetcher's bounds."""
        limits = self.fetcher.limits.body
        try:
            return decode_body(
                body, "gzip", body_bytes_max=limits.body_bytes_max, ratio_max=limits.ratio_max
            )
        except BodyError:
            return b""


async def crawl_domain(
    domain: str,
    fetcher: Fetcher,
    archive: Keeper,
    clock: Callable[[], int],
    pages_max: int = 5,
    *,
    total_timeout_s: float = 300.0,
) -> CrawlResult:
    """Crawl one domain: robots.txt, home page, at most `pages_max` further pages.

    https is tried before http, the bare name before `www.`; a host with an allow entry is asked
    over http alone. What the web does wrong stands in the result; only the archive raises (OSError,
    when the disk is full). `total_timeout_s` covers waiting for the host's pace as well.
    """
    started_at = clock()
    try:
        name = _parse_domain(domain)
    except BadUrlError as error:
        failure = FetchFailure("bad_url", str(error), domain[:300])
        return CrawlResult(domain, None, (), (), (failure,), started_at, clock())
    crawl = _Crawl(name, fetcher, archive, started_at)
    try:
        async with asyncio.timeout(total_timeout_s):
            await crawl.run(pages_max)
    except TimeoutError:
        message = "the crawl of the domain ran out of time"
        crawl.failures.append(FetchFailure("timed_out", message, f"https://{name}/"))
    return replace(crawl.result(clock()), domain=domain)


async def crawl_many(
    domains: Iterable[str],
    fetcher: Fetcher,
    archive: Keeper,
    clock: Callable[[], int],
    *,
    concurrency: int = 20,
    pages_max: int = 5,
    total_timeout_s: float = 300.0,
) -> AsyncIterator[CrawlResult]:
    """Crawl domains, at most `concurrency` at a time; results come as they finish.

    `domains` is read no faster than crawled. A dead or slow domain holds one place, never the rest.
    """
    waiting = iter(domains)
    running: set[asyncio.Task[CrawlResult]] = set()
    done: set[asyncio.Task[CrawlResult]] = set()
    try:
        while True:
            while len(running) < concurrency and (domain := next(waiting, None)) is not None:
                crawl = crawl_domain(
                    domain, fetcher, archive, clock, pages_max, total_timeout_s=total_timeout_s
                )
                running.add(asyncio.create_task(crawl))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        # Those done beside the one that raised are looked at too: none is reported as lost.
        await asyncio.gather(*running, *done, return_exceptions=True)


def _parse_domain(text: str) -> str:
    """The host that a domain, or a URL given in its place, names. Raises `BadUrlError`."""
    stripped = text.strip()
    url = parse_url(stripped if "://" in stripped else f"https://{stripped}")
    return host_of(url)


def _site_of(host: str) -> str:
    return host.removeprefix("www.")


def _is_ours(url: str, sites: set[str]) -> bool:
    try:
        return any(is_in_site(host_of(parse_url(url)), site) for site in sites)
    except BadUrlError:
        return False
