"""Clients that ask without pause and remember what became of every request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp


@dataclass
class Tally:
    """What clients were told. `cut` are requests that were sent and got no whole answer."""

    answers: list[tuple[int, str, int]] = field(default_factory=list)
    refused: int = 0
    cut: list[str] = field(default_factory=list)

    def charged(self) -> dict[str, int]:
        """Credits told as charged, by request id."""
        return {request_id: credits for _, request_id, credits in self.answers if credits}

    def statuses(self) -> set[int]:
        """The statuses that were told."""
        return {status for status, _, _ in self.answers}


async def _ask(session: aiohttp.ClientSession, url: str, tally: Tally) -> bool:
    """One request; False when there is no server any more."""
    try:
        async with session.get(url) as answer:
            await answer.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        # The connection was refused, or its beginning ignored: nothing was sent.
        tally.refused += 1
        return False
    except (aiohttp.ClientError, ConnectionError) as error:
        tally.cut.append(repr(error))
        return False
    told = answer.headers
    charged = int(told.get("X-Credits-Charged", 0))
    tally.answers.append((answer.status, told.get("X-Request-Id", ""), charged))
    return True


@contextlib.asynccontextmanager
async def clients(
    url: str, key: str, *, keep_alive: int, fresh: int, companies: int
) -> AsyncIterator[Tally]:
    """`keep_alive` clients that reuse their connections and `fresh` ones that do not, each asking
    for one company after the other until the server is gone; the block's end waits for them."""
    tally = Tally()
    headers = {"X-API-Key": key}
    numbers = iter(range(10**9))

    async def run(session: aiohttp.ClientSession) -> None:
        while await _ask(session, f"{url}/v1/companies/c{next(numbers) % companies}", tally):
            pass

    # A server that is leaving ignores who begins; the kernel asks again after 1, 3, 7, 15, 31 s.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=60)
    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for place in range(keep_alive + fresh):
            connector = aiohttp.TCPConnector(limit=1, force_close=place >= keep_alive)
            session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
            session = await stack.enter_async_context(session)
            # aiohttp repeats a GET whose reused connection was closed under it: that hides a cut.
            session._retry_connection = False
            tasks.append(asyncio.create_task(run(session)))
        yield tally
        await asyncio.gather(*tasks)
