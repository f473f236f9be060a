"""The network as one question of one connector sees it: paced, tried again, with the key.

Nothing that leaves this room holds the key: not a reason, not an address, not a log line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from tracewell.intrace.connectors.failures import (
    ConnectorError,
    RateLimitedError,
    SourceFailedError,
    TimedOutError,
)
from tracewell.intrace.connectors.lent import NOT_FOUND, Reply
from tracewell.intrace.connectors.model import ConnectorSpec, CostClass, Upstream
from tracewell.intrace.connectors.network.client import HttpClient, TransportError
from tracewell.intrace.connectors.network.pace import Host
from tracewell.intrace.connectors.network.replies import (
    JSON_TYPES,
    TRIED_AGAIN,
    error_of,
    find_pause_s,
    is_rate_limit,
    is_wanted,
    media_type_of,
    parse_json,
)
from tracewell.intrace.connectors.network.secrecy import SourceOptions
from tracewell.web.urls import BadUrlError, origin_of, parse_url, scheme_of

REDIRECTS_MAX: Final = 3
RETRY_S: Final = 0.1
RETRY_S_MAX: Final = 2.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MARGIN_S: Final = 0.01
"""The question gives up this much before the runner does, so that it can still say why."""


class AskedHttp:
    """`lent.Http` for one question: `deadline` is the loop's time in seconds."""

    def __init__(
        self,
        client: HttpClient,
        spec: ConnectorSpec,
        options: SourceOptions,
        *,
        deadline: float,
        random: Callable[[], float],
    ) -> None:
        self._client = client
        self._spec = spec
        self._upstream = spec.upstream or Upstream()
        self._key = options.key
        self._base_url = options.base_url or self._upstream.base_url
        self._deadline = deadline - _MARGIN_S
        self._random = random

    async def get_json(
        self,
        address: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = NOT_FOUND,
    ) -> Any:
        """As `lent.Http`."""
        wanted = {"Accept": "application/json", **(headers or {})}
        reply = await self.get(
            address, params=params, headers=wanted, absent=absent, media_types=JSON_TYPES
        )
        if reply is None:
            return None
        value = parse_json(reply.body)
        if value is None:
            raise SourceFailedError("the source answered null")
        return value

    async def get(
        self,
        address: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = NOT_FOUND,
        media_types: Collection[str] = (),
    ) -> Reply | None:
        """As `lent.Http`."""
        reply = await self._follow(self.public_url(address, params), headers or {})
        media_type = media_type_of(reply.headers)
        if reply.status in absent:
            # "Not found" counts in the source's own words only: a proxy's or a parked host's page
            # of the same status says nothing of whom we asked about.
            if not reply.body.strip() or is_wanted(media_type, media_types):
                return None
            raise SourceFailedError(f"the source answered {reply.status} with a foreign page")
        if reply.status != 200:
            raise error_of(reply.status, reply.headers)
        if not is_wanted(media_type, media_types):
            what = "a web page" if media_type == "text/html" else "another kind of content"
            raise SourceFailedError(f"the source answered with {what}")
        return reply

    def public_url(self, address: str, params: Mapping[str, str] | None = None) -> str:
        """As `lent.Http`."""
        if "://" not in address:
            if self._base_url is None:
                raise SourceFailedError("no address is configured for this source")
            # Joined as text: what comes from an identifier is escaped, and `parse_url` judges all.
            base = self._base_url.rstrip("/") + "/"
            address = base + address.lstrip("/") if address else self._base_url
        if params:
            address += ("&" if "?" in address else "?") + urlencode(params)
        try:
            return parse_url(address)
        except BadUrlError:
            raise SourceFailedError("the source's address cannot be requested") from None

    async def _follow(self, url: str, headers: Mapping[str, str]) -> Reply:
        seen = {url}
        for _ in range(REDIRECTS_MAX + 1):
            reply = await self._persist(url, headers)
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or location is None:
                return reply
            try:
                onward = parse_url(location, url)
            except BadUrlError:
                raise SourceFailedError("the source redirects to no web address") from None
            if scheme_of(url) == "https" and scheme_of(onward) != "https":
                raise SourceFailedError("the source redirects away from TLS")
            if onward in seen:
                raise SourceFailedError("the source redirects in a circle")
            seen.add(onward)
            url = onward
        raise SourceFailedError(f"the source redirects more than {REDIRECTS_MAX} times")

    async def _persist(self, url: str, headers: Mapping[str, str]) -> Reply:
        """One answer to one address, after as many tries as are safe and fit the deadline."""
        rate = self._upstream.rate_with_key if self._key else None
        rate = rate or self._upstream.rate
        host = self._client.host(self._spec.id, origin_of(url), rate)
        error: ConnectorError = SourceFailedError("the source was not asked")
        for attempt in range(self._upstream.retries_max + 1):
            if attempt and not await self._pause(attempt):
                break
            await self._take_turn(host)
            try:
                reply = await self._exchange(url, headers, host)
            except TransportError as failure:
                error = SourceFailedError(failure.reason)
                if failure.is_lasting or (failure.was_sent and self._costs):
                    break
                continue
            if is_rate_limit(reply.status, reply.headers):
                pause_s = find_pause_s(reply.headers, self._client.clock())
                if pause_s is not None:
                    await host.hold(self._now() + pause_s)
                error = error_of(reply.status, reply.headers)
            elif reply.status in TRIED_AGAIN and not (self._costs and reply.status != 503):
                error = error_of(reply.status, reply.headers)
            else:
                return reply
        raise error

    @property
    def _costs(self) -> bool:
        """Whether asking twice may be charged twice."""
        return self._spec.cost_class is CostClass.METERED

    async def _take_turn(self, host: Host) -> None:
        """Waits for this question's place in the queue before the host."""
        now = self._now()
        if now >= self._deadline:
            raise TimedOutError("the source did not answer in time")
        turn = await host.reserve(now, self._deadline)
        if turn.start is None:
            raise RateLimitedError(
                f"not asked: the pace of this source leaves no turn for {turn.wait_s:.0f} s"
            )
        if turn.start > now:
            await asyncio.sleep(turn.start - now)
        rest = await host.find_rest(self._now())
        if rest is not None:
            raise SourceFailedError(
                f"not asked: it failed {rest.failures} times in a row; next try in"
                f" {rest.rest_s:.0f} s"
            )

    async def _exchange(self, url: str, headers: Mapping[str, str], host: Host) -> Reply:
        try:
            async with asyncio.timeout_at(self._deadline):
                reply = await self._client.exchange(
                    *self._with_key(url, headers), body_bytes_max=self._upstream.body_bytes_max
                )
        except TimeoutError:
            await host.note(self._now(), has_answered=False)
            raise TimedOutError("the source did not answer in time") from None
        except TransportError:
            await host.note(self._now(), has_answered=False)
            raise
        except BaseException:
            host.release()
            raise
        await host.note(self._now(), has_answered=reply.status < 500)
        return replace(reply, url=url)

    def _with_key(self, url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """The key goes to the source's own origin and nowhere else."""
        auth = self._upstream.auth
        if auth is None or not self._key or self._base_url is None:
            return url, headers
        if origin_of(parse_url(self._base_url)) != origin_of(url):
            return url, headers
        if auth.place == "header":
            return url, {**headers, auth.name: auth.prefix + self._key}
        sign = "&" if "?" in url else "?"
        return f"{url}{sign}{urlencode({auth.name: auth.prefix + self._key})}", headers

    async def _pause(self, attempt: int) -> bool:
        """Full jitter before trying again; False when the deadline comes first."""
        pause_s = self._random() * min(RETRY_S_MAX, RETRY_S * 2**attempt)
        if self._now() + pause_s >= self._deadline:
            return False
        await asyncio.sleep(pause_s)
        return True

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
