"""The guarded, polite fetcher: one URL in, a typed outcome out; redirects and waiting are ours.

What crosses the wire is in `client`, choosing pages in `crawl`, keeping what came in `archive`.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Protocol, Self

from aiohttp.abc import AbstractResolver

from tracewell.values import Capture
from tracewell.web.client import Client, FetchLimits
from tracewell.web.codings import BodyError
from tracewell.web.exchange import (
    Exchange,
    Fetched,
    FetchError,
    FetchFailure,
    FetchOutcome,
    Original,
    build_capture,
    find_header,
)
from tracewell.web.guard import AddressPolicy, AddressRefusedError, Allow, build_policy
from tracewell.web.pace import Pace
from tracewell.web.product import PRODUCT, build_user_agent
from tracewell.web.robots import RobotsCache, RobotsRules
from tracewell.web.urls import BadUrlError, host_of, parse_url

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
# Statuses whose Retry-After is a request to wait and ask again (RFC 6585, 4; RFC 9110, 15.6.4).
_WAIT_STATUSES = frozenset({429, 503})
# Bigger bodies are decoded in a thread, so that other fetches go on meanwhile.
_DECODE_INLINE_BYTES_MAX = 64 << 10


@dataclass(frozen=True, slots=True)
class Manners:
    """How hosts are treated: seconds between requests, connections at a time, patience.

    A Crawl-delay is kept up to `crawl_delay_s_max`. A Retry-After of up to `retry_after_s_max` is
    waited for, at most `retries_max` times a page; one that is longer closes the host to us for
    that time. `requests_per_s_max` bounds all hosts together.
    """

    pause_s: float = 1.0
    connections_per_host: int = 1
    connections_max: int = 100
    crawl_delay_s_max: float = 10.0
    retry_after_s_max: float = 60.0
    retries_max: int = 2
    requests_per_s_max: float | None = None


class Remembered(Protocol):
    """What earlier crawls kept; `recrawl.SitePages` is one."""

    async def find(self, url: str) -> Original | None:
        """The archived response of that URL, readable, or None."""


class Fetcher:
    """Fetches public web pages; use as an async context manager.

    `contact_url` stands in the user agent, so that a site's owner knows whom to ask. `clock` gives
    milliseconds since the epoch. `resolver` replaces the system's name resolution, `tls` makes the
    contexts to verify servers with. Proxy variables of the environment are ignored.
    """

    def __init__(
        self,
        *,
        contact_url: str,
        clock: Callable[[], int],
        allow: Iterable[Allow | str] = (),
        limits: FetchLimits | None = None,
        manners: Manners | None = None,
        resolver: AbstractResolver | None = None,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.policy: AddressPolicy = build_policy(allow)
        self.limits = limits or FetchLimits()
        self.user_agent = build_user_agent(contact_url)
        self._manners = manners or Manners()
        self._clock = clock
        self._monotonic = monotonic
        self._resolver = resolver
        self._tls = tls
        self._pace = Pace(
            connections=self._manners.connections_per_host,
            connections_max=self._manners.connections_max,
            requests_per_s_max=self._manners.requests_per_s_max,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._robots = RobotsCache(self._fetch_robots_file, PRODUCT, clock)
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        self._client = Client(
            self.policy,
            self.limits,
            self.user_agent,
            self._clock,
            connections_max=self._manners.connections_max,
            resolver=self._resolver,
            tls=self._tls,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the fetcher is of no use afterwards."""
        await self._robots.close()
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def fetch(
        self, url: str, remembered: Remembered | None = None, *, pause_s: float | None = None
    ) -> FetchOutcome:
        """GET `url` and follow its redirects, robots.txt obeyed at every hop.

        What is `remembered` is asked for conditionally (RFC 9110, 13). `pause_s` takes the place of
        the manners' own; a Crawl-delay still counts. What the web does wrong comes back as a
        `FetchFailure`; nothing of it is raised.
        """
        pause_s = self._manners.pause_s if pause_s is None else pause_s
        return await self._follow(url, remembered, pause_s, obey_robots=True)

    async def get_robots(self, url: str) -> RobotsRules:
        """The robots rules of the URL's origin, asked once. Raises `BadUrlError`."""
        return await self._robots.get_rules(parse_url(url))

    async def _fetch_robots_file(self, url: str) -> FetchOutcome:
        return await self._follow(url, None, self._manners.pause_s, obey_robots=False)

    async def _follow(
        self, url: str, remembered: Remembered | None, pause_s: float, *, obey_robots: bool
    ) -> FetchOutcome:
        exchanges: list[Exchange] = []
        target, left_s = url, self.limits.total_timeout_s
        try:
            for _ in range(self.limits.redirects_max + 1):
                target = self._check(target)
                delay_s = await self._check_robots(target) if obey_robots else 0.0
                original = await remembered.find(target) if remembered is not None else None
                left_s = await self._ask(
                    target, original, max(pause_s, delay_s), left_s, exchanges.append
                )
                onward = _redirect_target(exchanges[-1])
                if onward is None:
                    return Fetched(tuple(exchanges), await self._capture(exchanges[-1]))
                target = onward
            raise FetchError("too_many_redirects", f"more than {self.limits.redirects_max}")
        except (FetchError, BodyError) as error:
            return FetchFailure(error.code, str(error), target, tuple(exchanges))

    async def _ask(
        self,
        target: str,
        original: Original | None,
        pause_s: float,
        left_s: float,
        keep: Callable[[Exchange], None],
    ) -> float:
        """Ask once, and again where the host asks for patience; returns the seconds left.

        Raises `FetchError`.
        """
        assert self._client is not None, "a Fetcher is used as an async context manager"
        host, headers = host_of(target), _conditions(original)
        for attempt in range(self._manners.retries_max + 1):
            held_s = self._pace.held_s(host)
            if held_s > self._manners.retry_after_s_max:
                message = f"the site asks for no request within {held_s:.0f} s"
                raise FetchError("asked_to_wait", message)
            async with self._pace.turn(host, pause_s):
                started = self._monotonic()
                exchange = await self._client.get(target, left_s, headers)
                left_s -= self._monotonic() - started
            keep(replace(exchange, original=original) if original is not None else exchange)
            wait_s = _find_wait_s(exchange, self._clock)
            if wait_s is None:
                break
            self._pace.hold(host, wait_s)
            if wait_s > self._manners.retry_after_s_max or attempt == self._manners.retries_max:
                break
        return left_s

    def _check(self, target: str) -> str:
        try:
            return self.policy.check_url(target)
        except BadUrlError as error:
            raise FetchError("bad_url", str(error)) from error
        except AddressRefusedError as error:
            raise FetchError("address_refused", str(error)) from error

    async def _check_robots(self, target: str) -> float:
        """The bounded crawl delay of the target's origin, once it is known to be open to us."""
        rules = await self._robots.get_rules(target)
        if not rules.allows(target):
            if isinstance(rules.outcome, FetchFailure):
                # Nobody forbade anything: the host could not be asked, and that is the news.
                raise FetchError(rules.outcome.code, f"robots.txt: {rules.outcome.message}")
            raise FetchError("robots_disallowed", "robots.txt does not allow this page")
        return min(rules.crawl_delay_s, self._manners.crawl_delay_s_max)

    async def _capture(self, exchange: Exchange) -> Capture:
        if len(exchange.wire_body) <= _DECODE_INLINE_BYTES_MAX:
            return build_capture(exchange, self.limits.body)
        return await asyncio.to_thread(build_capture, exchange, self.limits.body)


def _conditions(original: Original | None) -> dict[str, str]:
    """Headers that ask for the page only if it has changed (RFC 9110, 13.1)."""
    if original is None or original.capture.status != 200:
        return {}
    etag = original.capture.header("etag")
    since = original.capture.header("last-modified")
    asked = {"If-None-Match": etag, "If-Modified-Since": since}
    return {name: value for name, value in asked.items() if value and _is_sendable(value)}


def _is_sendable(value: str) -> bool:
    return len(value) < 1_000 and value.isprintable() and value.isascii()


def _find_wait_s(exchange: Exchange, clock: Callable[[], int]) -> float | None:
    """The seconds that a Retry-After asks for (RFC 9110, 10.2.3), or None when nothing does."""
    if exchange.status not in _WAIT_STATUSES:
        return None
    text = (find_header(exchange.response_headers, "retry-after") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, utc.timestamp() - clock() / 1000)


def _redirect_target(exchange: Exchange) -> str | None:
    """Where the response sends us, as one URL, or None. Raises `FetchError` where it is none."""
    if exchange.status not in REDIRECT_STATUSES:
        return None
    location = find_header(exchange.response_headers, "location")
    if location is None:
        return None
    try:
        return parse_url(location, exchange.url)
    except BadUrlError as error:
        raise FetchError("bad_url", f"a redirect leads to no web page: {error}") from error
