"""`tracewell detect` as a user has it: addresses, saved pages, archives; rows, codes, messages."""

from __future__ import annotations

import csv
import gzip
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Console, Outcome, make_archive
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tracewell.web.archive import iter_captures, read_capture

SHARED = Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[3] / "shared"))
REAL_PAGES = SHARED / "data" / "pages" / "pages.warc.gz"
WORDPRESS = "<meta name=generator content='WordPress 6.4.2'><p>Grüße</p>"


def rows_of(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


def names_of(row: dict[str, Any]) -> set[str]:
    return {technology["name"] for technology in row["technologies"]}


@pytest.fixture
def site() -> Iterator[int]:
    """A web server on this machine; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {
                "/robots.txt": (200, "text/plain", b"User-agent: *\nDisallow: /acme\n"),
                "/": (200, "text/html", b"made-by-acme 7"),
                "/moved": (302, "text/html", b""),
            }
            status, kind, body = answers.get(self.path, (404, "text/html", b"made-by-acme 8"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("X-Acme", "yes")
            if status == 302:
                self.send_header("Location", "/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_row_has_the_promised_form(detect: Console) -> None:
    (detect.folder / "a.html").write_text("<p>ö made-by-acme 7</p>")
    (row,) = rows_of(
        detect(
            *("detect", "a.html", "--url", "https://acme.example/x", "--fingerprints", "prints"),
            *("--format", "jsonl"),
        )
    )
    assert set(row) == {"url", "technologies"}
    assert row["url"] == "https://acme.example/x"
    found = {technology["name"]: technology for technology in row["technologies"]}
    assert list(found) == ["Acme Base", "Acme CMS", "Acme Sure"]
    assert found["Acme Sure"]["confidence"] == 40
    assert found["Acme CMS"] == {
        "name": "Acme CMS",
        "version": "7",
        "confidence": 100,
        "categories": ["CMS"],
        "evidence": [
            {
                "kind": "html",
                "name": "",
                "pattern": "made-by-acme (\\d+)\\;version:\\1",
                "excerpt": "made-by-acme 7",
                "start": 6,
                "end": 20,
            }
        ],
    }
    (implied,) = found["Acme Base"]["evidence"]
    assert (implied["kind"], implied["name"], implied["start"]) == ("implied", "Acme CMS", None)


def test_the_table_has_a_line_for_each_page(detect: Console) -> None:
    (detect.folder / "a.html").write_text("made-by-acme 7")
    (detect.folder / "b.html").write_text("nothing")
    lines = detect("detect", "a.html", "b.html", "--fingerprints", "prints").out.splitlines()
    assert [line.split("  ")[-1] for line in lines] == [
        "Acme Base, Acme CMS 7, Acme Sure (40 %)",
        "(nothing)",
    ]
    assert lines[0].startswith((detect.folder / "a.html").as_uri())


def test_csv_is_read_back_as_it_was_meant(detect: Console) -> None:
    (detect.folder / "a,b.html").write_text("made-by-acme 7")
    out = detect("detect", "a,b.html", "--fingerprints", "prints", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(out))
    assert row == {
        "url": (detect.folder / "a,b.html").as_uri(),
        "technologies": "Acme Base; Acme CMS; Acme Sure",
        "versions": "Acme CMS=7",
        "given_up": "",
        "capture": "",
    }


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 200 OK\r\nX-Acme: yes\r\n\r\n",
        "HTTP/2 200 \r\nx-acme: yes\r\ncontent-encoding: br\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\nHTTP/1.1 200 OK\r\nX-Acme: yes\r\n\r\n",
        "HTTP/1.1 200 OK\nX-Acme: yes\nTransfer-Encoding: chunked\n\n",
    ],
)
def test_a_saved_response_shows_its_headers(detect: Console, head: str) -> None:
    (detect.folder / "saved").write_bytes((head + WORDPRESS).encode())
    command = ("detect", "saved", "--fingerprints", "prints", "--format", "jsonl")
    (row,) = rows_of(detect(*command))
    assert {"Acme Sure", "WordPress"} <= names_of(row)
    (header,) = (
        evidence
        for technology in row["technologies"]
        for evidence in technology["evidence"]
        if evidence["kind"] == "header"
    )
    assert (header["name"].lower(), header["excerpt"]) == ("x-acme", "yes")


def test_standard_input_is_a_page_or_an_archive(detect: Console) -> None:
    command = ("detect", "-", "--format", "jsonl")
    (row,) = rows_of(detect(*command, stdin=WORDPRESS.encode()))
    assert "WordPress" in names_of(row)
    archive = make_archive(detect.folder / "a", {"https://a.example/": WORDPRESS})
    (row,) = rows_of(detect(*command, stdin=archive.read_bytes()))
    assert (row["url"], row["capture"]) == ("https://a.example/", "stdin:0")
    (detect.folder / "b.html").write_text("nothing")
    rows = rows_of(detect("detect", "b.html", "-", "--format", "jsonl", stdin=WORDPRESS.encode()))
    assert [len(row["technologies"]) > 0 for row in rows] == [False, True]


def test_inputs_are_answered_in_their_order(detect: Console, site: int) -> None:
    folder = detect.folder / "pages"
    folder.mkdir()
    make_archive(folder / "b.warc", {"https://b.example/": "b"}, compress=False)
    make_archive(folder / "c.warc.gz", {"https://c.example/": "c"}, kind="resource")
    (folder / "a.html").write_text("a")
    (folder / "not-one.txt").write_text("no page")
    (detect.folder / "list").write_text("pages/c.warc.gz\n\nhttp://www.d.example/\n")
    allow = f"*.example=127.0.0.1:{site}"
    command = ("detect", "http://d.example/", "pages", "--from", "list", "--allow", allow)
    for jobs in ("1", "2"):
        rows = rows_of(detect(*command, "--pause", "0", "--format", "jsonl", "--jobs", jobs))
        assert [row["url"] for row in rows] == [
            "http://d.example/",
            (folder / "a.html").as_uri(),
            "https://b.example/",
            "https://c.example/",
            "https://c.example/",
            "http://www.d.example/",
        ]


def test_a_page_of_the_web_is_fetched_with_its_robots_file(detect: Console, site: int) -> None:
    command = ("detect", "http://acme.example/moved", "--fingerprints", "prints", "--pause", "0")
    allow = ("--allow", f"*.example=127.0.0.1:{site}", "--keep", "kept", "--format", "jsonl")
    (row,) = rows_of(detect(*command, *allow))
    assert row["url"] == "http://acme.example/"
    assert names_of(row) >= {"Acme CMS", "Acme Sure", "Acme Robots"}
    name, _, offset = row["capture"].rpartition(":")
    kept = read_capture(detect.folder / "kept" / name, int(offset))
    assert (kept.url, kept.body) == ("http://acme.example/", b"made-by-acme 7")
    (missing,) = rows_of(detect("detect", "http://acme.example/none", *allow, *command[2:]))
    assert "Acme CMS" in names_of(missing)


def test_what_cannot_be_fetched_is_told_and_the_rest_is_done(detect: Console, site: int) -> None:
    (detect.folder / "a.html").write_text(WORDPRESS)
    closed = "http://shop.example/acme"
    allow = ("--allow", f"*.example=127.0.0.1:{site}", "--pause", "0", "--format", "jsonl")
    outcome = detect("detect", "http://127.0.0.1/", closed, "a.html", *allow, code=1)
    assert len(rows_of(outcome)) == 1
    assert "http://127.0.0.1/: skipped: address_refused" in outcome.err
    assert f"{closed}: skipped: robots_disallowed" in outcome.err
    assert f"no page came of http://127.0.0.1/, {closed}" in outcome.err


def test_a_cut_archive_gives_what_is_whole_and_tells_the_rest(detect: Console) -> None:
    pages = {f"https://{name}.example/": WORDPRESS for name in "abc"}
    whole = make_archive(detect.folder / "whole.warc.gz", pages).read_bytes()
    cut = detect.folder / "cut.warc.gz"
    cut.write_bytes(whole[:-20])
    for jobs in ("1", "2"):
        outcome = detect("detect", "cut.warc.gz", "--format", "jsonl", "--jobs", jobs)
        rows = rows_of(outcome)
        assert [row["url"] for row in rows] == ["https://a.example/", "https://b.example/"]
        offset = whole.rindex(b"\x1f\x8b\x08")
        assert f"cut.warc.gz:{offset}: skipped: " in outcome.err
    cut.write_bytes(whole[:40])
    assert "no page came of cut.warc.gz" in detect("detect", "cut.warc.gz", code=1).err


def test_a_damaged_record_is_skipped_and_those_behind_it_are_read(detect: Console) -> None:
    pages = {f"https://{number}.example/": f"{WORDPRESS}{number}" for number in range(5)}
    data = bytearray(make_archive(detect.folder / "a.warc.gz", pages).read_bytes())
    starts = [at for at in range(len(data)) if data.startswith(b"\x1f\x8b\x08", at)]
    data[starts[2] + 60 : starts[2] + 90] = b"\xff" * 30
    (detect.folder / "a.warc.gz").write_bytes(data)
    outcome = detect("detect", "a.warc.gz", "--format", "jsonl")
    assert [row["url"][8] for row in rows_of(outcome)] == ["0", "1", "3", "4"]
    # Where a record's own head is damaged, the place that is known is the record before it.
    assert f"a.warc.gz:{starts[1]}: skipped: broken data behind this record" in outcome.err


def test_only_pages_of_an_archive_have_a_row(detect: Console) -> None:
    file = detect.folder / "a.warc.gz"
    with file.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for url, status, kind in (
            ("https://a.example/", "200 OK", "text/html"),
            ("https://a.example/i.png", "200 OK", "image/png"),
            ("https://a.example/old", "301 Moved Permanently", "text/html"),
            ("https://a.example/gone", "404 Not Found", "Text/HTML; charset=utf-8"),
        ):
            head = StatusAndHeaders(status, [("Content-Type", kind)], protocol="HTTP/1.1")
            payload = io.BytesIO(b"x")
            record = writer.create_warc_record(url, "response", payload=payload, http_headers=head)
            writer.write_record(record)
    rows = rows_of(detect("detect", "a.warc.gz", "--format", "jsonl"))
    assert [row["url"] for row in rows] == ["https://a.example/", "https://a.example/gone"]


def test_a_page_that_looks_like_an_archive_does_not_split_one(detect: Console) -> None:
    """Parts are cut where records seem to start: in these pages, where none does."""
    inner = b"\r\nWARC/1.0\r\nWARC-Type: response\r\nContent-Length: 9\r\n\r\n"
    pages = {
        f"https://{number}.example/": b"<p>" + inner * 12_000 + b"made-by-acme %d" % number
        for number in range(4)
    }
    make_archive(detect.folder / "a.warc", pages, compress=False)
    outcomes = [
        detect(
            *("detect", "a.warc", "--fingerprints", "prints", "--format", "jsonl", "--jobs", jobs)
        )
        for jobs in ("1", "3")
    ]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].err == ""
    assert [row["url"][8] for row in rows_of(outcomes[0])] == ["0", "1", "2", "3"]


@pytest.mark.skipif(not REAL_PAGES.exists(), reason="the real pages are not on this machine")
def test_real_pages_are_the_same_with_one_job_and_with_two(detect: Console) -> None:
    one, two = (
        detect("detect", str(REAL_PAGES), "--format", "jsonl", "--jobs", jobs)
        for jobs in ("1", "2")
    )
    assert one == two
    captures = list(iter_captures(REAL_PAGES, lambda offset, reason: None))
    rows = rows_of(one)
    assert [row["url"] for row in rows] == [capture.url for capture in captures]
    assert [row["capture"] for row in rows] == [capture.capture_id for capture in captures]
    assert sum(len(row["technologies"]) for row in rows) > 5_000


def test_what_was_given_up_stands_in_the_row(detect: Console) -> None:
    (detect.folder / "big.html").write_bytes(b"<b class='made-by-acme 7'>" + b" " * 3_000_000)
    command = ("detect", "big.html", "--fingerprints", "prints", "--format")
    (row,) = rows_of(detect(*command, "jsonl"))
    assert "Acme CMS" in names_of(row)
    assert row["given_up_count"] == len(row["given_up"]) == 1
    assert row["given_up"][0] == {
        "kind": "html",
        "technology": None,
        "reason": "only the first 2097152 bytes of the body were read",
    }
    assert "[given up: only the first 2097152 bytes" in detect(*command, "table").out
    assert "only the first 2097152 bytes" in detect(*command, "csv").out


def test_no_page_steers_the_terminal(detect: Console) -> None:
    entry = {"Evil": {"html": "v=(.+);\\;version:\\1"}}
    (detect.folder / "prints" / "a.json").write_text(json.dumps(entry))
    (detect.folder / "a.html").write_text("v=\x1b[31m\u202e1;")
    for form in ("table", "csv"):
        out = detect("detect", "a.html", "--fingerprints", "prints", "--format", form).out
        assert "Evil" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "name addresses, files or folders"),
        (("missing.html",), "missing.html: No such file"),
        (("example.com",), "for the page on the web say https://example.com"),
        (("http://",), "not a URL"),
        (("a.html", "b.html", "--url", "https://a.example/"), "--url is the address of one"),
        (("a.html", "--url", "ftp://a.example/"), "only http and https"),
        (("a.html", "--allow", "nonsense"), "--allow nonsense"),
        (("a.html", "--jobs", "0"), "--jobs"),
        (("a.html", "--format", "xml"), "--format"),
        (("empty",), "there is no .warc"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_usage_is_told_before_anything_is_read(
    detect: Console, arguments: tuple[str, ...], reason: str
) -> None:
    (detect.folder / "empty").mkdir()
    for name in ("a.html", "b.html"):
        (detect.folder / name).write_text(WORDPRESS)
    outcome = detect("detect", *arguments, code=2)
    assert outcome.out == ""
    assert reason in " ".join(outcome.err.split())


def test_a_fingerprint_that_cannot_be_loaded_is_told(detect: Console) -> None:
    (detect.folder / "prints" / "a.json").write_text('{"Bad": {"html": "("}}')
    (detect.folder / "a.html").write_text(WORDPRESS)
    outcome = detect("detect", "a.html", "--fingerprints", "prints")
    assert "fingerprint left out: a.json: Bad: html: bad pattern" in outcome.err
    assert "WordPress 6.4.2" in outcome.out


def test_the_help_shows_examples(detect: Console) -> None:
    told = detect("detect", "--help").out
    assert "tracewell detect crawl.warc.gz --jobs 2 --format jsonl" in told
    assert "Exit codes: 0 done; 1" in told


def test_a_gzipped_page_without_an_archive_in_it_is_no_archive(detect: Console) -> None:
    (detect.folder / "a.warc.gz").write_bytes(gzip.compress(WORDPRESS.encode()))
    outcome = detect("detect", "a.warc.gz", code=1)
    assert "a.warc.gz:0: skipped" in outcome.err
