"""Everything that can go wrong between a connector and its source, each as a server does it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from tests.connectors.upstream import Asked, Handler, Wire

from tracewell.intrace.connectors.model import OutcomeStatus

S = OutcomeStatus
PAGE = b"<!doctype html><html><head><title>Welcome</title></head><body>Sign in</body></html>"
FAILED = frozenset({S.FAILED})
TIMED_OUT = frozenset({S.TIMED_OUT})
RATE_LIMITED = frozenset({S.RATE_LIMITED})


@dataclass(frozen=True)
class Fault:
    """A fault and the states that it may come to: "empty" and "answered" are never among them.

    `is_json` marks what is wrong only where JSON was to come.
    """

    name: str
    handler: Handler
    expected: frozenset[OutcomeStatus] = FAILED
    is_json: bool = False


def reply(
    status: int = 200,
    body: bytes = b"",
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Handler:
    async def handler(asked: Asked, wire: Wire) -> None:
        await wire.reply(status, body, content_type=content_type, headers=headers)

    return handler


def raw(data: bytes) -> Handler:
    async def handler(asked: Asked, wire: Wire) -> None:
        await wire.send(data)
        wire.writer.close()

    return handler


async def reset(asked: Asked, wire: Wire) -> None:
    wire.reset()


async def close(asked: Asked, wire: Wire) -> None:
    wire.writer.close()


async def hang(asked: Asked, wire: Wire) -> None:
    await asyncio.sleep(60)


async def drip_headers(asked: Asked, wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        await wire.send(b"a")
        await asyncio.sleep(0.02)


async def drip_body(asked: Asked, wire: Wire) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    await wire.send(head)
    while True:
        await wire.send(b"1\r\n[\r\n")
        await asyncio.sleep(0.02)


async def flood(asked: Asked, wire: Wire) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    await wire.send(head)
    piece = b" " * (1 << 20)
    for _ in range(100):
        await wire.send(b"100000\r\n" + piece + b"\r\n")


async def circle(asked: Asked, wire: Wire) -> None:
    await wire.reply(302, headers={"Location": asked.target})


async def chain(asked: Asked, wire: Wire) -> None:
    sign = "&" if "?" in asked.target else "?"
    await wire.reply(302, headers={"Location": f"{asked.target}{sign}again=1"})


BOMB = gzip.compress(b"[" + b" " * (24 << 20) + b"]", 9)

FAULTS = (
    Fault("reset", reset),
    Fault("closed", close),
    Fault("hung", hang, TIMED_OUT),
    Fault("dripping headers", drip_headers, TIMED_OUT | FAILED),
    Fault("dripping body", drip_body, TIMED_OUT),
    Fault("flood", flood),
    Fault("cut body", raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n[{")),
    Fault("cut chunk", raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"10\r\n[{")),
    Fault("cut headers", raw(b"HTTP/1.1 200 OK\r\nContent-Ty")),
    Fault("no HTTP", raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
    Fault("two lengths", raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]")),
    Fault("huge headers", reply(200, b"[]", headers={f"X-{n}": "a" * 8_000 for n in range(20)})),
    Fault("huge length", raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")),
    Fault("bomb", reply(200, BOMB, headers={"Content-Encoding": "gzip"})),
    Fault("broken gzip", reply(
        200, b"\x1f\x8b\x08\x00" + b"\xff" * 40, headers={"Content-Encoding": "gzip"})),
    Fault("redirect circle", circle),
    Fault("redirect chain", chain),
    Fault("redirect to plain HTTP", reply(302, headers={"Location": "http://other.example/"})),
    Fault("redirect inside", reply(302, headers={"Location": "https://169.254.169.254/latest/"})),
    Fault("redirect to a file", reply(302, headers={"Location": "file:///etc/passwd"})),
    Fault("redirect to nowhere", reply(302)),
    Fault("400", reply(400, b"{}")),
    Fault("401", reply(401, b"{}")),
    Fault("402", reply(402, b"{}")),
    Fault("403", reply(403, b"{}")),
    Fault("405", reply(405, b"{}")),
    Fault("418", reply(418, b"{}")),
    Fault("451", reply(451, b"{}")),
    Fault("500", reply(500, b"{}")),
    Fault("501", reply(501, b"{}")),
    Fault("502 page", reply(502, PAGE, "text/html")),
    Fault("503", reply(503, b"{}")),
    Fault("504", reply(504, b"")),
    Fault("429", reply(429, b"{}"), RATE_LIMITED),
    Fault("429 with a pause", reply(429, b"{}", headers={"Retry-After": "60"}), RATE_LIMITED),
    Fault("429 with a date", reply(
        429, b"{}", headers={"Retry-After": "Sun, 22 Nov 2099 00:00:00 GMT"}), RATE_LIMITED),
    Fault("used up", reply(403, b"{}", headers={"X-RateLimit-Remaining": "0"}), RATE_LIMITED),
    Fault("204", reply(204, content_type="")),
    Fault("206", reply(206, b"[]")),
    Fault("404 page", reply(404, PAGE, "text/html"), is_json=True),
    Fault("empty body", reply(200, b""), is_json=True),
    Fault("page", reply(200, PAGE, "text/html"), is_json=True),
    Fault("page that says JSON", reply(200, PAGE), is_json=True),
    Fault("plain text", reply(200, b"OK", "text/plain"), is_json=True),
    Fault("JSON that says page", reply(200, b"[]", "text/html"), is_json=True),
    Fault("malformed", reply(200, b'{"login": "ada"'), is_json=True),
    Fault("not UTF-8", reply(200, b'{"login": "\xff\xfe"}'), is_json=True),
    Fault("not a number", reply(200, b'{"id": NaN}'), is_json=True),
    Fault("deep", reply(200, b"[" * 100_000), is_json=True),
    Fault("foreign error", reply(200, b'{"error": "maintenance", "items": null}'), is_json=True),
    Fault("empty object", reply(200, b"{}"), is_json=True),
    Fault("number", reply(200, b"7"), is_json=True),
    Fault("text", reply(200, b'"ok"'), is_json=True),
    Fault("list of texts", reply(200, b'["a", "b"]'), is_json=True),
    Fault("list of lists", reply(200, b"[[1], [2]]"), is_json=True),
    Fault("nulls", reply(
        200, b'{"data": null, "items": null, "them": null, "services": null}'), is_json=True),
    Fault("objects for texts", reply(
        200, b'{"login": {}, "username": {}, "id": {}, "subject": {}, "profile_url": {},'
        b' "data": [{}], "items": [{}], "them": [{"basics": {}}]}'), is_json=True),
    Fault("null", reply(200, b"null"), is_json=True),
    Fault("empty list", reply(200, b"[]"), is_json=True),
)  # fmt: skip
