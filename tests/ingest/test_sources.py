"""Archives behind addresses: a real HTTP server with faults, a real S3 server, lists of paths."""

from __future__ import annotations

import contextlib
import gzip
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pyarrow import fs
from tests.cli.conftest import Console, make_archive
from tests.ingest.conftest import free_port, make_site

from tracewell.main.archive_listing import ListingWrong, list_sources
from tracewell.trace.ingest import Skipped
from tracewell.trace.ingest.rules import judge
from tracewell.web.archive import iter_captures
from tracewell.web.archive_sources import FetchBounds, FetchFailed, archive_name, fetched

QUICK = FetchBounds(bytes_max=10_000_000, timeout_s=5, tries_max=3, pause_s=0.01, total_s=60)
BODY = os.urandom(3 << 20)
CUT_AT = 1 << 20


class Files(ThreadingHTTPServer):
    """Serves `files`; `cuts`, `refusals` and `redirects` say what goes wrong, how often."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.redirects: dict[str, str] = {}
        self.cuts = self.refusals = 0
        self.ranges: list[str | None] = []
        self.base = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        files = self.server
        files.ranges.append(self.headers.get("Range"))
        if self.path in files.redirects:
            self.send_response(302)
            self.send_header("Location", files.redirects[self.path])
            self.end_headers()
        elif self.path not in files.files:
            self.send_error(404)
        elif files.refusals:
            files.refusals -= 1
            self.send_error(503)
        else:
            self._send(files.files[self.path], files.tags.get(self.path, '"one"'))

    def _send(self, body: bytes, tag: str) -> None:
        start = 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        part = body[start:]
        if self.server.cuts:
            self.server.cuts -= 1
            part = part[:CUT_AT]
        with contextlib.suppress(OSError):
            self.wfile.write(part)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def files() -> Iterator[Files]:
    with Files() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_archive_is_fetched_under_its_name_and_goes_afterwards(files: Files) -> None:
    files.files["/crawl/a%20b.warc.gz?x=1"] = BODY
    with fetched(f"{files.base}/crawl/a%20b.warc.gz?x=1", bounds=QUICK) as path:
        assert path.name == "a b.warc.gz"
        assert path.read_bytes() == BODY
    assert not path.exists()


def test_a_line_that_breaks_is_taken_up_where_it_ended(files: Files) -> None:
    files.files["/a"] = BODY
    files.cuts = 2
    with fetched(f"{files.base}/a", bounds=QUICK) as path:
        assert path.read_bytes() == BODY
    assert files.ranges == [None, f"bytes={CUT_AT}-", f"bytes={2 * CUT_AT}-"]


def test_a_file_that_changes_meanwhile_comes_anew(files: Files) -> None:
    files.files["/a"] = BODY
    files.cuts = 1
    turns = iter(['"one"', '"two"'])
    files.tags = Turning(turns)
    with fetched(f"{files.base}/a", bounds=QUICK) as path:
        assert path.read_bytes() == BODY
    assert len(files.ranges) == 2


class Turning(dict[str, str]):
    """Another tag with every answer."""

    def __init__(self, turns: Iterator[str]) -> None:
        super().__init__()
        self.turns = turns

    def get(self, key: str, default: object = None) -> str:
        return next(self.turns)


def test_a_busy_server_is_asked_again_and_given_up_in_the_end(files: Files) -> None:
    files.files["/a"] = BODY
    files.refusals = 2
    with fetched(f"{files.base}/a", bounds=QUICK) as path:
        assert path.read_bytes() == BODY
    files.refusals = 3
    with pytest.raises(FetchFailed, match="503"), fetched(f"{files.base}/a", bounds=QUICK):
        pass
    assert len(files.ranges) == 6


def test_what_cannot_come_is_told_at_once(files: Files) -> None:
    files.files["/large"] = bytes(QUICK.bytes_max + 1)
    files.redirects = {"/loop": "/loop", "/file": "file:///etc/hostname"}
    for path, reason in (
        ("/missing", "404"),
        ("/large", "at most 10000000"),
        ("/loop", "302"),
        ("/file", "302|not allowed|neither"),
    ):
        with pytest.raises(FetchFailed, match=reason), fetched(files.base + path, bounds=QUICK):
            pass
    assert files.ranges.count(None) == len(files.ranges)
    gone = f"http://127.0.0.1:{free_port()}/a"
    with pytest.raises(FetchFailed, match="refused"), fetched(gone, bounds=QUICK):
        pass


def test_lists_give_archives_under_their_own_server_or_the_base(
    files: Files, tmp_path: Path
) -> None:
    lines = "crawl-data/a.warc.gz\n\ncrawl-data/b.warc.gz\nhttps://other.example/c.warc.gz\n"
    files.files["/lists/warc.paths.gz"] = gzip.compress(lines.encode())
    listed = list_sources([f"{files.base}/lists/warc.paths.gz"])
    assert listed == [
        f"{files.base}/crawl-data/a.warc.gz",
        f"{files.base}/crawl-data/b.warc.gz",
        "https://other.example/c.warc.gz",
    ]
    local = tmp_path / "wet.paths"
    local.write_text(lines)
    assert list_sources([str(local)])[0] == "https://data.commoncrawl.org/crawl-data/a.warc.gz"
    on_s3 = list_sources([str(local)], base="s3://commoncrawl")
    assert on_s3[0] == "s3://commoncrawl/crawl-data/a.warc.gz"
    assert list_sources([str(local)], base=str(tmp_path))[1] == str(
        tmp_path / "crawl-data/b.warc.gz"
    )
    broken = tmp_path / "broken.paths.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(ListingWrong, match="no list of paths"):
        list_sources([str(broken)])


def test_a_list_at_an_address_is_taken_in_and_what_is_missing_is_told(
    console: Console, files: Files, tmp_path: Path
) -> None:
    for number in range(2):
        made = make_archive(tmp_path / f"{number}.warc.gz", make_site(number))
        files.files[f"/crawl/{number}.warc.gz"] = made.read_bytes()
    lines = "crawl/0.warc.gz\ncrawl/missing.warc.gz\ncrawl/1.warc.gz\n"
    files.files["/warc.paths.gz"] = gzip.compress(lines.encode())
    done = console("ingest", f"{files.base}/warc.paths.gz", "--json", code=1)
    assert done.json["captures_ingested"] == 30
    assert done.json["archives_failed"] == 1
    assert f"{files.base}/crawl/missing.warc.gz: the server answers 404" in done.err
    assert "1 of 3 archives could not be read" in done.err


def test_a_text_archive_gives_captures_that_are_skipped_with_the_reason(tmp_path: Path) -> None:
    body = b"Plain words."
    head = (
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://acme.example/\r\n"
        "WARC-Date: 2026-07-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    wet = tmp_path / "a.warc.wet.gz"
    wet.write_bytes(gzip.compress(head.encode() + body + b"\r\n\r\n"))
    (capture,) = iter_captures(wet, lambda *_: pytest.fail("broken archive"))
    assert capture.body == body
    assert judge(capture) == Skipped("text alone")


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # Not one from the path: older ones do not answer what Arrow asks.
    command = Path(__file__).parents[2] / ".moto" / "bin" / "moto_server"
    if not command.exists():
        pytest.skip("no S3 server (.moto/bin/moto_server, as .ci/run installs it)")
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [command, "-H", "127.0.0.1", "-p", str(port)], stdout=file, stderr=file
        )
    try:
        until = time.monotonic() + 60
        while "Running on" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_archives_and_lists_of_a_bucket_are_taken_in(
    console: Console, s3_server: str, tmp_path: Path
) -> None:
    system = fs.S3FileSystem(
        access_key="a", secret_key="b", endpoint_override=s3_server, region="us-east-1",
        allow_bucket_creation=True,
    )  # fmt: skip
    system.create_dir("crawls")
    archive = make_archive(tmp_path / "one.warc.gz", make_site(1)).read_bytes()
    lines = b"data/one.warc.gz\ndata/missing.warc.gz\n"
    for key, content in (("data/one.warc.gz", archive), ("lists/warc.paths", lines)):
        with system.open_output_stream(f"crawls/{key}", compression=None) as stream:
            stream.write(content)
    console.environment |= {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1",
    }
    done = console("ingest", "s3://crawls/lists/warc.paths", "--json", code=1)
    assert done.json["captures_ingested"] == 15, done
    assert done.json["archives_failed"] == 1
    assert "s3://crawls/data/missing.warc.gz" in done.err


def test_the_name_of_an_archive_is_the_last_part_of_its_address() -> None:
    assert archive_name("s3://bucket/a/b.warc.gz") == "b.warc.gz"
    assert archive_name("https://host.example/") == "archive"
    assert archive_name("/folder/c.warc") == "c.warc"
