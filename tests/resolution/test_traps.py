"""Look-alikes stay apart and one holder's records join, with other names than the public sets'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from benchmarks.resolution.invented import invent_copies
from benchmarks.resolution.measures import score_clusters
from benchmarks.resolution.traps import measure_traps

from tracewell.resolution import resolve

# In some seeds strangers of one name in one town have dates that look like one slip apart.
NEARLY = {"namesakes", "flatmates"}
HOME = ["12 Larch Lane, Thornbury, 40213"]
PHONE = {"type": "phone", "value": "+1 415-555-2671"}


@pytest.mark.parametrize("scenes", [1, 4])
def test_traps_with_invented_names_merge_nobody_and_lose_hardly_anybody(scenes: int) -> None:
    tallies = measure_traps(scenes, range(8))
    assert {name for name, tally in tallies.items() if tally.false} <= NEARLY
    assert sum(tally.true for tally in tallies.values()) > 100
    right = sum(tally.right for tally in tallies.values())
    assert right / (right + sum(tally.false for tally in tallies.values())) >= 0.98
    assert right / sum(tally.true for tally in tallies.values()) >= 0.99


def test_copies_with_slips_join_and_strangers_do_not() -> None:
    for seed in (11, 12):
        data = invent_copies(400, lambda chance: chance.choice((0, 1, 2)), seed)
        found = [[(m.source, m.record_id) for m in c.members] for c in resolve(data.records)]
        scores = score_clusters(found, data.truth)
        assert scores.false_pairs == 0
        assert scores.recall > 0.98


def _person(name: str, birth: str = "", **told: Any) -> dict[str, Any]:
    return {"kind": "person", "names": [name], "dates": {"birth": birth} if birth else {}, **told}


def _number(kind: str, value: str) -> dict[str, Any]:
    return {"identifiers": [{"type": kind, "value": value}]}


APART: Mapping[str, tuple[dict[str, Any], ...]] = {
    "twins with a man's and a woman's form of one name": (
        _person("Patrick Thornwell", "1971-08-24", addresses=HOME, identifiers=[PHONE]),
        _person("Patricia Thornwell", "1971-08-24", addresses=HOME, identifiers=[PHONE]),
    ),
    "sisters whose names are derived of one": (
        _person("Julia Thornwell", addresses=HOME, identifiers=[PHONE]),
        _person("Julietta Thornwell", addresses=HOME, identifiers=[PHONE]),
    ),
    "two of one given name at one switchboard": (
        _person("Yolanda Berock", addresses=HOME, identifiers=[PHONE]),
        _person("Yolanda Carstone", addresses=HOME, identifiers=[PHONE]),
    ),
    "namesakes of one town who are some ten years apart": (
        _person("Natasha Fenshaw", "1995-01-08", addresses=["Whitmouth"]),
        _person("Natasha Fenshaw", "2004-11-14", addresses=["Whitmouth"]),
    ),
}
TOGETHER: Mapping[str, tuple[dict[str, Any], ...]] = {
    "a space that stands a letter too early": (
        _person("Theres aHarcombe", "1950-05-21", addresses=HOME),
        _person("Theresa Harcombe", "1950-05-21", addresses=HOME),
    ),
    "a date that does not exist": (
        _person("Imogen Corworth", "1977-01-06", addresses=HOME),
        _person("Imogen Corworth", "1977-41-06", addresses=HOME),
    ),
    "a wrong date between records of one document": (
        _person("Daphne Branman", "1980-09-22", addresses=HOME, **_number("ssn", "3016098")),
        _person("Daphne Branman", "1980-09-22", addresses=HOME, **_number("ssn", "3016038")),
        _person("Daphne Branman", "1943-05-23", addresses=HOME, **_number("ssn", "3016098")),
    ),
    "another family name under one mailbox": (
        _person("Yolanda Berock", addresses=HOME, **_number("email", "yolanda@post.example")),
        _person("Yolanda Carstone", addresses=HOME, **_number("email", "yolanda@post.example")),
    ),
}


def _entities(records: tuple[dict[str, Any], ...]) -> int:
    return len(resolve([{"record_id": i + 1, **record} for i, record in enumerate(records)]))


@pytest.mark.parametrize("case", APART)
def test_stays_apart(case: str) -> None:
    assert _entities(APART[case]) == len(APART[case])


@pytest.mark.parametrize("case", TOGETHER)
def test_joins(case: str) -> None:
    assert _entities(TOGETHER[case]) == 1
