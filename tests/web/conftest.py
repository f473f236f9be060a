"""Real servers on loopback and fetchers that may reach them; what they serve is in the tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tracewell.web.client import FetchLimits
from tracewell.web.fetcher import Fetcher, Manners

NOW_MS = 1_780_324_332_123

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawSite:
    """A server that says exactly the bytes it is told to, and remembers what it was asked."""

    port: int = 0
    requests: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    @property
    def allow(self) -> str:
        return f"*.example=127.0.0.1:{self.port}"


Serve = Callable[[Mapping[str, Answer]], AbstractAsyncContextManager[RawSite]]


@asynccontextmanager
async def _serve(answers: Mapping[str, Answer]) -> AsyncIterator[RawSite]:
    site = RawSite()
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            site.requests.append(target)
            site.heads.append(head)
            answer = answers.get(target, response(b"nothing here", status="404 Not Found"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A well-formed response that closes the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Serve:
    return _serve


@pytest.fixture
def answer() -> Callable[..., bytes]:
    return response


@pytest.fixture
def dead_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def fetcher() -> Callable[..., Fetcher]:
    """A fetcher without pauses that may reach what it is allowed to."""

    def build(*allow: str, **options: Any) -> Fetcher:
        settings: dict[str, Any] = {
            "contact_url": "https://bot.example/contact",
            "clock": lambda: NOW_MS,
            "manners": Manners(pause_s=0.0),
            "limits": FetchLimits(total_timeout_s=20.0),
        }
        return Fetcher(allow=allow, **(settings | options))

    return build
