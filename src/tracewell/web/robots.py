"""robots.txt as RFC 9309 has it, parsed by protego: asked once per origin, then remembered.

How the file is fetched is the caller's; nothing here opens a connection.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protego import Protego

from tracewell.web.exchange import ROBOTS_BYTES_MAX, Fetched, FetchFailure, FetchOutcome
from tracewell.web.urls import origin_of

SITEMAPS_MAX = 20


@dataclass(frozen=True)
class RobotsRules:
    """What one origin asks of us, and the outcome that it was read from.

    `verdict` tells how it came about: `rules` were read, everything is open (`allow_all`: there is
    no file), or nothing is (`disallow_all`: the server could not say). `crawl_delay_s` is as asked,
    unbounded; `sitemaps` are as written.
    """

    verdict: str
    outcome: FetchOutcome
    product: str
    crawl_delay_s: float = 0.0
    sitemaps: tuple[str, ...] = ()
    parsed: Protego | None = None

    def allows(self, url: str) -> bool:
        """Whether `url` of this origin may be fetched; robots.txt itself always may (RFC 9309)."""
        if self.parsed is not None:
            return bool(self.parsed.can_fetch(url, self.product))
        return self.verdict == "allow_all"


def read_rules(outcome: FetchOutcome, product: str) -> RobotsRules:
    """The rules that an answer for /robots.txt means (RFC 9309, 2.3.1).

    4xx opens everything, but for 429, which asks for less and not for more. 5xx and a server that
    cannot be reached close everything. Of a large file the first 500 KiB count.
    """
    if isinstance(outcome, FetchFailure):
        is_open = outcome.code == "too_many_redirects"
        return RobotsRules("allow_all" if is_open else "disallow_all", outcome, product)
    capture = outcome.capture
    if capture.status // 100 == 2:
        return _parse(outcome, product)
    is_open = 300 <= capture.status < 500 and capture.status != 429
    return RobotsRules("allow_all" if is_open else "disallow_all", outcome, product)


def _parse(outcome: Fetched, product: str) -> RobotsRules:
    text = outcome.capture.body[:ROBOTS_BYTES_MAX].decode("utf-8-sig", "replace")
    parsed = Protego.parse(text)
    delay = parsed.crawl_delay(product)
    return RobotsRules(
        "rules",
        outcome,
        product,
        crawl_delay_s=max(0.0, float(delay)) if delay is not None else 0.0,
        sitemaps=tuple(parsed.sitemaps)[:SITEMAPS_MAX],
        parsed=parsed,
    )


class RobotsCache:
    """Rules per origin, for a day (RFC 9309, 2.4) and for at most `origins_max` origins."""

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[FetchOutcome]],
        product: str,
        clock: Callable[[], int],
        *,
        origins_max: int = 10_000,
        age_ms_max: int = 86_400_000,
    ) -> None:
        self._fetch = fetch
        self._product = product
        self._clock = clock
        self._origins_max = origins_max
        self._age_ms_max = age_ms_max
        self._asked: OrderedDict[str, tuple[int, asyncio.Task[RobotsRules]]] = OrderedDict()

    async def get_rules(self, url: str) -> RobotsRules:
        """The rules of the URL's origin; callers at the same time share one request."""
        origin = origin_of(url)
        known = self._asked.get(origin)
        now = self._clock()
        if known is None or now - known[0] > self._age_ms_max or known[1].cancelled():
            known = (now, asyncio.create_task(self._ask(origin)))
            self._asked[origin] = known
            while len(self._asked) > self._origins_max:
                self._asked.popitem(last=False)
        self._asked.move_to_end(origin)
        # One caller that gives up must not take the answer from the others.
        return await asyncio.shield(known[1])

    async def close(self) -> None:
        """Stop what is still being asked."""
        tasks = [task for _, task in self._asked.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asked.clear()

    async def _ask(self, origin: str) -> RobotsRules:
        return read_rules(await self._fetch(f"{origin}/robots.txt"), self._product)
