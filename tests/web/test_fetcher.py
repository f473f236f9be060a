"""Whatever a server does, a fetch ends in time, within its bounds, with a typed outcome."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import brotli
import pytest
import zstandard

from tracewell.web.client import FetchLimits
from tracewell.web.exchange import BodyLimits, Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher, Manners

Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]
Fault = Callable[[asyncio.StreamWriter], Awaitable[None]]

SMALL = FetchLimits(
    total_timeout_s=20.0,
    body=BodyLimits(wire_bytes_max=100_000, body_bytes_max=3 << 20, ratio_max=200),
)
HURRIED = FetchLimits(total_timeout_s=0.4)


def fetch(
    fetcher: Build, serve: Serve, routes: Mapping[str, Any], **options: Any
) -> tuple[FetchOutcome, list[str]]:
    """Fetch `/` of a site that serves `routes`; the outcome and what the site was asked."""

    async def run() -> tuple[FetchOutcome, list[str]]:
        async with serve(routes) as site, fetcher(site.allow, **options) as client:
            return await client.fetch("http://shop.example/"), site.requests

    return asyncio.run(run())


def failure_code(outcome: FetchOutcome) -> str:
    assert isinstance(outcome, FetchFailure), outcome
    return outcome.code


def body_of(outcome: FetchOutcome) -> bytes:
    assert isinstance(outcome, Fetched), outcome
    return outcome.capture.body


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"<p>more and more</p>" * 500)
        await writer.drain()


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def endless_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: and more\r\n" * 100)
        await writer.drain()


@pytest.mark.parametrize("fault", [trickle, silent], ids=["trickle", "silent"])
def test_a_slow_server_is_given_up_in_time(fetcher: Build, serve: Serve, fault: Fault) -> None:
    outcome, _ = fetch(fetcher, serve, {"/": fault}, limits=HURRIED)
    assert failure_code(outcome) == "timed_out"


def test_the_time_limit_holds_for_all_hops_together(fetcher: Build, serve: Serve) -> None:
    def hop(to: str) -> Fault:
        async def slowly(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.25)
            writer.write(
                f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            await writer.drain()

        return slowly

    routes = {f"/{n or ''}": hop(f"/{n + 1}") for n in range(5)}
    outcome, _ = fetch(fetcher, serve, routes, limits=FetchLimits(total_timeout_s=0.6))
    assert failure_code(outcome) == "timed_out"
    assert len(outcome.exchanges) <= 2


@pytest.mark.parametrize(
    "raw, code",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nonly this", "connection_lost"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\ncut here",
            "connection_lost",
        ),
        (b"", "connection_lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "connection_lost"),
        (b"220 smtp.shop.example ESMTP\r\n\r\n", "bad_response"),
        (b"\x00\x01\x02\x03\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", "too_large"),
        (b"HTTP/1.1 200 OK\r\nX-Big: " + b"a" * 70_000 + b"\r\n\r\n", "headers_too_large"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 500 + b"\r\n", "headers_too_large"),
        (
            b"HTTP/1.1 200 OK\r\n" + (b"X-Wide: " + b"a" * 9_000 + b"\r\n") * 20 + b"\r\n",
            "headers_too_large",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://x.com/\r\nContent-Length: 0\r\n\r\n", "bad_url"),
    ],
)
def test_a_broken_answer_has_its_code(fetcher: Build, serve: Serve, raw: bytes, code: str) -> None:
    outcome, _ = fetch(fetcher, serve, {"/": raw}, limits=SMALL)
    assert failure_code(outcome) == code


def test_endless_headers_are_cut_off(fetcher: Build, serve: Serve) -> None:
    outcome, _ = fetch(fetcher, serve, {"/": endless_headers})
    assert failure_code(outcome) == "headers_too_large"


def test_an_endless_body_is_cut_off(fetcher: Build, serve: Serve) -> None:
    outcome, _ = fetch(fetcher, serve, {"/": endless}, limits=SMALL)
    assert failure_code(outcome) == "too_large"


def test_bytes_beyond_the_declared_length_are_never_part_of_the_page(
    fetcher: Build, serve: Serve
) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n%s\r\nhelloEVIL"
    kept_open, _ = fetch(fetcher, serve, {"/": raw % b""})
    assert failure_code(kept_open) == "bad_response" or body_of(kept_open) == b"hello"
    closed, _ = fetch(fetcher, serve, {"/": raw % b"Connection: close\r\n"})
    assert failure_code(closed) == "bad_response"


PAGE = "<h1>Größe — 株式会社</h1>".encode() * 400


@pytest.mark.parametrize(
    "encoding, body",
    [
        ("gzip", gzip.compress(PAGE)),
        ("x-gzip", gzip.compress(PAGE)),
        ("gzip", gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:])),
        ("GZIP", gzip.compress(PAGE) + b"\0\0trailing rubbish"),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("br", brotli.compress(PAGE)),
        ("zstd", zstandard.compress(PAGE)),
        ("gzip, br", brotli.compress(gzip.compress(PAGE))),
        ("identity", PAGE),
        ("utf-8", PAGE),
        ("gzip", PAGE),
    ],
)
def test_every_content_coding_is_undone(
    fetcher: Build, serve: Serve, answer: Respond, encoding: str, body: bytes
) -> None:
    outcome, _ = fetch(fetcher, serve, {"/": answer(body, f"Content-Encoding: {encoding}")})
    assert body_of(outcome) == PAGE
    assert isinstance(outcome, Fetched)
    assert outcome.exchanges[0].wire_body == body


BLANK = bytes(50 << 20)


@pytest.mark.parametrize(
    "encoding, body",
    [
        ("gzip", gzip.compress(BLANK)),
        ("deflate", zlib.compress(BLANK)),
        ("br", brotli.compress(BLANK, quality=5)),
        ("zstd", zstandard.compress(BLANK)),
        ("gzip, gzip", gzip.compress(gzip.compress(BLANK))),
        ("gzip, gzip, gzip, gzip", gzip.compress(b"x")),
    ],
    ids=["gzip", "deflate", "br", "zstd", "gzip twice", "gzip four times"],
)
def test_a_bomb_does_not_go_off(
    fetcher: Build, serve: Serve, answer: Respond, encoding: str, body: bytes
) -> None:
    assert len(body) < 100_000
    outcome, _ = fetch(
        fetcher, serve, {"/": answer(body, f"Content-Encoding: {encoding}")}, limits=SMALL
    )
    expected = "bad_encoding" if encoding.count("gzip") > 3 else "too_large"
    assert failure_code(outcome) == expected
    assert len(outcome.exchanges) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_broken_coding_is_told(
    fetcher: Build, serve: Serve, answer: Respond, encoding: str
) -> None:
    broken = b"\x1f\x8b\x08\x00" + bytes(range(256)) if encoding == "gzip" else bytes([0xB5] * 99)
    outcome, _ = fetch(fetcher, serve, {"/": answer(broken, f"Content-Encoding: {encoding}")})
    assert failure_code(outcome) == "bad_encoding"


def test_a_redirect_loop_ends(fetcher: Build, serve: Serve, answer: Respond) -> None:
    routes = {
        "/": answer(b"", "Location: /b", status="301 Moved"),
        "/b": answer(b"", "Location: /", status="307 Temporary"),
    }
    outcome, requests = fetch(fetcher, serve, routes)
    assert failure_code(outcome) == "too_many_redirects"
    assert requests == ["/robots.txt", "/", "/b", "/", "/b", "/", "/b"]


def test_a_redirect_is_followed_and_every_hop_is_kept(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/": answer(b"go", "Location: ../a%20b?x=1#part", status="302 Found"),
        "/a%20b?x=1": answer(b"there", "Location: /not-a-redirect"),
    }
    outcome, _ = fetch(fetcher, serve, routes)
    assert isinstance(outcome, Fetched)
    assert outcome.capture.url == "http://shop.example/a%20b?x=1"
    assert [(e.url, e.status, e.wire_body) for e in outcome.exchanges] == [
        ("http://shop.example/", 302, b"go"),
        ("http://shop.example/a%20b?x=1", 200, b"there"),
    ]


def test_headers_and_cookies_come_as_sent_and_cookies_are_never_sent_back(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    async def run() -> tuple[FetchOutcome, list[bytes]]:
        first = answer(
            b"", "Set-Cookie: a=1; Path=/", "SET-COOKIE: b=2", "X-Name: Gr\xf6\xdfe",
            "Location: /next", status="302 Found",
        )  # fmt: skip
        routes = {"/": first, "/next": answer(b"x", "Set-Cookie: c=3", "Set-Cookie: d=4")}
        async with serve(routes) as site, fetcher(site.allow) as client:
            return await client.fetch("http://shop.example/"), site.heads

    outcome, heads = asyncio.run(run())
    assert isinstance(outcome, Fetched)
    assert outcome.capture.headers[-2:] == (("Set-Cookie", "c=3"), ("Set-Cookie", "d=4"))
    names = [name for name, _ in outcome.exchanges[0].response_headers]
    assert names[2:5] == [b"Set-Cookie", b"SET-COOKIE", b"X-Name"]
    assert (b"X-Name", b"Gr\xf6\xdfe") in outcome.exchanges[0].response_headers
    assert not any(b"cookie" in head.lower() for head in heads)


def test_the_user_agent_names_a_contact(fetcher: Build, serve: Serve, answer: Respond) -> None:
    async def run() -> list[bytes]:
        async with serve({"/": answer(b"x")}) as site, fetcher(site.allow) as client:
            await client.fetch("http://shop.example/")
            return list(site.heads)

    heads = asyncio.run(run())
    assert len(heads) == 2
    for head in heads:
        assert b"\r\nUser-Agent: Tracewell/" in head
        assert b" (+https://bot.example/contact)\r\n" in head


def test_an_unreachable_server_and_an_unknown_name_are_told_apart(
    fetcher: Build, dead_port: int
) -> None:
    async def run() -> list[FetchOutcome]:
        async with fetcher(f"*.example=127.0.0.1:{dead_port}") as client:
            urls = ["http://shop.example/", "http://no-such-name.invalid/"]
            return [await client.fetch(url) for url in urls]

    assert [failure_code(outcome) for outcome in asyncio.run(run())] == [
        "connect_failed",
        "dns_failed",
    ]


def test_one_host_gets_one_connection_at_a_time_and_its_pause(fetcher: Build, serve: Serve) -> None:
    now_s, slept = [100.0], []
    at_once = [0, 0]

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now_s[0] += seconds

    async def page(writer: asyncio.StreamWriter) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0.01)
        at_once[0] -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async def run() -> None:
        async with serve({f"/{n}": page for n in range(4)}) as site:
            options = {"manners": Manners(pause_s=2.0), "sleep": sleep}
            async with fetcher(site.allow, monotonic=lambda: now_s[0], **options) as client:
                urls = [f"http://shop.example/{n}" for n in range(4)]
                await asyncio.gather(*(client.fetch(url) for url in urls))

    asyncio.run(run())
    assert at_once[1] == 1
    # robots.txt takes the first turn, so each of the four pages waits its full pause.
    assert slept == [2.0] * 4


def test_a_slow_host_does_not_hold_another(fetcher: Build, serve: Serve, answer: Respond) -> None:
    async def run() -> FetchOutcome:
        async with serve({"/": silent}) as slow, serve({"/": answer(b"quick")}) as quick:
            entries = [f"{name}.example=127.0.0.1:{site.port}"
                       for name, site in (("slow", slow), ("quick", quick))]  # fmt: skip
            async with fetcher(*entries) as client:
                stuck = asyncio.create_task(client.fetch("http://slow.example/"))
                outcome = await client.fetch("http://quick.example/")
                assert not stuck.done()
                stuck.cancel()
                return outcome

    assert body_of(asyncio.run(run())) == b"quick"
