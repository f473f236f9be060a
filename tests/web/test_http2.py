"""HTTP/2 with a real server of another maker (nghttp2): what is agreed on, and every fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.web.authority import Authority
from warcio.archiveiterator import ArchiveIterator

from tracewell.web.archive import read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.client import FetchLimits
from tracewell.web.crawl import crawl_domain
from tracewell.web.crawl_model import CrawlProgress, CrawlResult, CrawlTools
from tracewell.web.exchange import BodyLimits, Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher

Build = Callable[..., Fetcher]
SERVER = Path(__file__).with_name("http2_server.mjs")
NOW_MS = 1_780_324_332_123

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")


@dataclass
class Site:
    """The server, and what it was asked."""

    authority: Authority
    port: int
    process: subprocess.Popen[str]

    @property
    def allow(self) -> str:
        return f"*.example=127.0.0.1:{self.port}"

    def stop(self) -> list[dict[str, Any]]:
        """Ends it; every request in order."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=20)
        return [json.loads(line) for line in out.splitlines()]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Site]:
    authority = Authority(folder)
    command = ["node", str(SERVER), *map(str, authority.issue()), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            yield Site(authority, port, process)
        finally:
            process.kill()


def fetch(
    fetcher: Build, folder: Path, *paths: str, server: tuple[str, ...] = (), **options: Any
) -> tuple[list[FetchOutcome], list[dict[str, Any]]]:
    """Fetch the paths one after the other; the outcomes and what the server was asked."""

    async def run(site: Site) -> list[FetchOutcome]:
        async with fetcher(site.allow, tls=site.authority.trust, **options) as client:
            return [await client.fetch(f"https://shop.example{path}") for path in paths]

    with running(folder, *server) as site:
        outcomes = asyncio.run(run(site))
        return outcomes, site.stop()


def body_of(outcome: FetchOutcome) -> bytes:
    assert isinstance(outcome, Fetched), outcome
    return outcome.capture.body


def test_http2_is_spoken_over_one_connection_where_the_server_offers_it(
    fetcher: Build, tmp_path: Path
) -> None:
    paths = ["/", "/big", "/early-hints", "/trailers", "/moved"]
    outcomes, asked = fetch(fetcher, tmp_path, *paths)
    hello, big, hints, trailers, moved = outcomes
    assert isinstance(hello, Fetched)
    assert hello.exchanges[0].http_version == "HTTP/2"
    assert hello.exchanges[0].tls == "TLSv1.3"
    assert hello.exchanges[0].remote_address == "127.0.0.1"
    assert hello.capture.certificate_issuer == "Acme Trust Co"
    assert hello.capture.body == b"<p>hello over two</p>"
    cookies = [value for name, value in hello.capture.headers if name == "set-cookie"]
    assert cookies == ["a=1", "b=2"]
    assert body_of(big) == b"x" * 3_000_000
    assert body_of(hints) == b"after hints"
    assert body_of(trailers) == b"then trailers"
    assert isinstance(moved, Fetched)
    assert [exchange.status for exchange in moved.exchanges] == [302, 200]
    assert {request["sessions"] for request in asked} == {1}
    sent = asked[1]["headers"]
    assert sent[":authority"] == "shop.example"
    assert sent["user-agent"].startswith("Tracewell/")
    assert "cookie" not in sent


HURRIED = FetchLimits(total_timeout_s=0.5)
SMALL = FetchLimits(body=BodyLimits(wire_bytes_max=200_000, body_bytes_max=3 << 20))


@pytest.mark.parametrize(
    "path, code, limits",
    [
        ("/cut", "connection_lost", None),
        ("/gone", "connection_lost", None),
        ("/silent", "timed_out", HURRIED),
        ("/trickle", "timed_out", HURRIED),
        ("/endless", "too_large", SMALL),
        ("/short", "bad_response", None),
        ("/long", "bad_response", None),
        ("/bomb", "too_large", SMALL),
        ("/wide", "headers_too_large", None),
        ("/many", "headers_too_large", None),
        ("/loop", "too_many_redirects", None),
        ("/inward", "address_refused", None),
        ("/refused", "connection_lost", None),
        ("/old-please", "tls_failed", None),
    ],
)
def test_a_fault_is_told_and_the_next_page_is_read_all_the_same(
    fetcher: Build, tmp_path: Path, path: str, code: str, limits: FetchLimits | None
) -> None:
    outcomes, _ = fetch(fetcher, tmp_path, "/robots.txt", path, "/", limits=limits or FetchLimits())
    assert isinstance(outcomes[1], FetchFailure), outcomes[1]
    assert outcomes[1].code == code
    if path != "/old-please":
        assert body_of(outcomes[2]) == b"<p>hello over two</p>"


def test_a_request_that_was_not_worked_on_is_made_again(fetcher: Build, tmp_path: Path) -> None:
    path = "/refused-once"
    outcomes, asked = fetch(fetcher, tmp_path, path)
    assert isinstance(outcomes[0], Fetched), outcomes[0]
    assert [request["path"] for request in asked] == ["/robots.txt", path, path]


def test_a_connection_that_the_server_closes_in_between_is_opened_anew(
    fetcher: Build, tmp_path: Path
) -> None:
    outcomes, _ = fetch(fetcher, tmp_path, "/then-close", "/", "/then-close", "/")
    assert [body_of(outcome) for outcome in outcomes][::2] == [b"bye"] * 2
    assert [body_of(outcome) for outcome in outcomes][1::2] == [b"<p>hello over two</p>"] * 2


def test_a_server_that_insists_gets_http11(fetcher: Build, tmp_path: Path) -> None:
    outcomes, asked = fetch(fetcher, tmp_path, "/old-please", "/any", server=("http1",))
    assert [body_of(outcome) for outcome in outcomes] == [b"hello over one"] * 2
    assert [request["path"] for request in asked if request.get("old")] == ["/old-please", "/any"]


def test_what_came_over_http2_is_archived_in_the_form_that_tools_read(
    fetcher: Build, tmp_path: Path
) -> None:
    (tmp_path / "tls").mkdir()
    outcomes, _ = fetch(fetcher, tmp_path / "tls", "/")
    (outcome,) = outcomes
    assert isinstance(outcome, Fetched)
    archive = tmp_path / "archive"
    with ArchiveWriter(archive, lambda: NOW_MS) as writer:
        name, _, offset = writer.write(outcome.exchanges[0]).rpartition(":")
    read = read_capture(archive / name, int(offset))
    assert (read.body, read.headers) == (outcome.capture.body, outcome.capture.headers)
    done = subprocess.run(
        [Path(sys.executable).with_name("warcio"), "extract", archive / name, offset],
        capture_output=True,
        check=True,
    )
    assert done.stdout.splitlines()[0].startswith(b"WARC/1.1")
    assert b"WARC-Protocol: h2" in done.stdout
    assert b"HTTP/1.1 200" in done.stdout


SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
EMPTY_DATA = b"\x00\x00\x00\x00\x00\x00\x00\x00\x01"
HEADERS_200 = b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88"
GO_AWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8)
CONTINUATION = b"\x00\x00\x01\x09\x00\x00\x00\x00\x01\x88"
RAW = {
    "http/1.1": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "bad_response"),
    "zeros": (bytes(200), "bad_response"),
    "a huge frame": (b"\xff\xff\xff\x04\x00\x00\x00\x00\x00" + b"x" * 100, "bad_response"),
    "broken hpack": (
        SETTINGS + b"\x00\x00\x03\x01\x05\x00\x00\x00\x01\xff\xff\xff",
        "bad_response",
    ),
    "no status": (
        SETTINGS + b"\x00\x00\x06\x01\x05\x00\x00\x00\x01\x00\x01a\x01b\x00",
        "bad_response",
    ),
    "a push": (
        SETTINGS + b"\x00\x00\x05\x05\x04\x00\x00\x00\x01\x00\x00\x00\x02\x88",
        "bad_response",
    ),
    "a flood of pings": (SETTINGS + PING * 6_000, "bad_response"),
    "a flood of settings": (SETTINGS * 6_000, "bad_response"),
    "a flood of empty data": (SETTINGS + HEADERS_200 + EMPTY_DATA * 6_000, "bad_response"),
    "a flood of continuations": (
        SETTINGS + b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88" + CONTINUATION * 500,
        "bad_response",
    ),
    "good-bye at once": (SETTINGS + GO_AWAY, "connection_lost"),
    "nothing": (b"", "connection_lost"),
}


@pytest.mark.parametrize("raw, code", RAW.values(), ids=list(RAW))
def test_what_is_no_http2_is_told(fetcher: Build, tmp_path: Path, raw: bytes, code: str) -> None:
    authority = Authority(tmp_path)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(raw)
        with contextlib.suppress(OSError):
            await writer.drain()
            if raw:
                await reader.read()
        writer.close()

    async def run() -> FetchOutcome:
        tls = authority.serve_with(authority.issue(), "h2")
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        async with server, fetcher(f"*.example=127.0.0.1:{port}", tls=authority.trust) as client:
            return await client.fetch("https://shop.example/")

    outcome = asyncio.run(run())
    assert isinstance(outcome, FetchFailure)
    assert outcome.code == code


def test_a_crawl_notes_the_certificate_of_the_home_page(fetcher: Build, tmp_path: Path) -> None:
    async def run(site: Site) -> CrawlResult:
        async with fetcher(site.allow, tls=site.authority.trust) as client:
            with ArchiveWriter(tmp_path / "archive", lambda: NOW_MS) as writer:
                tools = CrawlTools(client, writer, lambda: NOW_MS)
                steps: list[CrawlProgress] = []
                result = await crawl_domain(
                    "https://shop.example/", tools, on_progress=steps.append
                )
                assert [step.step for step in steps] == ["robots", "home", "sitemap", "dns"]
                return result

    (tmp_path / "tls").mkdir()
    with running(tmp_path / "tls") as site:
        result = asyncio.run(run(site))
    assert result.home_url == "https://shop.example/"
    assert result.certificate is not None
    assert (result.certificate.issuer, result.certificate.subject) == ("Acme Trust Co", "Shop")
    home = next(capture for capture in result.captures if capture.status == 200)
    assert home.certificate_issuer == "Acme Trust Co"
    (path,) = (tmp_path / "archive").glob("*.warc.gz")
    with path.open("rb") as file:
        told = [
            record.content_stream().read().decode()
            for record in ArchiveIterator(file)
            if record.rec_type == "metadata"
        ]
    assert "seed: shop.example\r\n" in told[0]
    assert "certificate-issuer: Acme Trust Co\r\n" in told[0]
    assert f"certificate-sha256: {result.certificate.sha256}\r\n" in told[0]
