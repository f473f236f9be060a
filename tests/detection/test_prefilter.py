"""The pre-filters lose nothing: on real pages they answer as trying every pattern does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracewell.detection import FingerprintSet, Limits, load_fingerprints
from tracewell.detection.detecting import detect_exhaustively, detect_with
from tracewell.detection.looking import choose_candidates
from tracewell.detection.matching import Guard
from tracewell.detection.page import Page
from tracewell.detection.selectors import find_selector_needles, is_near_selector
from tracewell.values import Capture

AMPLE = Limits(pattern_timeout_s=60, page_timeout_s=3600)
# TRACEWELL_ALL_PAGES=1 takes all pages with both sets (some minutes).
EVERYTHING = os.environ.get("TRACEWELL_ALL_PAGES") == "1"


def differences(captures: list[Capture], fingerprints: FingerprintSet) -> list[str]:
    return [
        capture.url
        for capture in captures
        if detect_exhaustively(capture, fingerprints)
        != detect_with(capture, fingerprints, Guard(AMPLE, time.perf_counter), choose_candidates)
    ]


def test_our_pack_finds_the_same_with_and_without_prefilter(
    real_pages: list[Capture], pack: FingerprintSet
) -> None:
    assert differences(real_pages[:: 1 if EVERYTHING else 4], pack) == []


def test_the_large_public_set_finds_the_same_with_and_without_prefilter(
    real_pages: list[Capture], shared_data: Path
) -> None:
    public = load_fingerprints(shared_data / "fingerprints" / "webappanalyzer")
    assert differences(real_pages[:: 1 if EVERYTHING else 75], public) == []


def test_bodies_of_scripts_and_styles_are_found_in_the_source_as_the_tree_has_them(
    real_pages: list[Capture],
) -> None:
    for capture in real_pages[:: 1 if EVERYTHING else 5]:
        page = Page(capture.url, capture.body, capture.header("content-type"), Limits())
        bodies = page.raw_bodies
        found = [(kind, value.text) for _, kind, value in bodies.changed]
        found += [(kind, bodies.value(number).text) for number, kind in enumerate(bodies.kinds)]
        expected = [("script", value.text) for value in page.inline_scripts]
        expected += [("css", value.text) for value in page.style_sheets]
        assert sorted(one for one in found if one[0]) == sorted(expected)


HEADS = st.sampled_from(
    (
        *("<script>", "<script id=telling-name>", "<SCRIPT src='/a.js'>", "<style>", "<svg>"),
        *("</script>", "</style>", "</svg>", "<title>", "</title>", "telling-name", "inner-text"),
        *("<!--", "-->", "\0", "&#105;nner-text", "\r\n", "é", "<table>", "<div>", "<template>"),
        *("</template>", "<noscript>", " class='in&#110;er-text'", "<p", ">", "<plaintext>", " "),
        *("<p class=inner-text>", "<i id='telling-name'>", "<b title='a/inner-7.js'>", "<button>"),
        *("inner-", "text", "<p class='x inner&#45;text'>", "/inner-12.js", "</button>"),
    )
)


@pytest.fixture(scope="module")
def about_bodies(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    text = {"text": "inner-t(ext)\\;version:\\1"}
    entries = {
        "By name": {"dom": {"script#telling-name": text, "style[type='telling-name']": text}},
        "Title": {"dom": {"title": text, "title, script": text}},
        "Script": {"scripts": "inner-text"},
        "Style": {"css": "inner-text"},
        "Source": {"html": "inner-t\\w+[^<]*telling"},
        "Class": {"dom": {"[class*='inner-text']": {"exists": ""}, "p": text}},
        "Attribute": {"dom": {"p": {"attributes": {"class": "inner-text"}}}},
        "Branches": {"dom": "p.inner-text, #telling-name, .never-there, b[title*='inner-']"},
        "Plain": {"dom": {"b": {"attributes": {"title": "/inner-(\\d+)\\.js\\;version:\\1"}}}},
        "Button": {"dom": {"button": text}},
    }
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "a.json").write_text(json.dumps(entries))
    return load_fingerprints(folder)


@settings(max_examples=500, deadline=None)
@given(st.lists(HEADS, max_size=25))
@example(["<svg>", "<script>", "<script id=telling-name>", "inner-text"])
def test_broken_pages_give_the_same_with_and_without_prefilter(
    about_bodies: FingerprintSet, pieces: list[str]
) -> None:
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    capture = Capture("https://www.site.example/", 200, headers, "".join(pieces).encode(), 0)
    assert differences([capture], about_bodies) == []


@pytest.mark.parametrize(
    ("selector", "needles"),
    [
        ("div#navigator.big", {"navigator"}),
        ("a[href*='//cdn.x.com/'], img.photo", {"//cdn.x.com/", "photo"}),
        ("link[href*='a&b&c']", None),
        ("x-y:not(.never)", {"<x-y"}),
        ("div > p:first-child", None),
        (".lg\\:flex", {"lg:flex"}),
        ("a[href*='x\\2e never']", {"never"}),
        (".\\32 b", None),
        (":is(.a, .b)", None),
        ("*", None),
        ("[data-controller]", {"data-controller"}),
    ],
)
def test_the_needles_of_a_selector(selector: str, needles: set[str] | None) -> None:
    found = find_selector_needles(selector)
    assert (None if found is None else set(found)) == needles


@pytest.mark.parametrize(
    ("selector", "compound"),
    [
        ("a.b[c='d e']", True),
        ("a, b#c", True),
        ("[href*='x > y']", True),
        ("a b", False),
        ("a>b", True),
        ("a:has(b)", False),
    ],
)
def test_a_selector_of_near_elements_is_told_from_one_that_looks_far(
    selector: str, compound: bool
) -> None:
    assert is_near_selector(selector) is compound
