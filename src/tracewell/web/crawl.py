"""From a domain to captures: robots.txt, DNS, the home page, the pages that promise most, archived.

How one page is fetched is in `fetcher`, which pages promise what in `pages`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tracewell.values import Capture
from tracewell.web.certificates import Certificate, describe_certificate, parse_certificate
from tracewell.web.codings import BodyError, decode_body
from tracewell.web.crawl_model import (
    CrawlProgress,
    CrawlResult,
    CrawlTools,
    OnProgress,
    Step,
)
from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome
from tracewell.web.pages import (
    Choice,
    Link,
    choose_pages,
    is_sitemap_index,
    list_links,
    list_sitemap_urls,
    rank_sitemap,
)
from tracewell.web.records import DnsLookup
from tracewell.web.recrawl import SitePages
from tracewell.web.urls import (
    BadUrlError,
    host_of,
    is_in_site,
    origin_of,
    parse_url,
    path_of,
    scheme_of,
)

SITEMAPS_READ_MAX = 4
# Failures before a connection stands: another scheme or the www name may do better.
_UNREACHED = frozenset({"dns_failed", "connect_failed", "tls_failed", "timed_out"})


@dataclass
class _Crawl:
    """A crawl under way; what stands here when time runs out is what the result gets."""

    domain: str
    scheme: str | None
    tools: CrawlTools
    started_at: int
    on_progress: OnProgress
    home_url: str | None = None
    captures: list[Capture] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    failures: list[FetchFailure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    certificate: Certificate | None = None
    known: SitePages | None = None
    pages_done: int = 0

    def result(self, finished_at: int) -> CrawlResult:
        return CrawlResult(
            self.domain,
            self.home_url,
            tuple(self.captures),
            tuple(self.choices),
            tuple(self.failures),
            self.started_at,
            finished_at,
            self.certificate,
            tuple(self.notes),
        )

    async def run(self, pages_max: int) -> None:
        reading = asyncio.create_task(self._read_records())
        try:
            if self.tools.seen is not None:
                self.known = await self.tools.seen.open_site(_site_of(self.domain))
            await self._visit_pages(pages_max)
            self._tell("dns", f"dns:{self.domain}")
            lookups, problems = await reading
            self.notes += problems
            for lookup in lookups:
                capture_id = await asyncio.to_thread(self.tools.archive.write_lookup, lookup)
                self.captures.append(lookup.capture(capture_id))
        finally:
            reading.cancel()
            if self.known is not None:
                await asyncio.to_thread(self.known.save)

    async def _visit_pages(self, pages_max: int) -> None:
        home = await self._reach_home()
        if home is None:
            return
        self.home_url = home.url
        sites = {_site_of(self.domain), _site_of(host_of(home.url))}
        links = list_links(home)
        rendered = await self._render(home)
        if rendered is not None:
            links += [replace(link, source="rendered page") for link in list_links(rendered)]
        chosen = choose_pages(links, sites, pages_max=pages_max, seen=[home.url])
        if len(chosen) < pages_max:
            links += await self._sitemap_links(home.url, sites)
            chosen = choose_pages(links, sites, pages_max=pages_max, seen=[home.url])
        self.choices += chosen
        for choice in chosen:
            self._tell("page", choice.url)
            about = {"via": home.url, "promise": choice.promise, "reason": choice.reason}
            page = await self._visit(choice.url, about)
            if page is not None:
                await self._render(page)
            self.pages_done += 1

    async def _read_records(self) -> tuple[list[DnsLookup], list[str]]:
        records = self.tools.records
        is_allowed = self.tools.fetcher.policy.find_allow(self.domain) is not None
        if records is None or (is_allowed and not records.asks_for_allowed) or _is_ip(self.domain):
            return [], []
        return await records.read(_site_of(self.domain))

    async def _reach_home(self) -> Capture | None:
        """The home page at the first of the domain's addresses that answers."""
        tried: list[FetchFailure] = []
        unresolved: set[str] = set()
        for url in self._home_urls():
            if host_of(url) in unresolved:
                continue
            self._tell("robots", f"{origin_of(url)}/robots.txt")
            rules = await self.tools.fetcher.get_robots(url)
            if isinstance(rules.outcome, FetchFailure) and rules.outcome.code in _UNREACHED:
                tried.append(rules.outcome)
                if rules.outcome.code == "dns_failed":
                    unresolved.add(host_of(url))
                continue
            await self._keep(rules.outcome)
            is_closed = isinstance(rules.outcome, FetchFailure) and not rules.allows(url)
            if is_closed:
                return None
            self._tell("home", url)
            return await self._visit(url, {"seed": self.domain})
        self.failures += tried
        return None

    def _home_urls(self) -> Iterator[str]:
        is_open = self.tools.fetcher.policy.find_allow(self.domain) is not None
        names = [self.domain]
        if not (is_open or self.domain.startswith("www.")):
            names.append(f"www.{self.domain}")
        # Behind an allow entry stands one plain port, unless the domain came as an https URL.
        schemes = ("http",) if is_open else ("https", "http")
        for name in names:
            for scheme in (self.scheme,) if self.scheme else schemes:
                yield f"{scheme}://{name}/"

    async def _visit(self, url: str, about: Mapping[str, str]) -> Capture | None:
        return await self._keep(await self.tools.fetcher.fetch(url, self.known), about)

    async def _keep(
        self, outcome: FetchOutcome, about: Mapping[str, str] | None = None
    ) -> Capture | None:
        """Archive every hop; the capture of a finished fetch is added under its id."""
        capture_id = await self._archive_hops(outcome, about or {})
        if isinstance(outcome, FetchFailure):
            self.failures.append(outcome)
            return None
        capture = replace(outcome.capture, capture_id=capture_id)
        self.captures.append(capture)
        return capture

    async def _archive_hops(self, outcome: FetchOutcome, about: Mapping[str, str]) -> str:
        """Keep all exchanges of a fetch, `about` with the last; its capture id."""
        capture_id = ""
        for exchange in outcome.exchanges:
            is_last = exchange is outcome.exchanges[-1] and isinstance(outcome, Fetched)
            told = dict(about) if is_last else {}
            if told and self.certificate is None and exchange.certificate is not None:
                with suppress(ValueError):
                    self.certificate = parse_certificate(exchange.certificate)
                    told |= describe_certificate(self.certificate)
            kept = exchange
            if self.known is not None and kept.original is None:
                # Not asked for conditionally (robots.txt); it may be the same bytes all the same.
                kept = replace(kept, original=await self.known.find(kept.url))
            capture_id = await asyncio.to_thread(self.tools.archive.write, kept, told)
            if self.known is not None:
                self.known.note(kept, capture_id)
        return capture_id

    async def _render(self, page: Capture) -> Capture | None:
        """The page as a browser sees it, and everything that the browser fetched, archived."""
        renderer = self.tools.renderer
        if renderer is None or not _is_html(page):
            return None
        self._tell("rendering", page.url)
        outcomes: list[FetchOutcome] = []
        rendering = await renderer.render(page, outcomes.append)
        for outcome in outcomes:
            await self._archive_hops(outcome, {"via": page.url, "reason": "asked for by a browser"})
        if isinstance(rendering, FetchFailure):
            self.failures.append(rendering)
            return None
        capture_id = await asyncio.to_thread(self.tools.archive.write_rendering, rendering)
        capture = rendering.capture(capture_id)
        self.captures.append(capture)
        return capture

    async def _sitemap_links(self, home_url: str, sites: set[str]) -> list[Link]:
        """Links out of the sitemaps that robots.txt names, else of /sitemap.xml."""
        rules = await self.tools.fetcher.get_robots(home_url)
        waiting = [url for url in rules.sitemaps if _is_ours(url, sites)]
        waiting = waiting or [f"{origin_of(home_url)}/sitemap.xml"]
        links: list[Link] = []
        read: set[str] = set()
        while waiting and len(read) < SITEMAPS_READ_MAX:
            waiting.sort(key=rank_sitemap)
            url = waiting.pop(0)
            if url in read:
                continue
            read.add(url)
            self._tell("sitemap", url)
            outcome = await self.tools.fetcher.fetch(url, self.known)
            await self._archive_hops(outcome, {"via": f"{origin_of(home_url)}/robots.txt"})
            if isinstance(outcome, FetchFailure) or outcome.capture.status != 200:
                continue
            body = self._unpack(outcome.capture.body)
            is_index = is_sitemap_index(body)
            for found in list_sitemap_urls(body):
                if is_index or path_of(found).endswith((".xml", ".xml.gz")):
                    waiting += [found] if _is_ours(found, sites) else []
                else:
                    links.append(Link(found, "", "sitemap"))
        return links

    def _unpack(self, body: bytes) -> bytes:
        """A sitemap that is itself a gzip file, unpacked within the fetcher's bounds."""
        limits = self.tools.fetcher.limits.body
        try:
            return decode_body(
                body, "gzip", body_bytes_max=limits.body_bytes_max, ratio_max=limits.ratio_max
            )
        except BodyError:
            return b""

    def _tell(self, step: Step, url: str) -> None:
        progress = CrawlProgress(self.domain, step, url, self.pages_done, len(self.choices))
        self.on_progress(progress)


async def crawl_domain(
    domain: str,
    tools: CrawlTools,
    *,
    pages_max: int = 5,
    total_timeout_s: float = 300.0,
    on_progress: OnProgress = lambda _: None,
) -> CrawlResult:
    """Crawl one domain: robots.txt, DNS, home page, at most `pages_max` further pages.

    https is tried before http, the bare name before `www.`; a host with an allow entry is asked
    over http alone. A URL in place of the domain settles the scheme. What the web does wrong stands
    in the result; only the archive raises (OSError, when the disk is full). `total_timeout_s`
    covers waiting for the host's pace as well.
    """
    started_at = tools.clock()
    try:
        name, scheme = _parse_domain(domain)
    except BadUrlError as error:
        failure = FetchFailure("bad_url", str(error), domain[:300])
        return CrawlResult(domain, None, (), (), (failure,), started_at, tools.clock())
    crawl = _Crawl(name, scheme, tools, started_at, on_progress)
    try:
        async with asyncio.timeout(total_timeout_s):
            await crawl.run(pages_max)
    except TimeoutError:
        message = "the crawl of the domain ran out of time"
        crawl.failures.append(FetchFailure("timed_out", message, f"https://{name}/"))
    return replace(crawl.result(tools.clock()), domain=domain)


async def crawl_many(
    domains: Iterable[str],
    tools: CrawlTools,
    *,
    concurrency: int = 20,
    pages_max: int = 5,
    total_timeout_s: float = 300.0,
    on_progress: OnProgress = lambda _: None,
) -> AsyncIterator[CrawlResult]:
    """Crawl domains, at most `concurrency` at a time; results come as they finish.

    `domains` is read no faster than crawled. A dead or slow domain holds one place, never the rest.
    Raises OSError when the archive can take no more; what was kept by then is whole.
    """
    waiting = iter(domains)
    running: set[asyncio.Task[CrawlResult]] = set()
    done: set[asyncio.Task[CrawlResult]] = set()
    try:
        while True:
            while len(running) < concurrency and (domain := next(waiting, None)) is not None:
                crawl = crawl_domain(
                    domain,
                    tools,
                    pages_max=pages_max,
                    total_timeout_s=total_timeout_s,
                    on_progress=on_progress,
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


def _parse_domain(text: str) -> tuple[str, str | None]:
    """The host that a domain, or a URL given in its place, names, and the URL's scheme.

    Raises `BadUrlError`.
    """
    stripped = text.strip()
    has_scheme = "://" in stripped
    url = parse_url(stripped if has_scheme else f"https://{stripped}")
    return host_of(url), scheme_of(url) if has_scheme else None


def _site_of(host: str) -> str:
    return host.removeprefix("www.")


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _is_html(page: Capture) -> bool:
    kind = (page.header("content-type") or "").partition(";")[0].strip().lower()
    return page.status == 200 and kind in {"text/html", "application/xhtml+xml"}


def _is_ours(url: str, sites: set[str]) -> bool:
    try:
        return any(is_in_site(host_of(parse_url(url)), site) for site in sites)
    except BadUrlError:
        return False
