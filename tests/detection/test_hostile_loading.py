"""Nothing that a fingerprint file holds makes the loader raise, hang or lose the other files."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tracewell.detection import FingerprintSet, detect, load_cached_fingerprints, load_fingerprints
from tracewell.detection.javascript import JavaScriptPatternError, parse_javascript
from tracewell.detection.templates import fill_template, is_version
from tracewell.values import Capture

GOOD = {"Good": {"cats": [1], "html": "good"}}
SHOWS_ALL = Capture(
    "https://a.example/good",
    200,
    (("Server", "good 1.2"), ("Set-Cookie", "good=1")),
    b"<p id=a class=good>good 1.2</p><script src=/good-1.2.js></script>",
    0,
)
over_files = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def load_beside_a_good_one(folder: Path, content: bytes) -> FingerprintSet:
    (folder / "categories.json").write_text('{"1": {"name": "CMS"}}')
    (folder / "good.json").write_text(json.dumps(GOOD))
    (folder / "hostile.json").write_bytes(content)
    loaded = load_fingerprints(folder)
    assert "Good" in {use.name for use in detect(SHOWS_ALL, loaded).uses}
    return loaded


@over_files
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xfe{\x00}\x00")
@example(b"\xef\xbb\xbf{}")
@example(b"[" * 100_000)
@example(b'{"A":' * 100_000)
@example(b'{"A": {"html": "\\ud800"}}')
@example(b'{"A": {"cats": [1e400]}}')
@example(b'{"A": {"cats": [' + b"9" * 5_000 + b"]}}")
def test_any_bytes_leave_the_other_files_alone(tmp_path: Path, content: bytes) -> None:
    load_beside_a_good_one(tmp_path, content)


@over_files
@given(st.binary(max_size=200))
def test_any_bytes_for_categories_leave_the_technologies_alone(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "categories.json").write_bytes(content)
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    assert "Good" in load_fingerprints(tmp_path).technologies


SIGNS = st.sampled_from(
    [*"()[]{}|*+?.^$\\-,:=!<>&/09az", "(?:", "(?=", "(?<!", "\\d", "\\1", "{2,"]
)
PATTERNS = st.lists(SIGNS | st.text(max_size=2), max_size=14).map("".join)
TAGGED = st.tuples(
    PATTERNS,
    st.sampled_from(
        ["", "\\;version:\\1", "\\;confidence:50", "\\;version:\\1?a:b\\;confidence:x"]
    ),
).map("".join)
KINDS = ("html", "text", "scriptSrc", "url", "scripts", "css", "robots", "xhr", "certIssuer")


@over_files
@given(st.dictionaries(st.sampled_from(KINDS), TAGGED, min_size=1), TAGGED, PATTERNS)
def test_any_expression_loads_or_is_told_and_what_loads_runs(
    tmp_path: Path, plain: dict[str, str], tagged: str, selector: str
) -> None:
    entry: dict[str, Any] = {
        **plain,
        "headers": {"server": tagged},
        "cookies": {"good": tagged},
        "dom": {selector: {"text": tagged}},
    }
    loaded = load_beside_a_good_one(tmp_path, json.dumps({"T": entry}).encode())
    told = {problem.technology for problem in loaded.problems}
    assert told <= {"T"}
    given_up = detect(SHOWS_ALL, loaded).given_up
    assert not [one for one in given_up if "cannot be run" in one.reason], given_up


@pytest.mark.parametrize(
    "pattern",
    ["(" * 20_000, "(?:" * 5_000 + "a" + ")" * 5_000, "a|" * 100_000, "[" + "a-z" * 50_000 + "]",
     "a{1,999999}", "(a{1000}){1000}", "\\" * 99_999, "(?:a?){500}a{500}", "^" * 50_000],
    ids=lambda pattern: f"{pattern[:12]}-{len(pattern)}",
)  # fmt: skip
def test_a_monstrous_expression_is_told_or_bounded(tmp_path: Path, pattern: str) -> None:
    loaded = load_beside_a_good_one(tmp_path, json.dumps({"T": {"html": pattern}}).encode())
    body = Capture("https://a.example/", 200, (), b"good" + b"a" * 5_000, 0)
    assert "Good" in {use.name for use in detect(body, loaded).uses}


@settings(max_examples=300, deadline=None)
@given(PATTERNS)
def test_the_parser_of_expressions_answers_or_says_why(pattern: str) -> None:
    with contextlib.suppress(JavaScriptPatternError):
        parse_javascript(pattern)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(["\\0", "\\1", "\\2", "\\9", "?", ":", "\\", "1.2", " "]), max_size=9),
    st.lists(st.one_of(st.none(), st.sampled_from(["", "1", "2.5.1", "x" * 11])), max_size=3),
)
def test_a_template_that_refers_to_itself_over_and_over_ends(
    pieces: list[str], groups: list[str | None]
) -> None:
    version = fill_template("".join(pieces) * 20, ["whole", *groups])
    assert version is None or is_version(version)


@over_files
@given(st.binary(max_size=100), st.integers(0, 200))
def test_a_damaged_cache_is_as_good_as_none(tmp_path: Path, junk: bytes, at: int) -> None:
    folder, cache = tmp_path / "prints", tmp_path / "cache"
    folder.mkdir(exist_ok=True)
    (folder / "good.json").write_text(json.dumps(GOOD))
    load_cached_fingerprints(folder, cache=cache)
    (file,) = cache.glob("*.cache")
    whole = file.read_bytes()
    file.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    loaded = load_cached_fingerprints(folder, cache=cache)
    assert loaded == load_fingerprints(folder)
    file.unlink(missing_ok=True)
