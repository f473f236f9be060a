"""Letters written as references are found where the page has them."""

from __future__ import annotations

import turbohtml
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewell.detection.charset import flatten
from tracewell.detection.references import reveal_references

PIECES = st.sampled_from(
    (
        *("needle", "x", "&#110;", "&#x65;", "&#X0065", "&#0101;", "&sol;", "/", " ", "&amp;", "&"),
        *("&num;", "&fjlig;", "ä", "&auml;", "-" * 200, "&period;", "&#65", ";", "&nbsp;", "b\n"),
    )
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=40))
def test_what_only_the_parsed_page_has_is_revealed(pieces: list[str]) -> None:
    source = "".join(pieces)
    element = turbohtml.parse(f'<p title="{source}">').select_one("p")
    assert element is not None
    seen = flatten(element.attr("title") or "")
    revealed = reveal_references(flatten(source)) or b""
    for size in (2, 7, 30):
        for at in range(len(seen) - size + 1):
            needle = seen[at : at + size]
            if set(needle) & set(b"?&\n"):  # no string that is looked for holds these
                continue
            assert needle in flatten(source) or needle in revealed


def test_a_page_without_references_to_letters_has_nothing_to_reveal() -> None:
    assert reveal_references(b"a &amp; b &lt; c &#160; &nbsp; &#38; &x=1 &sol") is None
    assert reveal_references(b"wp&#45;content") == b"wp-content"


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=12), st.sampled_from(("", "-" * 5_000)))
def test_hyperscan_and_python_see_the_same_references(pieces: list[str], filler: str) -> None:
    flat = flatten(filler + "".join(pieces))
    assert reveal_references(flat, quick=True) == reveal_references(flat, quick=False)
