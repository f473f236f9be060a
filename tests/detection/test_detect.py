"""What detect says of whole captures: kinds, versions, confidence, evidence with true offsets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracewell.detection import FingerprintSet, detect, load_fingerprints
from tracewell.detection.charset import decode_body
from tracewell.detection.detecting import detect_exhaustively
from tracewell.values import Capture, TechnologyUse

MakePage = Callable[..., Capture]


@pytest.fixture
def fingerprints(tmp_path: Path) -> Callable[[dict[str, Any]], FingerprintSet]:
    def make(entries: dict[str, Any]) -> FingerprintSet:
        (tmp_path / "a.json").write_text(json.dumps(entries))
        loaded = load_fingerprints(tmp_path)
        assert loaded.problems == ()
        return loaded

    return make


MakeSet = Callable[[dict[str, Any]], FingerprintSet]


def uses(capture: Capture, fingerprints: FingerprintSet) -> dict[str, TechnologyUse]:
    result = detect(capture, fingerprints)
    assert result.given_up == ()
    return {use.name: use for use in result.uses}


def assert_offsets_are_true(capture: Capture, found: TechnologyUse) -> int:
    """Each excerpt is the text of the bytes it points at. Returns how many pointed."""
    encoding = decode_body(capture.body, capture.header("content-type")).encoding
    pointing = 0
    for evidence in found.evidence:
        if evidence.start is not None and evidence.end is not None:
            pointing += 1
            assert 0 <= evidence.start <= evidence.end <= len(capture.body)
            piece = capture.body[evidence.start : evidence.end]
            assert piece.decode(encoding, "replace") == evidence.excerpt
    return pointing


@pytest.mark.parametrize(
    ("entry", "html", "kind", "excerpt"),
    [
        ({"html": "<b>X"}, "<p>ö</p><b>x</b>", "html", "<b>x"),
        ({"scriptSrc": r"//cdn\.x/"}, '<script src="//cdn.x/a?b&amp;c">', "script_src", None),
        ({"scripts": "magic="}, "<script>var magic=1</script>", "script", "magic="),
        ({"css": r"\.x\{"}, "<style>.x{}</style>", "css", ".x{"),
        ({"meta": {"Generator": "^X"}}, '<meta name=generator content="X 1">', "meta", None),
        ({"text": "Powered by X"}, "<p>Powered\n by <i>X</i></p>", "text", None),
        ({"text": "made here"}, "<p>well made here</p>", "text", "made here"),
        ({"dom": "a#x"}, "<p><a id=x>t</a>", "dom", "<a id=x>"),
        ({"dom": {"a": {"text": "^t$"}}}, "<a> t </a>", "dom", "<a>"),
        ({"dom": {"a": {"attributes": {"href": "x"}}}}, "<a><a HREF='/x'>", "dom", "HREF='/x'"),
        ({"dom": "body.x"}, "<body id=a><BODY class='x'>", "dom", "<BODY class='x'>"),
        ({"dom": "html[x]"}, "<html lang=en><html x>", "dom", "<html x>"),
        (
            {"dom": {"body": {"attributes": {"data-x": "^1$"}}}},
            "<!--<body data-x=2>--><body class=b><body data-x='1' id=c>",
            "dom",
            "<body data-x='1' id=c>",
        ),
    ],
)
def test_a_sign_in_the_body_is_pointed_at(
    page: MakePage,
    fingerprints: MakeSet,
    entry: dict[str, Any],
    html: str,
    kind: str,
    excerpt: str | None,
) -> None:
    capture = page(f"<!doctype html>\r\n<p>grüße \r\n</p>{html}")
    use = uses(capture, fingerprints({"T": entry}))["T"]
    assert [evidence.kind for evidence in use.evidence] == [kind]
    assert assert_offsets_are_true(capture, use) == 1
    if excerpt is not None:
        assert use.evidence[0].excerpt == excerpt


def test_signs_outside_of_the_body_are_found(page: MakePage, fingerprints: MakeSet) -> None:
    entries = {
        "Header": {"headers": {"X-Made-By": r"^Maker ([\d.]+)\;version:\1"}},
        "Presence": {"headers": {"x-made-by": ""}},
        "Cookie": {"cookies": {"_made_*": ""}},
        "Mail": {"dns": {"mx": r"\.mail\.example\.?$"}},
        "Issuer": {"certIssuer": "Good CA"},
        "Robots": {"robots": "Disallow: /made/"},
        "Url": {"url": r"\.site\.example"},
        "Fetched": {"scripts": "made_by"},
        "Browser": {"js": {"made": ""}, "xhr": "made"},
    }
    capture = replace(
        page("", X_Made_By="Maker 1.5", Set_Cookie="_made_7=1; Path=/"),
        dns={"MX": ("10 mx.mail.example.",)},
        certificate_issuer="Good CA R3",
        robots_txt="User-agent: *\nDisallow: /made/",
        scripts={"https://a.example/a.js": "var made_by"},
    )
    found = uses(capture, fingerprints(entries))
    assert set(found) == set(entries) - {"Browser"}
    assert found["Header"].version == "1.5"
    assert found["Header"].evidence[0].excerpt == "Maker 1.5"
    assert found["Cookie"].evidence[0].name == "_made_7"
    assert {evidence.start for use in found.values() for evidence in use.evidence} == {None}


def test_what_only_a_browser_sees_is_decided_where_it_looked(
    page: MakePage, fingerprints: MakeSet
) -> None:
    root = {"#app, #root": {"properties": {"_made.version": r"^([\d.]+)$\;version:\1"}}}
    entries = {
        "Global": {"js": {"Made.version": r"^(.+)$\;version:\1", "made": ""}},
        "Asked": {"xhr": r"api\.made\.example"},
        "Property": {"dom": root},
        "Mark": {"dom": {"body > div": {"properties": {"__k": ""}}}},
        "Other property": {"dom": {"body > div": {"properties": {"__other": ""}}}},
        "Other value": {"dom": {"#app, #root": {"properties": {"_made.version": "^x"}}}},
        "Other element": {"dom": {"body": {"properties": {"__k": ""}}}},
    }
    known = fingerprints(entries)
    assert uses(page("<div id=root>"), known) == {}
    capture = replace(
        page("<div id=root>"),
        js={"Made.version": "3.1"},
        xhr=("api.made.example",),
        dom_properties={"#app, #root": {"_made.version": "7.2"}, "body > div": {"__k": ""}},
    )
    found = uses(capture, known)
    assert set(found) == {"Global", "Asked", "Property", "Mark"}
    assert (found["Global"].version, found["Property"].version) == ("3.1", "7.2")
    evidence = found["Property"].evidence[0]
    assert (evidence.kind, evidence.name, evidence.excerpt) == ("dom", "#app, #root", "7.2")
    assert detect(capture, known) == detect_exhaustively(capture, known)


def test_confidence_is_summed_and_capped(page: MakePage, fingerprints: MakeSet) -> None:
    entries = {
        "Half": {"html": [r"a\;confidence:20", r"b\;confidence:30", r"z\;confidence:50"]},
        "Full": {"html": [r"a\;confidence:70", r"b\;confidence:70"]},
        "Once": {"scriptSrc": r"\.js\;confidence:40"},
        "None": {"html": r"a\;confidence:0"},
    }
    body = "a b<script src=1.js></script><script src=2.js></script>"
    found = uses(page(body), fingerprints(entries))
    confidences = {name: use.confidence for name, use in found.items()}
    assert confidences == {"Half": 50, "Full": 100, "Once": 40}


def test_the_longest_version_of_all_scripts_is_told(page: MakePage, fingerprints: MakeSet) -> None:
    entry = {"scriptSrc": r"lib(?:-([\d.]+))?\.js\;version:\1"}
    body = "".join(f"<script src='/{name}.js'></script>" for name in ("lib", "lib-3", "lib-3.2.1"))
    assert uses(page(body), fingerprints({"T": entry}))["T"].version == "3.2.1"


def test_an_implied_technology_says_by_what(page: MakePage, fingerprints: MakeSet) -> None:
    entries = {"A": {"html": "a", "implies": r"B\;confidence:50\;version:5"}, "B": {"html": "zz"}}
    use = uses(page("a"), fingerprints(entries))["B"]
    assert (use.confidence, use.version) == (50, "5")
    assert [(evidence.kind, evidence.name) for evidence in use.evidence] == [("implied", "A")]


def test_contents_of_a_template_are_no_part_of_the_page(
    page: MakePage, fingerprints: MakeSet
) -> None:
    body = "<template><script src=/made.js></script><b class=made></b></template>"
    entries = {"A": {"scriptSrc": "made"}, "B": {"dom": "b.made"}, "C": {"html": "made"}}
    assert set(uses(page(body), fingerprints(entries))) == {"C"}


def test_a_script_address_is_matched_resolved_and_as_written(
    page: MakePage, fingerprints: MakeSet
) -> None:
    entries = {"Resolved": {"scriptSrc": r"^https://cdn\.x/a/m\.js$"}, "Raw": {"scriptSrc": r"^m"}}
    body = "<base href='https://cdn.x/a/'><script src='m.js'></script>"
    assert set(uses(page(body), fingerprints(entries))) == {"Resolved", "Raw"}


def test_the_library_is_not_given_its_plugins_version(page: MakePage, pack: FingerprintSet) -> None:
    body = (
        "<script src=/js/jquery.min.js></script>"
        "<script src=https://cdn.x/ajax/libs/jquery-cookie/1.4.1/jquery.cookie.min.js></script>"
        "<script src=/js/jquery.validate-1.19.5.min.js></script>"
    )
    found = uses(page(body), pack)
    assert found["jQuery"].version is None
    assert found["jQuery Cookie"].version == "1.4.1"


@pytest.mark.parametrize(
    ("encoding", "content_type", "meta"),
    [
        ("utf-8", "text/html; charset=UTF-8", ""),
        ("utf-8", None, ""),
        ("windows-1252", "text/html; charset=iso-8859-1", ""),
        ("windows-1252", "text/html", ""),
        ("windows-1251", "text/html", "<meta charset=windows-1251>"),
        ("cp932", "text/html", "<meta http-equiv=content-type content='text/html; charset=sjis'>"),
        ("gb18030", 'text/html; charset="GBK"', ""),
        ("euc_kr", "text/html;charset=euc-kr", ""),
        ("iso2022_jp", "text/html; charset=iso-2022-jp", ""),
        ("utf-16", "text/html", ""),
        ("utf-8-sig", "text/html; charset=windows-1252", ""),
    ],
)
def test_a_page_in_any_encoding_is_read_and_pointed_at(
    page: MakePage, fingerprints: MakeSet, encoding: str, content_type: str | None, meta: str
) -> None:
    words = {
        "windows-1252": "Grüße – €",
        "windows-1251": "Привет",
        "cp932": "日本語ー",
        "gb18030": "中文",
        "euc_kr": "한국어",
        "iso2022_jp": "日本語",
    }.get(encoding, "日本 Grüße 😀")
    body = f"{meta}<p>{words}</p>\r\n" * 900 + f"<p>{words} needle</p>"
    capture = page(body.encode(encoding), content_type)
    entries = {"T": {"html": "needle"}, "W": {"text": words[:2]}}
    found = uses(capture, fingerprints(entries))
    assert set(found) == {"T", "W"}
    assert assert_offsets_are_true(capture, found["T"]) == 1
    assert assert_offsets_are_true(capture, found["W"]) == 1
    assert found["T"].evidence[0].excerpt == "needle"
    assert found["W"].evidence[0].excerpt.startswith(words[:2])


def test_offsets_on_real_pages_point_at_their_excerpts(
    real_pages: list[Capture], pack: FingerprintSet
) -> None:
    pointing = sum(
        assert_offsets_are_true(capture, use)
        for capture in real_pages[::4]
        for use in detect(capture, pack).uses
    )
    assert pointing > 1000
