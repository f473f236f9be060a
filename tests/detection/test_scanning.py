"""Strings are found wherever they stand; a library that misses some is not used."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewell.detection import scanning
from tracewell.detection.scanning import (
    HITS_MAX,
    AhoCorasickScanner,
    HyperscanScanner,
    Places,
    Scanner,
    make_scanner,
)

NEEDLES = st.lists(st.text("ab./<", min_size=2, max_size=5), min_size=1, max_size=8, unique=True)
TEXTS = st.lists(st.sampled_from(("ab", "A", "B.", "/", "<", "ä", "\n", "a" * 50)), max_size=60)
with_hyperscan = pytest.mark.skipif(
    find_spec("hyperscan") is None, reason="the extra `hyperscan` is not installed"
)


def places(needles: list[str], text: str) -> list[tuple[int, int]]:
    """The obvious way."""
    data = text.encode().lower()
    return sorted(
        (number, at + len(needle))
        for number, needle in enumerate(needles)
        for at in range(len(data))
        if data.startswith(needle.encode(), at)
    )


def listed(found: Places | None) -> list[tuple[int, int]]:
    return sorted((number, end) for number, ends in (found or {}).items() for end in ends)


@settings(max_examples=300)
@given(NEEDLES, TEXTS, st.booleans())
def test_every_place_of_every_string_is_found(
    needles: list[str], pieces: list[str], dense: bool
) -> None:
    text = "".join(pieces)
    found = AhoCorasickScanner(needles, dense=dense).scan(text.encode())
    assert listed(found) == places(needles, text)


@with_hyperscan
@settings(max_examples=200, deadline=None)
@given(NEEDLES, TEXTS)
def test_hyperscan_finds_the_same(needles: list[str], pieces: list[str]) -> None:
    text = "".join(pieces)
    assert listed(HyperscanScanner(needles).scan(text.encode())) == places(needles, text)


@with_hyperscan
@settings(max_examples=100, deadline=None)
@given(NEEDLES, TEXTS)
def test_of_some_strings_hyperscan_tells_that_they_are_there(
    needles: list[str], pieces: list[str]
) -> None:
    text = "".join(pieces)
    scanner = HyperscanScanner(needles, once=frozenset((0, 2)))
    assert scanner.agrees()
    found = scanner.scan(text.encode())
    expected = places(needles, text)
    assert set(found or ()) == {number for number, _ in expected}
    assert [place for place in listed(found) if place[0] not in (0, 2)] == [
        place for place in expected if place[0] not in (0, 2)
    ]


def test_a_string_over_the_border_of_two_windows_is_found_once() -> None:
    border = scanning._WINDOW_BYTES
    scanner = AhoCorasickScanner(["needle", "xx"])
    for shift in range(-8, 3):
        data = b"-" * (border + shift) + b"NEEDLE" + b"-" * 10
        assert scanner.scan(data) == {0: [border + shift + 6]}


@pytest.mark.parametrize("quick", [True, False])
def test_a_flood_of_places_is_told_by_presence_alone(quick: bool) -> None:
    scanner = make_scanner(["ab", "zz"], quick=quick)
    data = b"ab" * (HITS_MAX + 1)
    assert scanner.scan(data) is None
    assert scanner.scan_for_presence(data) == {0}


class Blind(AhoCorasickScanner):
    """A Hyperscan that misses matches, as some wheels do."""

    def __init__(self, needles: list[str], once: frozenset[int]) -> None:
        super().__init__(needles)

    def agrees(self) -> bool:
        return False


def test_a_library_that_misses_matches_is_told_once_and_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanning, "hyperscan", object())
    monkeypatch.setattr(scanning, "HyperscanScanner", Blind)
    scanning._tell_once.cache_clear()
    with pytest.warns(RuntimeWarning, match="misses matches"):
        scanner: Scanner = make_scanner(["ab"])
    assert type(scanner) is AhoCorasickScanner
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(make_scanner(["cd"])) is AhoCorasickScanner
    scanning._tell_once.cache_clear()
