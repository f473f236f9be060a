"""`tracewell crawl` and `archive` as an operator has them, over the sample web."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.cli.conftest import Console
from tests.servers import start_server

from tracewell.web.exchange import RenderUnavailableError
from tracewell.web.rendering import find_browser

SERVER = Path(__file__).parents[2] / "examples" / "web" / "server.py"
DOMAINS = ("halden-freight.example", "brightquay.example", "quillhaven.example")
QUICK = ("--pause", "0", "--crawl-delay-max", "0")


@pytest.fixture(scope="module")
def allow() -> Iterator[str]:
    command = [sys.executable, str(SERVER), "--port", "0", "--print-port", "--slow-s", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"*.example=127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def test_a_crawl_tells_of_each_domain_what_was_chosen_and_what_failed(
    console: Console, allow: str
) -> None:
    done = console(
        "crawl", *DOMAINS, "no such domain", "10.0.0.1", "--allow", allow, *QUICK,
        "--pages", "2", "--no-ingest", "--json",
    )  # fmt: skip
    told = done.json
    assert (told["domains"], told["domains_answered"]) == (5, 3)
    results = {result["domain"]: result for result in told["results"]}
    for domain in DOMAINS:
        pages = results[domain]["pages"]
        assert len(pages) == 2
        assert pages[0]["promise"] == "partners"
        assert "partner" in pages[0]["reason"]
        assert len(results[domain]["captures"]) >= 4
    assert results["10.0.0.1"]["failures"][0]["code"] == "address_refused"
    assert "no such domain: bad_url" in done.err
    (archive,) = told["archive_files"]
    check = [sys.executable, "-m", "warcio.cli", "check", archive]
    assert subprocess.run(check, capture_output=True).returncode == 0


def test_a_crawl_that_nobody_answers_fails_and_a_list_that_is_no_text_is_told(
    console: Console,
) -> None:
    done = console("crawl", "10.0.0.1", "localhost", "--json", code=1)
    assert done.json["domains_answered"] == 0
    assert done.err.splitlines()[-1] == "tracewell: no domain answered"
    listed = console.folder / "domains.txt"
    listed.write_bytes(b"shop.example\n\xee\xff.example\n")
    done = console("crawl", "--from", str(listed), code=2)
    assert done.err == "tracewell: an argument or the input is not valid UTF-8\n"


def test_a_full_archive_ends_the_crawl_and_not_the_server(console: Console, allow: str) -> None:
    with start_server(console.data, product="trace") as server:
        console.environment["ARCHIVE_FREE_BYTES_MIN"] = str(1 << 60)
        done = console("crawl", *DOMAINS, "--allow", allow, *QUICK, code=1)
        assert "stopped after 0 of 3 domains: the disk of the archive has less than" in done.err
        assert httpx.get(f"{server.url}/readyz", trust_env=False).is_success
        console.environment["ARCHIVE_FREE_BYTES_MIN"] = "0"
        console.environment["ARCHIVE_BYTES_MAX"] = "1000000"
        filler = console.data / "archive" / "earlier.warc.gz"
        filler.write_bytes(bytes(999_000))
        done = console("crawl", *DOMAINS, "--allow", allow, *QUICK, "--no-ingest", code=1)
        assert "the archive holds its 1000000 bytes" in done.err
        assert httpx.get(f"{server.url}/readyz", trust_env=False).is_success
        filler.unlink()
        console("crawl", DOMAINS[0], "--allow", allow, *QUICK)


def test_the_archive_is_told_and_pruned(console: Console, allow: str) -> None:
    console("crawl", DOMAINS[0], "--allow", allow, *QUICK, "--no-ingest")
    told = console("archive", "show", "--json").json
    assert told["files"] == 1
    assert told["bytes"] > 1_000
    (path,) = (console.data / "archive").glob("*.warc.gz")
    long_ago = time.time() - 40 * 86_400
    os.utime(path, (long_ago, long_ago))
    assert console("archive", "prune", code=2).err.startswith("tracewell: say --days")
    dry = console("archive", "prune", "--days", "30", "--dry-run")
    assert path.name in dry.out
    assert path.exists()
    console.environment["ARCHIVE_RETENTION_DAYS"] = "30"
    # A crawl deletes what is too old before it begins.
    console("crawl", DOMAINS[1], "--allow", allow, *QUICK, "--no-ingest")
    assert not path.exists()
    assert console("archive", "prune", "--json").json["files"] == 0


def test_a_wrong_name_server_is_told_by_the_name_of_its_setting(console: Console) -> None:
    console.environment["CRAWL_NAMESERVERS"] = "9.9.9.9,dns.example"
    assert "CRAWL_NAMESERVERS" in console("crawl", "shop.example", code=2).err


def test_rendering_without_a_browser_says_what_to_install(console: Console) -> None:
    console.environment["CHROMIUM_PATH"] = "/nowhere/chromium"
    done = console("crawl", "shop.example", "--render", code=2)
    assert "CHROMIUM_PATH: there is no /nowhere/chromium" in done.err


def test_a_rendered_crawl_takes_in_what_the_browser_saw(console: Console, allow: str) -> None:
    pytest.importorskip("playwright", reason="the extra `render` is not installed")
    try:
        find_browser()
    except RenderUnavailableError as error:
        pytest.skip(str(error))
    done = console(
        "crawl", DOMAINS[0], "--allow", allow, *QUICK, "--pages", "1", "--render", "--json"
    )
    told = done.json
    assert told["domains_answered"] == 1
    assert "render_failed" not in done.out
    assert told["captures"] >= 5
    assert told["companies_new"] == 1
