"""Every piece of evidence on the real pages, checked against its capture again, by other means."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from examples.web.render import Renderer
from examples.web.site import load_web

from tracewell.detection import FingerprintSet, Limits, detect, is_evident, load_fingerprints
from tracewell.detection.charset import sniff_encoding
from tracewell.detection.translation import compile_expression
from tracewell.values import Capture, Evidence, TechnologyUse

AMPLE = Limits(pattern_timeout_s=60, page_timeout_s=3600)
VERBATIM = {"html", "script", "css"}


@functools.cache
def expression_of(raw: str) -> Any:
    return compile_expression(raw.split("\\;")[0])


def text_before(capture: Capture, byte: int) -> tuple[str, int]:
    """The page's text, and the index in it of a byte of its body."""
    encoding = sniff_encoding(capture.body, capture.header("content-type"))
    before, behind = capture.body[:byte], capture.body[byte:]
    start = before.decode(encoding, "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    return start + behind.decode(encoding, "replace").replace("\r\n", "\n"), len(start)


def says_what_the_pattern_asks(capture: Capture, evidence: Evidence) -> bool:
    """Whether the pattern matches in what the evidence shows, as far as one excerpt can tell."""
    expression = expression_of(evidence.pattern)
    if evidence.kind in VERBATIM and evidence.start is not None:
        text, index = text_before(capture, evidence.start)
        return expression.match(text, index, timeout=60) is not None
    return expression.search(evidence.excerpt, timeout=60) is not None


def assert_all_evident(capture: Capture, uses: tuple[TechnologyUse, ...]) -> Iterator[str]:
    names = {use.name for use in uses}
    for use in uses:
        assert use.evidence, use.name
        for evidence in use.evidence:
            assert is_evident(capture, evidence), (capture.url, use.name, evidence)
            if evidence.kind == "implied":
                assert evidence.name in names
            elif evidence.kind in VERBATIM | {"header", "url", "cookie"}:
                assert says_what_the_pattern_asks(capture, evidence), (capture.url, evidence)
            yield evidence.kind if evidence.start is None else f"{evidence.kind} in the body"


def test_all_evidence_of_our_pack_on_all_real_pages(
    real_pages: list[Capture], pack: FingerprintSet
) -> None:
    kinds: Counter[str] = Counter()
    for capture in real_pages:
        kinds.update(assert_all_evident(capture, detect(capture, pack, AMPLE).uses))
    in_body = {kind for kind in kinds if kind.endswith("in the body")}
    assert in_body >= {f"{kind} in the body" for kind in ("html", "script", "meta", "script_src")}
    assert kinds.total() > 10_000


def test_all_evidence_of_the_public_set_on_some_real_pages(
    real_pages: list[Capture], shared_data: Any
) -> None:
    public = load_fingerprints(shared_data / "fingerprints" / "webappanalyzer")
    kinds: Counter[str] = Counter()
    for capture in real_pages[::6]:
        kinds.update(assert_all_evident(capture, detect(capture, public, AMPLE).uses))
    assert kinds.total() > 1_200


def test_all_evidence_of_the_sample_web_with_its_headers_and_cookies(pack: FingerprintSet) -> None:
    web = load_web()
    kinds: Counter[str] = Counter()
    for company in web.companies.values():
        for path, resource in Renderer(web).render_site(company).items():
            url = f"https://{company.host}{path}"
            headers = tuple(resource.headers)
            capture = Capture(url, resource.status, headers, resource.body, captured_at=0)
            kinds.update(assert_all_evident(capture, detect(capture, pack, AMPLE).uses))
    assert kinds["header"] > 20
    assert kinds["cookie"] > 0


CAPTURE = Capture(
    "https://a.example/x",
    200,
    (("Server", "Maker 1"), ("Set-Cookie", "made=1; Path=/")),
    b"<p>made</p>",
    0,
    dns={"MX": ("10 mx.made.example.",)},
    certificate_issuer="Made CA",
    robots_txt="Disallow: /made",
    scripts={"https://a.example/a.js": "var made"},
    js={"made.version": "3"},
    xhr=("api.made.example",),
    dom_properties={"#root": {"_made": "4"}},
)


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence("html", "", "made", "made", 3, 7),
        Evidence("header", "server", "maker", "Maker 1"),
        Evidence("cookie", "made", "", "1"),
        Evidence("dns", "mx", "made", "10 mx.made.example."),
        Evidence("cert_issuer", "", "made", "Made CA"),
        Evidence("robots", "", "made", "Disallow: /made"),
        Evidence("script", "https://a.example/a.js", "made", "var made"),
        Evidence("js", "made.version", "", "3"),
        Evidence("xhr", "", "made", "api.made.example"),
        Evidence("dom", "#root", "", "4"),
        Evidence("url", "", "example", "https://a.example/x"),
    ],
    ids=lambda evidence: evidence.kind,
)
def test_evidence_is_told_from_what_the_capture_does_not_hold(evidence: Evidence) -> None:
    assert is_evident(CAPTURE, evidence)
    assert not is_evident(CAPTURE, replace(evidence, excerpt="other"))
    nothing = Capture("https://b.test/", 200, (), b"", 0)
    assert not is_evident(nothing, evidence)


def test_offsets_beyond_the_body_are_no_evidence() -> None:
    assert not is_evident(CAPTURE, Evidence("html", "", "x", "", 11, 12))
    assert not is_evident(CAPTURE, Evidence("html", "", "x", "", 5, 4))
    assert not is_evident(CAPTURE, Evidence("html", "", "x", "", -1, 2))
