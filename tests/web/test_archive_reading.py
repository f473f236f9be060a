"""Archives of other programs, whole and damaged: what can be read is, and the rest is told."""

from __future__ import annotations

import gzip
import os
import random
import uuid
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from tracewell.values import Capture
from tracewell.web.archive import ARCHIVE_LIMITS, iter_captures, parse_capture_id, read_capture
from tracewell.web.exchange import BodyLimits
from tracewell.web.urls import host_of

SHARED = Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[3] / "shared"))
REAL_PAGES = SHARED / "data" / "pages" / "pages.warc.gz"


def read_all(
    path: Path, limits: BodyLimits = ARCHIVE_LIMITS
) -> tuple[list[Capture], list[tuple[int, str]]]:
    problems: list[tuple[int, str]] = []

    def note(offset: int, reason: str) -> None:
        problems.append((offset, reason))

    return list(iter_captures(path, note, limits=limits)), problems


def warc(block: bytes, *, length: int | str | None = None, kind: str = "response") -> bytes:
    """One uncompressed record as other programs write them."""
    return (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{uuid.UUID(int=7)}>\r\n"
        "WARC-Target-URI: <http://other.example/page one>\r\nWARC-Date: 2026-06-01T14:32:00Z\r\n"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    ).encode() + block + b"\r\n\r\n"  # fmt: skip


def page(text: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + text


GOOD = page(b"good")


def test_archives_of_other_programs_are_read(tmp_path: Path) -> None:
    blocks = [
        page(b"4;ext=1\r\nchun\r\n3\r\nked\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
        page(b"not chunked", b"Transfer-Encoding: chunked\r\n"),
        page(gzip.compress(b"packed"), b"Content-Encoding: gzip\r\n"),
        page(b"unpacked", b"X-Crawler-Content-Encoding: gzip\r\nX-Crawler-Content-Length: 99\r\n"
                          b"Content-Length: 8\r\n"),
        b"HTTP/1.0 200 OK\nServer: old\n\nbare newlines",
        b"HTTP/2 200\r\nA: b\r\n folded\r\n\r\nnew",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ]  # fmt: skip
    records = [
        warc(b"", kind="warcinfo"),
        *map(warc, blocks),
        warc(b"GET / HTTP/1.1", kind="request"),
    ]
    plain, packed = tmp_path / "plain.warc", tmp_path / "packed.warc.gz"
    plain.write_bytes(b"".join(records))
    packed.write_bytes(b"".join(map(gzip.compress, records)))
    for path in (plain, packed):
        captures, problems = read_all(path)
        assert problems == []
        assert [capture.body for capture in captures] == [
            b"chunked", b"not chunked", b"packed", b"unpacked", b"bare newlines", b"new", b"",
        ]  # fmt: skip
        assert captures[3].headers == (("Content-Encoding", "gzip"), ("Content-Length", "99"))
        assert captures[5].headers == (("A", "b folded"),)
        assert captures[0].url == "http://other.example/page%20one"
        assert captures[0].captured_at == 1_780_324_320_000
        for capture in captures:
            name, offset = parse_capture_id(capture.capture_id)
            assert read_capture(tmp_path / name, offset) == capture


def damaged(kind: str) -> list[bytes]:
    """Three gzipped records, the second damaged in the way that `kind` says."""
    member = gzip.compress(warc(page(os.urandom(4_000))))
    middle = {
        "zeroed inside": member[:1_000] + bytes(200) + member[1_200:],
        "wrong checksum": member[:-8] + b"\1\2\3\4" + member[-4:],
        "cut member": member[: len(member) // 2],
        "no magic": b"\0" + member[1:],
        "rubbish between": os.urandom(500).replace(b"\x1f\x8b", b"") + gzip.compress(warc(GOOD)),
        "length too large": gzip.compress(warc(GOOD, length=9_999)),
        "length too small": gzip.compress(warc(page(b"g" * 90), length=60)),
        "length negative": gzip.compress(warc(GOOD, length=-1)),
        "length no number": gzip.compress(warc(GOOD, length="many")),
        "length huge": gzip.compress(warc(GOOD, length=10**18)),
        "no http": gzip.compress(warc(b"SSH-2.0-OpenSSH\r\n\r\n")),
        "header without end": gzip.compress(warc(b"HTTP/1.1 200 OK\r\nA: b")),
        "endless warc header": gzip.compress(b"WARC/1.0\r\nX: " + b"a" * 5_000_000),
        "broken coding": gzip.compress(
            warc(page(b"\x1f\x8b\x08\0" + bytes(range(99)), b"Content-Encoding: gzip\r\n"))
        ),
        "bomb in the page": gzip.compress(
            warc(page(gzip.compress(bytes(40 << 20)), b"Content-Encoding: gzip\r\n"))
        ),
        "bomb in the record": gzip.compress(warc(page(bytes(40 << 20)))),
        "bad date": gzip.compress(warc(GOOD).replace(b"2026-06-01", b"yesterday.")),
        "no web address": gzip.compress(warc(GOOD).replace(b"http://other.example", b"whois:x")),
    }[kind]  # fmt: skip
    good = gzip.compress(warc(GOOD))
    return [good, middle, good]


@pytest.mark.parametrize(
    "kind",
    ["zeroed inside", "wrong checksum", "cut member", "no magic", "rubbish between",
     "length too large", "length too small", "length negative", "length no number", "length huge",
     "no http", "header without end", "endless warc header", "broken coding", "bomb in the page",
     "bomb in the record", "bad date", "no web address"],
)  # fmt: skip
def test_a_broken_record_is_told_and_the_rest_is_read(tmp_path: Path, kind: str) -> None:
    parts = damaged(kind)
    path = tmp_path / "damaged.warc.gz"
    path.write_bytes(b"".join(parts))
    captures, problems = read_all(path)
    offsets = [parse_capture_id(capture.capture_id)[1] for capture in captures]
    assert offsets[0] == 0
    assert offsets[-1] == len(parts[0]) + len(parts[1])
    assert captures[-1].body == b"good"
    assert problems
    assert all(0 <= offset <= offsets[-1] and why for offset, why in problems)


def test_a_file_cut_in_the_middle_gives_what_is_whole(tmp_path: Path) -> None:
    (first, second) = [gzip.compress(warc(page(os.urandom(4_000)))) for _ in range(2)]
    path = tmp_path / "cut.warc.gz"
    for keep in (1, 11, 40, 300, len(second) - 200):
        path.write_bytes(first + second[:keep])
        captures, problems = read_all(path)
        assert len(captures) == 1
        assert len(problems) <= 1
        if keep > 100:
            assert problems[0][0] == len(first)


def test_a_file_that_is_one_gzip_stream_is_told_how_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "single.warc.gz"
    path.write_bytes(gzip.compress(warc(GOOD) * 3))
    captures, problems = read_all(path)
    assert len(captures) == 1
    assert "warcio recompress" in problems[0][1]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>no archive</html>" * 99, id="a page"),
        pytest.param(random.Random(1).randbytes(5_000), id="noise"),
    ],
)
def test_what_is_no_archive_is_one_problem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(content)
    captures, problems = read_all(path)
    assert captures == []
    assert [offset for offset, _ in problems] == [0]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_makes_reading_fail_or_never_end(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Random edits: reading ends, raises nothing and yields no more than there was."""
    raw = bytearray(b"".join(zlib_record(warc(page(b"page %d" % n))) for n in range(4)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=30))
        raw = raw or bytearray(b"\0")
    path = tmp_path_factory.mktemp("noise") / "noise.warc.gz"
    path.write_bytes(bytes(raw))
    captures, _ = read_all(path)
    assert len(captures) <= 4


def zlib_record(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def test_limits_hold_for_the_record_and_for_the_page(tmp_path: Path) -> None:
    path = tmp_path / "limits.warc.gz"
    wide = warc(page(gzip.compress(b"a" * 3_000), b"Content-Encoding: gzip\r\n"))
    path.write_bytes(b"".join(map(gzip.compress, [wide, warc(page(b"b" * 900)), warc(GOOD)])))
    limits = BodyLimits(wire_bytes_max=1_000, body_bytes_max=1_000, ratio_max=100)
    captures, problems = read_all(path, limits=limits)
    assert [capture.body for capture in captures] == [b"b" * 900, b"good"]
    assert [offset for offset, _ in problems] == [0]


@pytest.mark.skipif(not REAL_PAGES.exists(), reason=f"no real pages at {REAL_PAGES}")
def test_the_real_pages_are_read_as_warcio_reads_them() -> None:
    captures, problems = read_all(REAL_PAGES)
    assert problems == []
    assert len(captures) == 600
    assert len({host_of(capture.url) for capture in captures}) == 587
    with REAL_PAGES.open("rb") as file:
        bodies = (zlib.crc32(record.content_stream().read()) for record in ArchiveIterator(file))
        assert [zlib.crc32(capture.body) for capture in captures] == list(bodies)
    name, offset = parse_capture_id(captures[321].capture_id)
    assert read_capture(REAL_PAGES.with_name(name), offset) == captures[321]
