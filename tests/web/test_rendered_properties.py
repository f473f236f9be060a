"""What scripts hang on elements, read by a real Chromium for the fingerprints that ask for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.web.test_rendering import NOW_MS, _browser, page_of

from tracewell.detection import FingerprintSet, detect, is_evident, load_fingerprints
from tracewell.main.crawling import list_properties
from tracewell.values import Capture
from tracewell.web.archive import ArchiveError, parse_capture_id, read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_domain
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.fetcher import Fetcher
from tracewell.web.record_reading import add_browser_findings
from tracewell.web.rendering import RenderLimits, open_browser
from tracewell.web.serialising import Rendering

__all__ = ["_browser"]

Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]

TECHNOLOGIES = {
    "Rooted": {"dom": {"#root": {"properties": {"_rootContainer": ""}}}},
    "Vuelike": {"dom": {"[data-app]": {"properties": {"__version": r"^([\d.]+)$\;version:\1"}}}},
    "Elsewhere": {"dom": {"#root": {"properties": {"__other": ""}}}},
    # Every element has these two: they are of its kind, and no script hung them there.
    "Of Its Kind": {"dom": {"#root": {"properties": {"title": "", "tagName": ""}}}},
}
APP = b"""
const root = document.getElementById("root");
root._rootContainer = {secret: {}};
const [first, second] = document.querySelectorAll("[data-app]");
Object.defineProperty(first, "__version", {get() { throw new Error("no") }});
second.__version = "3.4.21";
"""
PAGE = b"<body><div id=root></div><i data-app></i><b data-app></b><script src=/app.js></script>"


@pytest.fixture
def fingerprints(tmp_path: Path) -> FingerprintSet:
    folder = tmp_path / "fingerprints"
    (folder / "technologies").mkdir(parents=True)
    (folder / "categories.json").write_text('{"1": {"name": "Frameworks"}}')
    entries = {
        name: {"cats": [1], "website": "https://a.example", **entry}
        for name, entry in TECHNOLOGIES.items()
    }
    (folder / "technologies" / "a.json").write_text(json.dumps(entries))
    return load_fingerprints(folder)


def test_a_technology_is_detected_by_what_its_script_hung_on_an_element(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path, fingerprints: FingerprintSet
) -> None:
    asked = list_properties(fingerprints)
    assert ("[data-app]", "__version") in asked
    routes = {
        "/": answer(PAGE, "Content-Type: text/html"),
        "/app.js": answer(APP, "Content-Type: text/javascript"),
    }

    async def run() -> CrawlResult:
        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(serve(routes))
            client = await stack.enter_async_context(fetcher(site.allow))
            opened = open_browser(client, lambda: NOW_MS, [], properties=asked)
            browser = await stack.enter_async_context(opened)
            writer = stack.enter_context(ArchiveWriter(tmp_path / "archive", lambda: NOW_MS))
            tools = CrawlTools(client, writer, lambda: NOW_MS, renderer=browser)
            return await crawl_domain("shop.example", tools)

    result = asyncio.run(run())
    (rendered,) = [capture for capture in result.captures if capture.dom_properties]
    assert rendered.dom_properties == {
        "#root": {"_rootContainer": ""},
        "[data-app]": {"__version": "3.4.21"},
    }
    name, offset = parse_capture_id(rendered.capture_id)
    kept = read_capture(tmp_path / "archive" / name, offset)
    assert kept == rendered
    uses = {use.name: use for use in detect(kept, fingerprints).uses}
    assert {name: use.version for name, use in uses.items()} == {
        "Rooted": None,
        "Vuelike": "3.4.21",
    }
    for use in uses.values():
        assert [evidence.kind for evidence in use.evidence] == ["dom"]
        assert all(is_evident(kept, evidence) for evidence in use.evidence)
    plain = replace(kept, dom_properties={})
    assert not detect(plain, fingerprints).uses


def test_properties_are_bounded_in_number_elements_and_length(fetcher: Build, serve: Serve) -> None:
    body = """<i></i><i></i><i></i><script>
    const all = document.querySelectorAll("i");
    all[0].long = "x".repeat(5000); all[2].late = 1; all[0].cut = 1;</script>"""
    limits = RenderLimits(
        properties_max=3, elements_max=2, value_chars_max=100, settle_timeout_s=2.0
    )

    async def run() -> object:
        async with serve({}) as site, fetcher(site.allow) as client:
            asked = [("p[", "none"), ("i", "long"), ("i", "late"), ("i", "cut")]
            opened = open_browser(client, lambda: NOW_MS, [], properties=asked, limits=limits)
            async with opened as browser:
                return await browser.render(page_of(body), lambda outcome: None)

    found = asyncio.run(run())
    assert isinstance(found, Rendering)
    assert found.dom_properties == {"i": {"long": "x" * 100}}


def test_renderings_from_before_are_read_and_what_is_none_is_refused() -> None:
    bare = Capture("https://a.example/", 200, (), b"", NOW_MS)
    assert add_browser_findings(bare, b'{"js": {}, "xhr": []}').dom_properties == {}
    with pytest.raises(ArchiveError):
        add_browser_findings(bare, b'{"js": {}, "xhr": [], "dom_properties": {"p": 7}}')
