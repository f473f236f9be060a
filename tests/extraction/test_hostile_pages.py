"""Whatever a page holds, extraction answers, and within bounds."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracewell.extraction import extract
from tracewell.extraction.domains import domain_of, unwrap
from tracewell.extraction.names import clean_name, name_in_file
from tracewell.extraction.partners import MENTIONS_MAX
from tracewell.extraction.postings import POSTINGS_MAX
from tracewell.extraction.vocabulary import find_listing, judge_heading
from tracewell.values import Capture

URLS = (
    "https://acme.example/",
    "https://acme.example/partners",
    "https://acme.example/integrations/slack",
    "https://acme.example/impressum",
    "https://acme.example/careers",
    "https://boards.greenhouse.io/acme",
)
PIECES = (
    "<h2>Our partners</h2>", "<h2>Partners</h2>", "<h1>Slack</h1>", "<h3>", "</h3>",
    "<a href='https://b.example'>", "<a href='//['>", "<a href='/partners/x'>", "<a>", "</a>",
    "<img alt='X logo' src='data:,'>", "<img src=/a-b.png>", "<table><tr><td>", "<li>",
    "<noscript>", "<section>", "</section>", "<div class='name'>", "<p>", "Acme GmbH\n",
    "12345 Berlin", "HRB 12", "USt-IdNr.: DE123456789", "Tel.: +49 1", "\x00", "\r\n", "ß",
    "\ud800", "😀", "&#0;", "<svg>", "<math>",
    '<script type="application/ld+json">{"@type":"JobPosting","ti'
    'tle":["x"],"jobLocation":[{"address":[]}],"datePosted":"9999'
    '-99"}</script>',
    '<script>window.x = {"partners":[{"name":"A","url":"//["},{"n'
    'ame":1}],"jobs":[{"title":"T","id":"1","location":{}}]}</scr'
    'ipt>',
    '<div itemscope itemtype="https://schema.org/Organization"><b itemprop=name>',
    '<div vocab="https://schema.org/" typeof="Organization">', "<base href='http://['>",
    "<base href='ftp://x'>", "<template>", "<frameset>", "</body>", "<plaintext>", "<!--",
)  # fmt: skip


def capture(body: bytes, url: str, content_type: str = "text/html") -> Capture:
    return Capture(url, 200, (("Content-Type", content_type),), body, 0)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=30),
    st.sampled_from(URLS) | st.text(max_size=40),
    st.sampled_from(("text/html", "text/html; charset=utf-16", "text/html; charset=shift_jis")),
)
@example([], "https://[", "text/html")
def test_no_page_makes_it_fail_and_excerpts_hold(
    pieces: list[str], url: str, content_type: str
) -> None:
    body = "".join(pieces).encode("utf-8", "surrogatepass")
    found = extract(capture(body, url, content_type))
    for mention in found.partners:
        assert mention.name.strip()
        if mention.start is not None and mention.end is not None:
            assert 0 <= mention.start < mention.end <= len(body)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(URLS))
def test_no_bytes_make_it_fail(body: bytes, url: str) -> None:
    extract(capture(body, url))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_no_text_makes_the_readers_of_names_and_addresses_fail(text: str) -> None:
    clean_name(text)
    name_in_file(text)
    judge_heading(text)
    find_listing(text, text)
    domain_of(text)
    unwrap(f"https://a.example/?url={text}", "b.example")


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<section><h2>Partners</h2>", "<ul><li>", "<a href='https://b.example/'>B</a> ",
        "<h2>Our partners</h2>", "<table><tr><td>A", "GmbH & Co ", "A. ", "1 2 3 ", "Tel. ",
        "<noscript><a>", "<p><b>Our partners</b>", "<a href='/careers/x'>",
        "<img src='/logos/a-b-c.png'>", '<script>a = {"jobs":[', "Company number ", "株式会社",
    ],
)  # fmt: skip
def test_one_piece_many_times_is_answered(piece: str, url: str) -> None:
    body = (piece * (200_000 // len(piece))).encode()
    extract(capture(body, url))


def test_partners_and_postings_are_bounded() -> None:
    links = "".join(
        f"<li><a href='https://p{n}.example/'>Partner P{n}x</a></li>" for n in range(3_000)
    )
    found = extract(
        capture(f"<h1>Partners</h1><ul>{links}".encode(), "https://acme.example/partners")
    )
    assert 500 < len(found.partners) <= MENTIONS_MAX
    jobs = "".join(f"<li><a href='/jobs/{n}-cook'>Cook {n}</a></li>" for n in range(2_000))
    board = extract(capture(f"<ul>{jobs}".encode(), "https://acme.example/jobs"))
    assert len(board.postings) == POSTINGS_MAX
