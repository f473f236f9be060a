"""`tracewell redetect` as an operator has it: archives, collections, dry run, a second run."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import Console, make_archive

PAGES = {
    "https://acme.example/": "<p>made-by-acme 7</p>",
    "https://bolt.example/": "<p>plain</p>",
}


@pytest.fixture
def ingested(detect: Console) -> Console:
    make_archive(detect.folder / "kept.warc.gz", PAGES)
    detect("ingest", "kept.warc.gz", "--json")
    return detect


def test_newer_fingerprints_are_told_dry_and_then_put_in(ingested: Console) -> None:
    ask = ("redetect", "kept.warc.gz", "--fingerprints", "prints", "--json")
    dry = ingested(*ask, "--dry-run").json
    gained = {"Acme CMS": 1, "Acme Base": 1, "Acme Sure": 1}
    assert dry["technologies_gained"] == gained
    assert (dry["companies_changed"], dry["captures_read"]) == (1, 2)
    assert ingested(*ask).json == dry
    assert ingested(*ask).json["companies_total"] == 0
    (ingested.folder / "prints" / "a.json").write_text(
        json.dumps({"Acme CMS": {"html": "made-by-acme"}})
    )
    assert ingested(*ask).json["technologies_lost"] == {"Acme Base": 1, "Acme Sure": 1}


def test_without_its_archive_a_company_stays_as_it_is(ingested: Console) -> None:
    told = ingested("redetect", "--fingerprints", "prints")
    assert "companies changed 0" in " ".join(told.out.split())
    assert "captures missing 2" in " ".join(told.out.split())
    assert "nowhere" in ingested("redetect", "nowhere", code=2).err
