"""What is written is read back byte for byte, by us and by others."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from tracewell.values import Capture
from tracewell.web.archive import (
    ARCHIVE_LIMITS,
    ArchiveError,
    iter_captures,
    parse_capture_id,
    read_capture,
)
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.exchange import BodyLimits, Exchange, build_capture

NOW_MS = 1_780_324_332_123
SHARED = Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[3] / "shared"))
REAL_PAGES = SHARED / "data" / "pages" / "pages.warc.gz"


def make_exchange(body: bytes = b"<p>hello</p>", **changes: object) -> Exchange:
    exchange = Exchange(
        url="https://shop.example/a%20b?x=1",
        request_headers=((b"Host", b"shop.example"), (b"User-Agent", b"Tracewell/0")),
        http_version="HTTP/1.1",
        status=200,
        reason="OK",
        response_headers=((b"Content-Type", b"text/html"), (b"X-Empty", b"")),
        wire_body=body,
        fetched_at=NOW_MS,
        remote_address="93.184.216.34",
        certificate_issuer="Acme Trust Co",
    )
    return replace(exchange, **changes)  # type: ignore[arg-type]


def write_all(directory: Path, *exchanges: Exchange, **options: int) -> list[str]:
    with ArchiveWriter(directory, lambda: NOW_MS, **options) as writer:  # type: ignore[arg-type]
        return [writer.write(exchange) for exchange in exchanges]


def read_all(
    path: Path, limits: BodyLimits = ARCHIVE_LIMITS
) -> tuple[list[Capture], list[tuple[int, str]]]:
    problems: list[tuple[int, str]] = []

    def note(offset: int, reason: str) -> None:
        problems.append((offset, reason))

    return list(iter_captures(path, note, limits=limits)), problems


def test_an_exchange_comes_back_as_the_capture_that_it_was(tmp_path: Path) -> None:
    exchanges = [
        make_exchange(),
        make_exchange(b"", status=404, reason="Not Found", certificate_issuer=None),
        make_exchange(bytes(range(256)) * 300, reason=""),
        make_exchange(
            gzip.compress(b"<p>packed</p>"),
            response_headers=(
                (b"content-encoding", b"gzip"),
                (b"Transfer-Encoding", b"chunked"),
                (b"Set-Cookie", b"a=1"),
                (b"Set-Cookie", b"b=Gr\xf6\xdfe"),
                (b"X-Name", "Größe".encode()),
            ),
        ),
    ]
    ids = write_all(tmp_path, *exchanges)
    for exchange, capture_id in zip(exchanges, ids, strict=True):
        name, offset = parse_capture_id(capture_id)
        expected = build_capture(exchange, BodyLimits(), capture_id)
        assert read_capture(tmp_path / name, offset) == expected
    captures, problems = read_all(tmp_path / parse_capture_id(ids[0])[0])
    assert problems == []
    assert [capture.capture_id for capture in captures] == ids
    assert captures[3].body == b"<p>packed</p>"
    assert ("Set-Cookie", "b=Größe") in captures[3].headers


header_values = (
    st.binary(max_size=40).map(lambda raw: bytes(b for b in raw if b > 31)).map(bytes.strip)
)


@settings(max_examples=60, deadline=None)
@given(
    body=st.binary(max_size=2_000),
    values=st.lists(header_values, max_size=5),
    status=st.integers(200, 599),
)
def test_any_bytes_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, values: list[bytes], status: int
) -> None:
    directory = tmp_path_factory.mktemp("any")
    headers = tuple((b"X-Value", value) for value in values)
    exchange = make_exchange(body, response_headers=headers, status=status)
    name, offset = parse_capture_id(write_all(directory, exchange)[0])
    assert read_capture(directory / name, offset) == build_capture(
        exchange, BodyLimits(), f"{name}:{offset}"
    )


def test_warcio_finds_both_records_and_every_digest_right(tmp_path: Path) -> None:
    (capture_id,) = write_all(tmp_path, make_exchange(b"body bytes"))
    path = tmp_path / parse_capture_id(capture_id)[0]
    with path.open("rb") as file:
        kinds, heads = [], []
        for record in ArchiveIterator(file, check_digests="raise"):
            content = record.content_stream().read()
            kinds.append(record.rec_type)
            heads.append(record.rec_headers)
            if record.rec_type == "response":
                assert content == b"body bytes"
                response_id = record.rec_headers.get_header("WARC-Record-ID")
    assert kinds == ["warcinfo", "response", "request"]
    assert heads[1].get_header("WARC-IP-Address") == "93.184.216.34"
    assert heads[1].get_header("WARC-Date") == "2026-06-01T14:32:12.123Z"
    assert heads[1].get_header("WARC-Payload-Digest").startswith("sha256:")
    assert heads[2].get_header("WARC-Concurrent-To") == response_id


def test_warcio_check_passes_what_is_written_and_fails_what_was_changed(tmp_path: Path) -> None:
    bodies = [b"x" * 50_000, b"", gzip.compress(b"y")]
    ids = write_all(tmp_path, *(make_exchange(body) for body in bodies))
    path = tmp_path / parse_capture_id(ids[0])[0]

    def check() -> int:
        command = [sys.executable, "-m", "warcio.cli", "check", str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert check() == 0
    path.write_bytes(gzip.decompress(path.read_bytes()).replace(b"xxxxx", b"xxxXx", 1))
    assert check() != 0


def test_files_are_rotated_by_size_and_named_apart(tmp_path: Path) -> None:
    exchanges = [make_exchange(os.urandom(3_000)) for _ in range(6)]
    ids = write_all(tmp_path, *exchanges, file_bytes_max=5_000)
    names = [parse_capture_id(capture_id)[0] for capture_id in ids]
    assert len(set(names)) == 3
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    for exchange, capture_id in zip(exchanges, ids, strict=True):
        name, offset = parse_capture_id(capture_id)
        assert read_capture(tmp_path / name, offset).body == exchange.wire_body


WRITE_SOME = """
import sys
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.exchange import Exchange
with ArchiveWriter(sys.argv[1], lambda: 1_780_324_332_123) as writer:
    for n in range(20):
        body = f"{sys.argv[2]}-{n}".encode()
        writer.write(Exchange("http://a.example/", (), "HTTP/1.1", 200, "OK", (), body, 0))
"""


def test_several_processes_share_a_directory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_SOME, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(mark)]) for mark in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    paths = list(tmp_path.iterdir())
    assert len(paths) == 3
    bodies = {capture.body for path in paths for capture in read_all(path)[0]}
    assert bodies == {b"%d-%d" % (mark, n) for mark in range(3) for n in range(20)}


def test_a_record_can_be_read_while_the_file_is_still_open(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path, lambda: NOW_MS) as writer:
        name, offset = parse_capture_id(writer.write(make_exchange(b"fresh")))
        assert read_capture(tmp_path / name, offset).body == b"fresh"


def test_a_full_disk_is_told_and_leaves_the_file_whole(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path, lambda: NOW_MS)
    name, _ = parse_capture_id(writer.write(make_exchange(b"kept")))
    before = (tmp_path / name).stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before + 2_000, limits[1]))
        with pytest.raises(OSError, match="too large"):
            writer.write(make_exchange(os.urandom(50_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / name).stat().st_size == before
    writer.write(make_exchange(b"after"))
    writer.close()
    captures, problems = read_all(tmp_path / name)
    assert [capture.body for capture in captures] == [b"kept", b"after"]
    assert problems == []


def test_a_robots_file_carries_its_text(tmp_path: Path) -> None:
    exchange = make_exchange(
        b"User-agent: *\nDisallow: /wp-admin/", url="http://a.example/robots.txt"
    )
    name, offset = parse_capture_id(write_all(tmp_path, exchange)[0])
    assert read_capture(tmp_path / name, offset).robots_txt == "User-agent: *\nDisallow: /wp-admin/"


def test_progress_goes_from_the_beginning_to_the_end(tmp_path: Path) -> None:
    ids = write_all(tmp_path, *(make_exchange() for _ in range(5)))
    path = tmp_path / parse_capture_id(ids[0])[0]
    told: list[tuple[int, int]] = []
    list(iter_captures(path, lambda *_: None, on_progress=lambda done, of: told.append((done, of))))
    size = path.stat().st_size
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert {total for _, total in told} == {size}


@pytest.mark.parametrize("offset", [1, 10**9])
def test_an_offset_without_a_record_is_refused(tmp_path: Path, offset: int) -> None:
    name, _ = parse_capture_id(write_all(tmp_path, make_exchange())[0])
    with pytest.raises(ArchiveError, match="no record starts"):
        read_capture(tmp_path / name, offset)


def test_an_offset_of_another_kind_of_record_is_refused(tmp_path: Path) -> None:
    name, _ = parse_capture_id(write_all(tmp_path, make_exchange())[0])
    with pytest.raises(ArchiveError, match="no response record"):
        read_capture(tmp_path / name, 0)


@pytest.mark.parametrize("text", ["", "a.warc.gz", ":5", "a.warc.gz:", "a:-1", "../a:5", "a:٣"])
def test_a_text_that_is_no_capture_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a capture id"):
        parse_capture_id(text)


def test_a_capture_id_survives_a_colon_in_the_file_name() -> None:
    assert parse_capture_id("a:b.warc.gz:12") == ("a:b.warc.gz", 12)
