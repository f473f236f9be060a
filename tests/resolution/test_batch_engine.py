"""Splink proposes, the same rules decide: answers as those of the way in memory."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import pytest

from tracewell.resolution import EngineMissing, batch_engine, resolve

pytest.importorskip("splink", reason="the extra `batch` is not installed")

GIVEN = ("anna", "berta", "carla", "dora", "emil", "felix", "georg", "hanna", "ida", "jakob")
FAMILY = ("ahlers", "brandt", "conrad", "dreyer", "ebert", "falke", "gerber", "hinz", "jansen")
STREETS = ("linden", "birken", "eichen", "ahorn", "ulmen", "buchen", "weiden", "kastanien")


def _people(count: int, seed: int) -> list[dict[str, Any]]:
    """Invented people, a third of them twice, the second time typed badly."""
    chance = random.Random(seed)
    records = []
    for number in range(count):
        name = f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}"
        birth = (
            f"{chance.randint(1930, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        )
        place = (
            f"{chance.randint(1, 99)} {chance.choice(STREETS)}weg {chance.randint(10000, 99999)}"
        )
        passport = f"P{chance.randint(10**6, 10**7)}"
        for copy in range(1 + (number % 3 == 0)):
            at = chance.randrange(1, len(name) - 1)
            typed = name if not copy else name[:at] + name[at + 1 :]
            records.append(
                {
                    "record_id": f"{number:05}-{copy}",
                    "kind": "person",
                    "names": [typed.title()],
                    "dates": {"birth": birth},
                    "addresses": [place] if not copy or chance.random() < 0.7 else [],
                    "identifiers": [{"type": "passport", "value": passport}][: 1 - copy % 2],
                }
            )
    return records


def _pairs(records: list[dict[str, Any]], engine: Any) -> set[tuple[str, str]]:
    clusters = resolve(records, engine=engine)
    return {pair for c in clusters for pair in combinations(c.record_ids, 2)}


def test_splink_and_memory_give_comparable_answers() -> None:
    records = _people(400, 7)
    here, there = _pairs(records, "memory"), _pairs(records, "splink")
    assert len(here) > 100
    assert len(here & there) / len(here | there) > 0.97


def test_splink_proposes_names_whose_parts_changed_places() -> None:
    told: dict[str, Any] = {"kind": "person", "addresses": ["176 Orchard Lane Halmouth 2577"]}
    one, other = (
        {"record_id": number, "names": [name], **told,
         "identifiers": [{"type": "ssn", "value": number}]}
        for name, number in (("Philippa Alfield", "2770674"), ("Alfield Philippa", "2770247"))
    )  # fmt: skip
    records = [*_people(3_000, 5), one, other]
    assert ("2770247", "2770674") in _pairs(records, "splink")


def test_splink_gives_the_same_bytes_in_any_order() -> None:
    records = _people(120, 3)
    shuffled = records[::-1]
    assert repr(resolve(records, engine="splink")) == repr(resolve(shuffled, engine="splink"))


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_records_to_learn_from_are_resolved_too(count: int) -> None:
    assert len(resolve(_people(count, 1)[1:2] or _people(count, 1), engine="splink")) == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "splink", None)
    with pytest.raises(EngineMissing, match=r"tracewell\[batch\]"):
        resolve(_people(2, 1), engine="splink")
    assert resolve(_people(2, 1), engine="auto")
    assert batch_engine.KEPT_PROBABILITY < 0.01
