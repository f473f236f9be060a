"""Nothing that a page holds makes detect raise, hang or forget to tell what it gave up."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewell.detection import (
    FingerprintSet,
    Limits,
    detect,
    is_evident,
    load_fingerprints,
    load_pack,
)
from tracewell.detection.matching import Guard
from tracewell.values import Capture

MakePage = Callable[..., Capture]
PACK = load_pack()
NUMBERS = itertools.count()
HEADERS = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
PIECES = st.sampled_from(
    (
        *(b"<script src=", b"<meta name=generator content='", b"<template>", b"</", b"<!--"),
        *(b"\x00", b"charset=", b"utf-16", b"\xed\xa0\x80", b"'>", b"&amp;", b"\r\n", b"\xff\xfe"),
        *(b"//[bad", b"<base href=http://[>", b"wp-content/", b"jquery-", b"\x1b$B", b"<body>"),
        *(b"<svg><style>", b"\xef\xbb\xbf", b"<noscript>", b"<plaintext>"),
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=8), max_size=20), HEADERS, HEADERS)
def test_junk_bytes_and_false_charsets_never_raise(
    pieces: list[bytes], content_type: str, url: str
) -> None:
    headers = (("Content-Type", f"text/html; charset={content_type}"), ("Set-Cookie", url))
    capture = Capture(url, 200, headers, b"".join(pieces), 0)
    for use in detect(capture, PACK).uses:
        json.dumps([evidence.excerpt for evidence in use.evidence]).encode()
        for evidence in use.evidence:
            evidence.excerpt.encode()  # no lone surrogates reach a response


@pytest.mark.parametrize(
    "label", ["utf-7", "rot13", "base64", "unicode_escape", "idna", "zip", "utf-32", "x" * 500]
)
def test_a_charset_that_no_browser_knows_is_ignored(page: MakePage, label: str) -> None:
    capture = page(b"<meta name=generator content=Hugo>+ADw-", f"text/html; charset={label}")
    assert detect(capture, PACK).given_up == ()


@pytest.mark.parametrize(
    "body",
    [
        b"a" * 3_000_000,
        b"<div>" * 400_000,
        b"<script src=" * 200_000,
        b"<link href=//s0.wp.com" * 90_000,
        b"class='" * 300_000,
        b"<meta name=generator content='" + b"1." * 1_000_000,
        b"<a x=" + b"&amp;" * 400_000 + b">",
        b"<p>" + b"wp-content/" * 190_000,
        b"\x1b$B" * 700_000,
        b"<script>" + b"_paq.push(" * 200_000,
        b"<table>" * 300_000,
    ],
    ids=lambda body: f"{body[:14]!r}",
)
def test_a_hostile_page_is_answered(page: MakePage, body: bytes) -> None:
    result = detect(page(body), PACK)
    assert {given.kind for given in result.given_up} <= {"html", "dom", "script", "script_src"}


ALL_OF_IT = Limits(body_bytes_max=64 << 20)


@pytest.mark.parametrize("limits", [None, ALL_OF_IT], ids=["default", "all read"])
@pytest.mark.parametrize(
    "body",
    [
        b"a" * 50_000_000,
        b"<div>" * 1_000_000,
        b"<b>" * 1_000_000,
        b"<svg>" * 1_000_000,
        b"<i x>" * 1_000_000 + b"</i>" * 1_000_000,
        bytes(range(256)) * 20_000,
    ],
    ids=lambda body: f"{body[:5]!r}-{len(body)}",
)
def test_a_monstrous_body_is_answered_and_what_was_not_read_is_told(
    page: MakePage, body: bytes, limits: Limits | None
) -> None:
    result = detect(page(body), PACK, limits)
    told = {given.reason for given in result.given_up if given.kind == "html"}
    assert told == (set() if limits else {"only the first 2097152 bytes of the body were read"})


@pytest.mark.parametrize("label", ["utf-16", "shift_jis", "iso-2022-jp", "gb18030", "big5", "x"])
def test_bytes_that_are_no_html_under_any_charset_are_answered(page: MakePage, label: str) -> None:
    noise = random.Random(7).randbytes(300_000)
    result = detect(page(noise, f"text/html; charset={label}"), PACK)
    assert all(is_evident(page(noise, f"text/html; charset={label}"), evidence)
               for use in result.uses for evidence in use.evidence)  # fmt: skip


def test_styles_in_each_other_are_read_once_and_that_is_told(page: MakePage) -> None:
    result = detect(page(b"<svg><style>&#47;" * 20_000), PACK)
    assert "script" in {given.kind for given in result.given_up}


def test_only_the_first_bytes_are_read_and_that_is_told(page: MakePage) -> None:
    limits = Limits(body_bytes_max=1000)
    capture = page(b"<p>" + b" " * 1000 + b"<div id=___gatsby></div>")
    result = detect(capture, PACK, limits)
    assert result.uses == ()
    assert [(given.kind, given.technology) for given in result.given_up] == [("html", "")]
    assert "1000 bytes" in result.given_up[0].reason


@pytest.fixture
def explosive(tmp_path: Path) -> FingerprintSet:
    entries = {
        "Bomb": {"html": "x(a+)+b"},
        "Other": {"html": "(?:x|y)(?:[^c]+)+!"},
        "Tame": {"html": "xaa"},
    }
    (tmp_path / "a.json").write_text(json.dumps(entries))
    return load_fingerprints(tmp_path)


def test_an_expression_that_explodes_is_given_up_and_told(
    page: MakePage, explosive: FingerprintSet
) -> None:
    limits = Limits(pattern_timeout_s=0.05, page_timeout_s=10)
    result = detect(page("xb!" + "xaa" + "a" * 5000 + "c"), explosive, limits)
    assert "Tame" in {use.name for use in result.uses}
    told = {given.technology: given.reason for given in result.given_up}
    assert all("too long" in reason for reason in told.values())
    assert {use.name for use in result.uses} | set(told) == {"Bomb", "Other", "Tame"}


def test_a_page_that_spent_its_time_tells_each_pattern_not_run(
    page: MakePage, explosive: FingerprintSet
) -> None:
    def clock() -> Iterator[float]:
        yield 0.0
        while True:
            yield 100.0

    detect(page("xaab xb !"), explosive)  # so that all is compiled
    ticks = clock()
    result = detect(page("xaab xb !"), explosive, Limits(), lambda: next(ticks))
    assert [use.name for use in result.uses] == ["Bomb"]  # the first one still had its time
    assert [given.technology for given in result.given_up] == ["Other", "Tame"]
    assert {given.reason for given in result.given_up} == {"the time for this page was spent"}


def find_times(
    explosive: FingerprintSet, wall: list[float], busy: list[float] | None = None
) -> list[bool]:
    """Whether one pattern after the other still had its time, with clocks that tell this."""
    walls, busies = iter(wall), iter(busy or [])
    guard = Guard(
        Limits(), lambda: next(walls), busy_seconds=(lambda: next(busies)) if busy else None
    )
    found = []
    for _ in range(3):
        # Never seen before: the clock is asked before and after compiling, and before searching.
        written = f"xaa(?:{next(NUMBERS)})?"
        pattern = replace(explosive.technologies["Tame"].patterns[0], expression=written)
        expression = guard.find_expression(pattern)
        found.append(
            expression is not None and guard.search(pattern, expression, "xaa", None) is not None
        )
    return found


def test_a_page_is_not_charged_for_what_is_compiled_once(explosive: FingerprintSet) -> None:
    clock = [0.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.55, 0.55, 0.55]
    assert find_times(explosive, clock) == [True, True, True]
    # Half a second at most is given back.
    clock = [0.0, 0.4, 0.4, 0.4, 0.8, 0.8, 0.8]
    assert find_times(explosive, clock) == [True, False, False]


def test_a_page_is_not_charged_for_what_else_the_machine_does(explosive: FingerprintSet) -> None:
    clock, busy = [0.0, 0, 0, 9, 9, 9, 20], [0, 0.1, 0.3]
    assert find_times(explosive, clock, busy) == [True, True, False]
