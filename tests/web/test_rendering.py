"""A real Chromium sees what scripts make of a page, and reaches nothing but through the guard."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tracewell.detection import detect, load_fingerprints
from tracewell.values import Capture
from tracewell.web.archive import iter_captures, parse_capture_id, read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_domain
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome, RenderUnavailableError
from tracewell.web.fetcher import Fetcher
from tracewell.web.rendering import RenderLimits, find_browser, open_browser
from tracewell.web.serialising import Rendering

NOW_MS = 1_780_324_332_123
Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]

NAMES = ("jQuery.fn.jquery", "widget.version", "app", "settings.on", "clobbered", "gone", "throws")


@pytest.fixture(autouse=True)
def _browser() -> None:
    try:
        pytest.importorskip("playwright", reason="the extra `render` is not installed")
        find_browser()
    except RenderUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def page_of(body: str) -> Capture:
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    return Capture("http://shop.example/", 200, headers, body.encode(), NOW_MS)


def render(
    fetcher: Build,
    serve: Serve,
    routes: Mapping[str, Any],
    *bodies: str,
    limits: RenderLimits | None = None,
) -> tuple[list[Rendering | FetchFailure], list[FetchOutcome], list[str]]:
    """Render pages one after the other; what came of them, what was fetched, what was asked."""

    async def run() -> tuple[list[Rendering | FetchFailure], list[FetchOutcome], list[str]]:
        outcomes: list[FetchOutcome] = []
        async with serve(routes) as site, fetcher(site.allow) as client:
            opened = open_browser(
                client, lambda: NOW_MS, NAMES, limits=limits or RenderLimits(settle_timeout_s=2.0)
            )
            async with opened as browser:
                found = [await browser.render(page_of(body), outcomes.append) for body in bodies]
            return found, outcomes, site.requests

    return asyncio.run(run())


SHELL = """<!doctype html><title>Shop</title><div id=root></div><div id=clobbered></div>
<script src="/app.js"></script><link rel=stylesheet href="/app.css"><img src="/logo.png">"""
APP = b"""window.jQuery = {fn: {jquery: "3.7.1"}}; window.app = {secret: {}};
window.widget = {version: 4}; window.settings = {on: true};
Object.defineProperty(window, "throws", {get() { throw new Error("no") }});
fetch("http://api.example/partners.json").then(r => r.json()).then(rows => {
  document.getElementById("root").innerHTML = rows.map(r => `<a href="/p">${r}</a>`).join("");
});
fetch("/track", {method: "POST", body: "x"}).catch(() => {});"""


def test_scripts_run_and_their_globals_dom_and_hosts_are_seen(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/app.js": answer(APP, "Content-Type: text/javascript"),
        "/partners.json": answer(
            '["Größe AG"]'.encode(),
            "Content-Type: application/json",
            "Access-Control-Allow-Origin: *",
        ),
        "/app.css": answer(b"body{}", "Content-Type: text/css"),
    }
    (found,), outcomes, requests = render(fetcher, serve, routes, SHELL)
    assert isinstance(found, Rendering)
    assert found.js == {
        "jQuery.fn.jquery": "3.7.1", "widget.version": "4", "app": "", "settings.on": "true",
    }  # fmt: skip
    assert '<a href="/p">Größe AG</a>' in found.html.decode()
    assert found.html.startswith(b"<!DOCTYPE html>")
    assert sorted(found.xhr) == ["api.example", "shop.example"]
    fetched = {outcome.capture.url for outcome in outcomes if isinstance(outcome, Fetched)}
    assert fetched == {
        "http://shop.example/app.js", "http://shop.example/app.css",
        "http://api.example/partners.json",
    }  # fmt: skip
    # The page is not asked for again, pictures are not, and nothing is posted.
    assert {"/", "/logo.png", "/track"}.isdisjoint(requests)


def test_robots_rules_hold_for_what_a_page_asks_for(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/robots.txt": answer(b"User-agent: *\nDisallow: /app.js\n"),
        "/app.js": answer(b"window.app = 1", "Content-Type: text/javascript"),
    }
    (found,), outcomes, requests = render(fetcher, serve, routes, SHELL)
    assert isinstance(found, Rendering)
    assert "app" not in found.js
    codes = {outcome.code for outcome in outcomes if isinstance(outcome, FetchFailure)}
    assert codes == {"robots_disallowed"}
    assert "/app.js" not in requests


WAYS_IN = Path(__file__).with_name("ways_in.html").read_text("utf-8")


def test_no_way_leads_past_the_guard(fetcher: Build, serve: Serve, answer: Respond) -> None:
    """Listening on loopback, TCP and UDP, while a page tries everything that browsers offer."""
    with (
        socket.create_server(("127.0.0.1", 0)) as inside,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        port = inside.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        routes = {
            "/to-inside": answer(b"", f"Location: http://127.0.0.1:{port}/", status="302 Found")
        }
        (found,), outcomes, _ = render(fetcher, serve, routes, WAYS_IN.replace("PORT", str(port)))
        for listening in (inside, datagrams):
            listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            inside.accept()
        with pytest.raises(BlockingIOError):
            datagrams.recv(100)
    assert isinstance(found, Rendering), found
    assert found.js["app"].count(",") == 15
    refused = {outcome.code for outcome in outcomes if isinstance(outcome, FetchFailure)}
    assert "address_refused" in refused
    assert b"root:" not in found.html


@pytest.mark.parametrize(
    "body",
    [
        "<script>while (true);</script>",
        "<script>setInterval(() => { while (true); }, 50)</script>",
        "<script>const a = []; while (true) a.push(new Array(1e6).fill(1));</script>",
    ],
    ids=["endless", "endless later", "memory"],
)
def test_a_page_that_never_ends_is_given_up_and_the_next_is_rendered(
    fetcher: Build, serve: Serve, body: str
) -> None:
    limits = RenderLimits(total_timeout_s=3.0, settle_timeout_s=1.0)
    # More than one, since a machine that has its hands full may take longer than that for any page.
    following = ["<script>window.app = 'up'</script>"] * 4
    (given_up, *found), _, _ = render(fetcher, serve, {}, body, *following, limits=limits)
    assert isinstance(given_up, FetchFailure)
    assert given_up.code == "render_failed"
    rendered = [page for page in found if isinstance(page, Rendering)]
    assert rendered
    assert all(page.js == {"app": "up"} for page in rendered)


def test_requests_values_and_dom_are_bounded(fetcher: Build, serve: Serve, answer: Respond) -> None:
    body = """<script>window.app = "x".repeat(5000);
    for (let n = 0; n < 50; n++) { const s = document.createElement("script"); s.src = `/s${n}.js`;
    document.head.append(s); } document.write("y".repeat(90000))</script>"""
    limits = RenderLimits(
        requests_max=10, value_chars_max=100, dom_chars_max=20_000, settle_timeout_s=2.0
    )
    (found,), _, requests = render(fetcher, serve, {}, body, limits=limits)
    assert isinstance(found, Rendering)
    assert found.js["app"] == "x" * 100
    assert len(found.html) == 20_000
    assert len([path for path in requests if path.startswith("/s")]) == 10


def test_a_crawl_renders_archives_and_detects_what_a_browser_saw(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    app = b"""window.widget = {version: "4.2"};
    document.body.innerHTML += "<a href='/partners'>Partners</a><div class=widget-box></div>";"""
    routes = {
        "/": answer(b"<body><script src=/app.js></script>", "Content-Type: text/html"),
        "/app.js": answer(app, "Content-Type: text/javascript"),
        "/partners": answer(b"<p>ours</p>", "Content-Type: text/html"),
    }

    async def run() -> CrawlResult:
        async with contextlib.AsyncExitStack() as stack:
            site = await stack.enter_async_context(serve(routes))
            client = await stack.enter_async_context(fetcher(site.allow))
            browser = await stack.enter_async_context(
                open_browser(client, lambda: NOW_MS, ["widget.version"])
            )
            writer = stack.enter_context(ArchiveWriter(tmp_path / "archive", lambda: NOW_MS))
            tools = CrawlTools(client, writer, lambda: NOW_MS, renderer=browser)
            return await crawl_domain("shop.example", tools)

    result = asyncio.run(run())
    # The link was made by the script.
    assert [(choice.promise, choice.reason) for choice in result.choices] == [
        ("partners",
         "its address says 'partners' and its link reads 'Partners' (rendered page)")
    ]  # fmt: skip
    rendered = [capture for capture in result.captures if capture.js]
    assert [capture.url for capture in rendered] == ["http://shop.example/"]
    name, offset = parse_capture_id(rendered[0].capture_id)
    assert read_capture(tmp_path / "archive" / name, offset) == rendered[0]
    archived = iter_captures(tmp_path / "archive" / name, lambda *_: pytest.fail("broken archive"))
    assert "http://shop.example/app.js" in {capture.url for capture in archived}
    folder = tmp_path / "fingerprints"
    (folder / "technologies").mkdir(parents=True)
    (folder / "categories.json").write_text('{"1": {"name": "Widgets"}}')
    (folder / "technologies" / "w.json").write_text(
        '{"Widget": {"cats": [1], "website": "https://widget.example", "dom": ".widget-box",'
        ' "js": {"widget.version": "^(.+)$\\\\;version:\\\\1"}}}'
    )
    (use,) = detect(rendered[0], load_fingerprints(folder)).uses
    assert (use.name, use.version) == ("Widget", "4.2")
    assert {evidence.kind for evidence in use.evidence} == {"js", "dom"}


def test_a_missing_browser_is_told_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(RenderUnavailableError, match="CHROMIUM_PATH"):
        find_browser(tmp_path / "none")


def test_a_browser_that_does_not_start_is_told(fetcher: Build, tmp_path: Path) -> None:
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)

    async def run() -> None:
        async with fetcher() as client, open_browser(client, lambda: 0, [], executable=fake):
            pytest.fail("it started")

    with pytest.raises(RenderUnavailableError, match="does not start"):
        asyncio.run(run())
