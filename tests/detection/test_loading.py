"""The loader takes the public format in all its layouts, and tells what it could not take."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracewell.detection import FingerprintSet, Implication, detect, load_fingerprints
from tracewell.detection.translation import compile_expression
from tracewell.values import Capture


def write(directory: Path, entries: Any, *, nested: bool = True, file: str = "a.json") -> Path:
    inner = directory / "technologies" if nested else directory
    inner.mkdir(parents=True, exist_ok=True)
    (directory / "categories.json").write_text('{"1": {"name": "CMS"}, "6": {"name": "Shops"}}')
    text = entries if isinstance(entries, str) else json.dumps(entries)
    (inner / file).write_text(text)
    return directory


@pytest.mark.parametrize("nested", [True, False])
def test_both_layouts_are_read(tmp_path: Path, nested: bool) -> None:
    loaded = load_fingerprints(write(tmp_path, {"A": {"cats": [1, 6]}}, nested=nested))
    assert loaded.technologies["A"].categories == ("CMS", "Shops")
    assert loaded.categories == ("CMS", "Shops")
    assert loaded.problems == ()


def test_every_kind_and_tag_is_read(tmp_path: Path) -> None:
    entry = {
        "cats": [1],
        "cookies": {"c": ""},
        "headers": {"Server": "^A/(.*)\\;version:\\1\\;confidence:50"},
        "meta": {"generator": ["one", "two"]},
        "html": "h",
        "text": ["t"],
        "css": "c",
        "scriptSrc": "s",
        "scripts": "i",
        "url": "u",
        "xhr": "x",
        "robots": "r",
        "dns": {"MX": ["m"], "TXT": "t"},
        "certIssuer": "i",
        "dom": {
            "#a": {"exists": "", "text": "t", "attributes": {"Href": "h"}, "properties": {"P": "p"}}
        },
        "js": {"A.version": "^(.+)$\\;version:\\1"},
        "implies": ["B\\;confidence:40\\;version:2", "C"],
        "requires": "D",
        "requiresCategory": 6,
        "excludes": "E",
    }
    loaded = load_fingerprints(write(tmp_path, {"A": entry}))
    assert loaded.problems == ()
    technology = loaded.technologies["A"]
    kinds = sorted(pattern.kind for pattern in technology.patterns)
    dom_kinds = ["dom", "dom", "dom"]
    plain_kinds = ["html", "text", "css", "script_src", "script", "url", "xhr", "robots"]
    named_kinds = ["cookie", "header", "meta", "meta", "dns", "dns", "js", "cert_issuer"]
    named_kinds += ["property"]
    assert kinds == sorted(dom_kinds + plain_kinds + named_kinds)
    header = next(pattern for pattern in technology.patterns if pattern.kind == "header")
    assert (header.name, header.expression) == ("Server", "^A/(.*)")
    assert (header.version, header.confidence) == ("\\1", 50)
    assert technology.implies == (Implication("B", 40, "2"), Implication("C"))
    assert (technology.requires, technology.requires_categories) == (("D",), ("Shops",))
    assert technology.excludes == ("E",)


def test_selectors_are_read_from_text_list_and_object(tmp_path: Path) -> None:
    entries = {
        "A": {"cats": [1], "dom": "a.x\\;confidence:30"},
        "B": {"cats": [1], "dom": ["a.x", "b"]},
        "C": {"cats": [1], "dom": [{"a.x": {"exists": ""}}]},
    }
    loaded = load_fingerprints(write(tmp_path, entries))
    found = {
        name: [(pattern.name, pattern.confidence) for pattern in fingerprint.patterns]
        for name, fingerprint in loaded.technologies.items()
    }
    assert found == {"A": [("a.x", 30)], "B": [("a.x", 100), ("b", 100)], "C": [("a.x", 100)]}


def test_a_bad_entry_is_told_and_the_rest_loads(tmp_path: Path) -> None:
    entries = {
        "A": {"cats": [99], "html": ["(", "fine"], "dom": "a[", "implies": 3, "headers": "no"},
        "B": 7,
        "C": {"cats": [1], "url": True, "text": "t\\;confidence:high"},
    }
    loaded = load_fingerprints(write(tmp_path, entries))
    told = {(problem.technology, problem.kind) for problem in loaded.problems}
    assert told == {
        ("A", "category"),
        ("A", "html"),
        ("A", "dom"),
        ("A", "implies"),
        ("A", "header"),
        ("B", "entry"),
        ("C", "url"),
        ("C", "text"),
    }
    bad = next(problem for problem in loaded.problems if problem.kind == "html")
    assert (bad.file, bad.pattern, bad.reason) == ("a.json", "(", "bad pattern: unterminated group")
    assert [pattern.raw for pattern in loaded.technologies["A"].patterns] == ["fine"]
    assert set(loaded.technologies) == {"A", "C"}


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", "[" * 100_000])
def test_a_broken_file_is_told(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"B": {"cats": [1]}}, file="b.json")
    loaded = load_fingerprints(write(tmp_path, text))
    assert [(problem.file, problem.kind) for problem in loaded.problems] == [("a.json", "file")]
    assert set(loaded.technologies) == {"B"}


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_fingerprints(tmp_path / "nothing")


def test_directories_add_up_and_the_first_speaks(tmp_path: Path) -> None:
    first = write(tmp_path / "1", {"A": {"cats": [1], "vendor": "One", "html": "a"}})
    second = write(tmp_path / "2", {"A": {"cats": [6], "vendor": "Two", "html": ["a", "b"]}})
    technology = load_fingerprints(first, second).technologies["A"]
    assert (technology.vendor, technology.categories) == ("One", ("CMS",))
    assert [pattern.raw for pattern in technology.patterns] == ["a", "b"]


def test_a_set_travels_between_processes(tmp_path: Path) -> None:
    loaded = load_fingerprints(write(tmp_path, {"A": {"cats": [1], "html": "needle"}}))
    capture = Capture("https://a.example/", 200, (), b"<p>a needle</p>", 0)
    before = detect(capture, loaded)
    after = detect(capture, pickle.loads(pickle.dumps(loaded)))
    assert before == after
    assert [use.name for use in after.uses] == ["A"]


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    (
        *("cats", "cookies", "headers", "meta", "html", "text", "css", "scriptSrc", "scripts"),
        *("url", "robots", "dns", "certIssuer", "dom", "js", "implies", "requires", "excludes"),
        *("requiresCategory", "vendor", "website"),
    )
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=5), st.dictionaries(_KEYS, _JSON, max_size=6), max_size=4))
def test_any_json_loads_and_any_set_detects(
    tmp_path: Path, entries: dict[str, dict[str, Any]]
) -> None:
    loaded = load_fingerprints(write(tmp_path, entries))
    headers = (("Server", "a"), ("Set-Cookie", "a=b"))
    detect(Capture("https://a.example/", 200, headers, b"<p id=a>0</p>", 0), loaded)


@pytest.fixture(scope="module")
def public_set(shared_data: Path) -> FingerprintSet:
    return load_fingerprints(shared_data / "fingerprints" / "webappanalyzer")


@pytest.fixture(scope="module")
def mit_set(shared_data: Path) -> FingerprintSet:
    return load_fingerprints(shared_data / "fingerprints" / "wappalyzer-mit")


def test_the_large_public_set_loads_without_a_problem(public_set: FingerprintSet) -> None:
    assert len(public_set.technologies) == 7586
    assert public_set.problems == ()


def test_the_mit_set_loads_but_for_its_three_known_faults(mit_set: FingerprintSet) -> None:
    """Airtable: a selector lacks a closing quote, so that browsers refuse it too. GetYourGuide
    (two): `src` where the format has `attributes: {src}`, which Wappalyzer ignored as well."""
    assert len(mit_set.technologies) == 3588
    faults = [(problem.technology, problem.kind) for problem in mit_set.problems]
    assert faults == [("Airtable", "dom"), ("GetYourGuide", "dom"), ("GetYourGuide", "dom")]


@pytest.mark.parametrize("name", ["public_set", "mit_set"])
def test_every_expression_of_the_real_sets_compiles(
    name: str, request: pytest.FixtureRequest
) -> None:
    """The loader only parses; compiling waits for need, so it must never fail then."""
    loaded: FingerprintSet = request.getfixturevalue(name)
    expressions = {
        pattern.expression
        for fingerprint in loaded.technologies.values()
        for pattern in fingerprint.patterns
    }
    assert len(expressions) > 3000
    for expression in sorted(expressions)[:: 4 if name == "public_set" else 2]:
        compile_expression(expression)
