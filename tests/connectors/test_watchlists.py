"""Screening against lists in FollowTheMoney form: near names are found, strangers are not."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.asking import ask, check, make_means, stated

from tracewell.intrace.connectors.model import HealthStatus, OutcomeStatus
from tracewell.intrace.connectors.screening import build_name_index, load_watchlist
from tracewell.intrace.connectors.sources.watchlists import Watchlists
from tracewell.kernel.clock import system_clock
from tracewell.resolution import Kind

SHARED = Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[3] / "shared"))
LISTS = SHARED / "data" / "watchlists"
needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason=f"no watchlists at {LISTS}")


def write_list(path: Path, names: list[str], schema: str = "Person") -> Path:
    lines = [
        json.dumps({"id": f"Q{n}", "schema": schema, "properties": {"name": [name]}})
        for n, name in enumerate(names)
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


def read_names(file: str) -> list[str]:
    with (LISTS / file).open(encoding="utf-8") as text:
        return [row["full_name"] for row in csv.DictReader(text)]


@needs_lists
def test_damaged_names_of_the_un_list_are_found_and_few_strangers_are(tmp_path: Path) -> None:
    clean, damaged = read_names("un_names.csv"), read_names("un_names_damaged.csv")
    strangers = read_names("synthetic_people.csv")
    crowd, others = strangers[:4_000], strangers[4_000:8_000]
    watchlist = load_watchlist(write_list(tmp_path / "un.ftm.json", [*clean, *crowd]))
    found = 0
    for place, name in enumerate(damaged):
        same = {f"Q{n}" for n, known in enumerate(clean) if known == clean[place]}
        found += bool(same & {hit.entity.id for hit in watchlist.screen(name, Kind.PERSON)})
    assert found / len(damaged) >= 0.98

    listed = load_watchlist(write_list(tmp_path / "only.ftm.json", clean))
    mistaken = [name for name in others if listed.screen(name, Kind.PERSON)]
    assert len(mistaken) / len(others) <= 0.002, mistaken


@needs_lists
def test_real_lists_are_read_whole_and_their_entries_found_by_any_name() -> None:
    watchlist = load_watchlist(LISTS / "zala.ftm.json")
    assert watchlist.bad_lines == 0
    assert watchlist.entities
    for entity in watchlist.entities[:40]:
        for name in entity.names[:3]:
            ids = {hit.entity.id for hit in watchlist.screen(name, entity.kind)}
            assert entity.id in ids, name


@needs_lists
def test_a_hit_is_stated_with_its_list_its_topics_and_its_nearness(tmp_path: Path) -> None:
    (tmp_path / "zala.ftm.json").symlink_to(LISTS / "zala.ftm.json")
    connector = Watchlists(tmp_path, clock=system_clock)
    result = asyncio.run(ask(connector, make_means(None), ("name", "Maria Osetrova Aleksandrovna")))
    assert result.coverage[0].status is OutcomeStatus.ANSWERED
    told = stated(result)
    assert ("watchlist.entry", "NK-2Tbri3s6GgNtAwsSXh4qpL") in told
    assert ("watchlist.list", "zala") in told
    assert ("watchlist.topic", "sanction") in told
    assert ("person.dob", "1988-01-07") in told
    assert result.observations[0].origin == "watchlists:zala"
    assert result.sources[0].url == "watchlist:zala#NK-2Tbri3s6GgNtAwsSXh4qpL"


def test_a_birth_date_is_compared_as_far_as_both_sides_tell_it(tmp_path: Path) -> None:
    entity = {"id": "Q1", "schema": "Person",
              "properties": {"name": ["Ada Lovelace"], "birthDate": ["1815-12-10"]}}  # fmt: skip
    path = tmp_path / "dated.ftm.json"
    path.write_text(json.dumps(entity))
    watchlist = load_watchlist(path)
    asked: list[tuple[str | None, bool | None]] = [
        ("1815", True), ("1815-12", True), ("1815-12-10", True), ("1815-12-11", False),
        ("1816", False), (None, None),
    ]  # fmt: skip
    for date, agrees in asked:
        [hit] = watchlist.screen("Ada Lovelace", birth_date=date)
        assert hit.birth_date_agrees is agrees, date


@pytest.mark.parametrize(
    ("text", "status", "health"),
    [
        ("", OutcomeStatus.FAILED, HealthStatus.UNREACHABLE),
        ("no JSON\n", OutcomeStatus.FAILED, HealthStatus.UNREACHABLE),
        ('{"id": 1}\n["x"]\nnull\n', OutcomeStatus.FAILED, HealthStatus.UNREACHABLE),
        (
            '{"id": "Q1", "schema": "Person", "properties": {"name": ["Ada Lovelace"]}}\n{"id": "Q',
            OutcomeStatus.PARTIAL,
            HealthStatus.DEGRADED,
        ),
        (
            '{"id": "Q1", "schema": "Person", "properties": {"name": ["Ada Lovelace"]}}\n'
            '{"id": "A1", "schema": "Address", "properties": {"full": ["1 Mill Lane"]}}\n',
            OutcomeStatus.EMPTY,
            HealthStatus.REACHABLE,
        ),
    ],
    ids=["empty", "no JSON", "no entities", "cut", "sound"],
)
def test_a_list_that_cannot_be_read_in_full_is_never_a_clean_bill(
    tmp_path: Path, text: str, status: OutcomeStatus, health: HealthStatus
) -> None:
    (tmp_path / "odd.ftm.json").write_text(text)
    connector = Watchlists(tmp_path, clock=system_clock)
    result = asyncio.run(ask(connector, make_means(None), ("name", "Nobody Atall")))
    assert result.coverage[0].status is status, result.coverage
    assert asyncio.run(check(connector, make_means(None))).status is health


def test_a_list_that_changed_is_read_again(tmp_path: Path) -> None:
    now = 0
    connector = Watchlists(tmp_path, clock=lambda: now)
    write_list(tmp_path / "own.ftm.json", ["Ada Lovelace"])
    means = make_means(None)
    assert not stated(asyncio.run(ask(connector, means, ("name", "Charles Babbage"))))
    write_list(tmp_path / "own.ftm.json", ["Charles Babbage", "Ada Lovelace"])
    now = 5_000
    assert stated(asyncio.run(ask(connector, means, ("name", "Babbage, Charles"))))


def test_a_company_is_not_screened_against_people(tmp_path: Path) -> None:
    write_list(tmp_path / "people.ftm.json", ["Marlow Stone"])
    connector = Watchlists(tmp_path, clock=system_clock)
    for kind, status in (("company_name", "empty"), ("name", "answered")):
        result = asyncio.run(ask(connector, make_means(None), (kind, "Marlow Stone")))
        assert result.coverage[0].status == status


LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(LETTERS, min_size=2, max_size=4), min_size=1, max_size=30), st.data())
def test_a_name_with_one_letter_wrong_is_among_the_candidates(
    names: list[list[str]], data: st.DataObject
) -> None:
    texts = [" ".join(parts) for parts in names]
    index = build_name_index(texts)
    place = data.draw(st.integers(0, len(texts) - 1))
    parts = list(names[place])
    chosen = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[chosen]) - 1))
    kind = data.draw(st.sampled_from(["drop", "double", "swap", "other"]))
    word = parts[chosen]
    parts[chosen] = {
        "drop": word[:at] + word[at + 1 :],
        "double": word[:at] + word[at] + word[at:],
        "swap": word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
        "other": word[:at] + "q" + word[at + 1 :],
    }[kind]
    random.Random(1).shuffle(parts)
    assert place in index.find_places(" ".join(parts), limit=len(texts))


def test_an_index_of_nothing_finds_nothing() -> None:
    assert build_name_index([]).find_places("Ada Lovelace") == []
    assert build_name_index(["", "..."]).find_places("Ada Lovelace") == []
    assert build_name_index(["Ada"]).find_places("") == []
