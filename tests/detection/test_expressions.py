"""Quick ways to search answer as the obvious one does: windows, engines, bounds on work."""

from __future__ import annotations

import re

import pytest
import regex
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tracewell.detection.elements import find_positions
from tracewell.detection.expressions import Expression, TooMuchWork
from tracewell.detection.javascript import parse_javascript
from tracewell.detection.literals import spread_over_tags
from tracewell.detection.reach import NEVER, find_cost

ATOMS = st.sampled_from(
    (
        *("ab", "cd", "ABC", "x", ">", '"', r"\.", r"\d", r"\w", ".", '[^>"]', "[^>]", "[a-c]"),
        *(r"\b", "^", "$", "(?:ab|cd)", "(ab|c)", "(?:x|yz>)", r"\s", "(?=ab)", "(?!cd)", "(?<=x)"),
    )
)
REPEATS = st.sampled_from(("", "", "", "*", "+", "?", "*?", "+?", "{1,3}", "{0,2}?"))
ASSERTIONS = frozenset((r"\b", "^", "$", "(?=ab)", "(?!cd)", "(?<=x)"))
PIECES = st.sampled_from(
    ("ab", "cd", "AbC", "x", ">", '"', ".", "7", " ", "\n", "ä", "yz>", "<", "abab", "xab", "K")
)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(ATOMS, REPEATS), min_size=1, max_size=7))
    written = "".join(atom + ("" if atom in ASSERTIONS else repeat) for atom, repeat in parts)
    if draw(st.booleans()):
        other = draw(st.lists(st.tuples(ATOMS, st.just("")), min_size=1, max_size=4))
        written = f"(?:{written}|{''.join(atom for atom, _ in other)})"
    return written


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(expressions(), st.lists(PIECES, max_size=60))
def test_a_search_around_needles_finds_what_a_search_everywhere_finds(
    written: str, pieces: list[str]
) -> None:
    expression = Expression(written)
    assume(expression.needles is not None)
    text = "".join(pieces) * 3 + "." * 1100  # longer than what is searched as a whole
    expected = expression.search_timed(text, 60)
    positions = find_positions(text, expression.needles or frozenset())
    if not positions:
        assert expected is None
        return
    found = expression.search(text, positions, 60)
    assert (found and (found.span(), found.groups())) == (
        expected and (expected.span(), expected.groups())
    )


@settings(max_examples=300, deadline=None)
@given(expressions(), st.lists(PIECES, max_size=40))
def test_both_engines_find_the_same(written: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    expression = Expression(written)
    expected = expression.search_timed(text, 60)
    found = expression.search(text, None, 60)
    assert (found and (found.span(), found.groups())) == (
        expected and (expected.span(), expected.groups())
    )


@pytest.mark.parametrize(
    ("written", "degree"),
    [
        ("abc", 0),
        (r"a\d{1,3}b?", 0),
        ("a[^>]+b", 1),
        ("a.*b.*c", 2),
        (r"v(\d+(?:\.\d+)+)", 2),
        ("(a+)+b", NEVER),
        ("(?:a|ab)*c", NEVER),
        (r"(?:\w+\s?)*x", NEVER),
    ],
)
def test_what_may_explode_is_told_from_what_grows_slowly(written: str, degree: int) -> None:
    assert find_cost(parse_javascript(written)).degree == degree


def test_an_expression_that_may_explode_runs_only_where_it_can_be_stopped() -> None:
    with pytest.raises(TimeoutError):
        Expression("(a+)+b").search("a" * 5000 + "c", None, 0.05)


def test_a_text_of_any_length_is_refused_rather_than_walked_over_for_ever() -> None:
    with pytest.raises(TooMuchWork):
        Expression(r"<link[\s\S]*x[\s\S]*y").search("<link" * 300_000, None, 0.05)


def test_a_flood_of_needles_is_no_flood_of_windows() -> None:
    text = "<link " * 100_000
    positions = find_positions(text, frozenset(("<link ",)))
    assert Expression("<link x").search(text, positions, 0.1) is None


@settings(max_examples=500)
@given(
    st.text("abcd- ", min_size=2, max_size=9),
    st.lists(st.sampled_from(("<b>", "<!--x-->", "<pre>\n", "</i>", "<![CDATA[")), max_size=9),
    st.randoms(use_true_random=False),
)
def test_a_word_over_several_nodes_leaves_one_of_its_spread_strings(
    needle: str, tags: list[str], chance: object
) -> None:
    source = list(needle)
    for tag in tags:
        place = getattr(chance, "randrange")(1, len(source) + 1)  # noqa: B009 - hypothesis' Random
        source.insert(place, tag + (" ]]>" if tag.startswith("<![") else ""))
    written = "".join(source).replace("<![CDATA[ ]]>", "<b>").lower()
    whole = re.sub(r"<[^>]*>\n?", "", written)
    assume(whole == needle)
    assert any(string in written for string in spread_over_tags(frozenset((needle,))))


def test_regex_and_re_look_behind_a_start_alike() -> None:
    """What windows rely on: a start inside of a text hides nothing before it."""
    for engine in (re, regex):
        assert engine.compile(r"(?<=a)b").search("ab", 1)
        assert engine.compile(r"\Ab").search("ab", 1) is None
        assert engine.compile(r"\bb").search("ab", 1) is None
