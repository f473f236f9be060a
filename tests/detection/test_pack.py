"""Our own pack: every entry complete, every example true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracewell.detection import (
    FingerprintSet,
    default_fingerprints_directory,
    detect,
    load_pack,
)
from tracewell.detection.pack import PackError, example_capture

PACK = load_pack()


def test_the_pack_holds_at_least_as_much_as_promised(pack: FingerprintSet) -> None:
    assert len(pack.technologies) >= 1_450
    assert pack.problems == ()


@pytest.mark.parametrize("name", sorted(PACK.technologies))
def test_the_examples_of_a_technology_are_true(name: str) -> None:
    fingerprint = PACK.technologies[name]
    for example in fingerprint.must_match:
        result = detect(example_capture(example), PACK)
        use = next((use for use in result.uses if use.name == name), None)
        assert use is not None, example
        assert use.evidence
        if example.version is not None:
            assert use.version == example.version
    for example in fingerprint.must_not_match:
        result = detect(example_capture(example), PACK)
        assert name not in {use.name for use in result.uses}, example


def test_every_implied_technology_has_an_entry(pack: FingerprintSet) -> None:
    for fingerprint in pack.technologies.values():
        for implication in fingerprint.implies:
            assert implication.technology in pack.technologies


def test_the_pack_is_found_in_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tracewell"
    installed = package / "_data" / "fingerprints"
    installed.mkdir(parents=True)
    (installed / "categories.json").write_text("{}")
    monkeypatch.setattr("tracewell.detection.pack.__file__", str(package / "detection" / "pack.py"))
    assert default_fingerprints_directory() == installed


GOOD: dict[str, Any] = {
    "cats": [1],
    "vendor": "V",
    "website": "https://v.example",
    "description": "D.",
    "html": "sign",
    "examples": {"match": [{"html": "sign"}], "no_match": [{"html": "none"}]},
}


def load_one(directory: Path, entry: dict[str, Any]) -> FingerprintSet:
    (directory / "categories.json").write_text('{"1": {"name": "CMS"}}')
    (directory / "a.json").write_text(json.dumps({"A": entry}))
    return load_pack(directory)


def test_a_complete_entry_is_taken(tmp_path: Path) -> None:
    loaded = load_one(tmp_path, GOOD)
    assert len(loaded.technologies["A"].must_match) == 1
    assert len(loaded.technologies["A"].must_not_match) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"vendor": ""}, "has no vendor"),
        ({"website": None}, "has no website"),
        ({"description": ""}, "has no description"),
        ({"cats": []}, "has no cats"),
        ({"examples": {}}, "has no examples.match"),
        ({"examples": {"match": [{"html": "sign"}]}}, "has no examples.no_match"),
        ({"examples": {"match": [], "no_match": [{}]}}, "has no examples.match"),
        ({"examples": {"match": [{"htm": ""}], "no_match": [{}]}}, "an example with htm"),
        ({"html": "("}, "bad pattern"),
        ({"implies": "Nothing"}, "names Nothing"),
    ],
)
def test_an_incomplete_entry_is_refused(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    with pytest.raises(PackError, match=fault):
        load_one(tmp_path, GOOD | change)
