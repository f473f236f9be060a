"""The algorithms of analyses on results made by hand: known networks, properties, screening."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewell.intrace.analysis.kinds import (
    CompanyTechnologies,
    Instruments,
    Screener,
    TechnologyUse,
)
from tracewell.intrace.analysis.material import read_material
from tracewell.intrace.analysis.model import AnalysisFailed, Conclusion
from tracewell.intrace.analysis.registry import TYPES
from tracewell.intrace.connectors.sources.watchlists import Watchlists

LISTS = (
    "phones", "emails", "addresses", "usernames", "domains", "ip_addresses", "urls", "companies",
    "associates", "technologies", "social_profiles", "watchlist_hits",
)  # fmt: skip

NOTHING = Instruments()


def item(name: str, value: Any, confidence: float = 0.9) -> dict[str, Any]:
    return {name: value, "confidence": confidence, "sources": ["src_1"], "explanation": []}


def entity(
    entity_id: str, name: str | None = None, kind: str = "person", dob: str | None = None,
    confidence: float = 0.9, **lists: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    person = {
        "names": [item("name", name)] if name else [],
        "age": None,
        "dob": {**item("value", dob), "alternatives": []} if dob else None,
        "gender": None,
        "registry_ids": [],
    }
    profile = {key: lists.get(key, []) for key in LISTS}
    return {
        "entity_id": entity_id, "kind": kind, "confidence": confidence, "possibly_same_as": [],
        "profile": {**profile, "person": person, "organization": None},
    }  # fmt: skip


def result(number: int, *entities: dict[str, Any]) -> tuple[bytes, int]:
    members = {
        "request_id": f"req_{number}",
        "queried_at": f"2026-01-{number:02}T00:00:00Z",
        "entities": entities,
        "sources": [{"source_id": "src_1", "connector_id": "own_records",
                     "retrieved_at": "2026-01-01T00:00:00Z", "url": "own:1",
                     "record_hash": "sha256:0", "licence": "ours"}],
        "coverage": [],
    }  # fmt: skip
    return json.dumps(members).encode(), 0


def run(
    kind: str, entity_id: str, *results: tuple[bytes, int],
    instruments: Instruments = NOTHING, **parameters: Any,
) -> Conclusion:  # fmt: skip
    chosen = TYPES[kind]
    material = read_material(entity_id, results, reads_others=chosen.reads_others, is_cut=False)
    judged = chosen.parameters.model_validate(parameters)
    return asyncio.run(chosen.analyse(material, judged, instruments))


def star(leaves: int) -> list[tuple[bytes, int]]:
    """A centre that shares a mailbox with each of the others, which share nothing."""
    mail = [item("address", f"m{n}@example.com") for n in range(leaves)]
    centre = entity("ent_C", "Centre", emails=mail)
    return [result(1, centre, *(entity(f"ent_{n}", emails=[mail[n]]) for n in range(leaves)))]


def test_the_centre_of_a_star_is_the_most_central_and_a_bridge() -> None:
    data = run("network_centrality", "ent_C", *star(4)).data
    assert data["subject"]["rank"] == dict.fromkeys(data["subject"]["rank"], 1)
    assert data["subject"]["degree"] == 4
    assert data["is_bridge"]
    # Of the 28 pairs of other nodes, all but the 4 pairs of a leaf and its own mailbox go through.
    assert data["subject"]["betweenness"] == pytest.approx(24 / 28, abs=1e-6)
    assert (data["entity_count"], data["shared_value_count"], data["link_count"]) == (5, 4, 8)


def test_a_leaf_of_a_star_is_not_central() -> None:
    data = run("network_centrality", "ent_0", *star(4)).data
    assert data["subject"]["betweenness"] == 0
    assert not data["is_bridge"]
    assert [row["distance"] for row in data["entities"]].count(2) == 3
    near = run("network_centrality", "ent_0", *star(4), steps_max=1).data
    assert near["entity_count"] == 2


def test_a_switchboard_links_nobody_and_that_is_told() -> None:
    phone = [item("number", "+390612345678")]
    crowd = [entity(f"ent_{n}", phones=phone) for n in range(30)]
    told = run("network_centrality", "ent_0", result(1, *crowd))
    assert (told.data["entity_count"], told.data["hubs_left_out"]) == (1, 1)
    assert "25 holders" in told.coverage_note
    assert run("network_centrality", "ent_0", result(1, *crowd),
               hub_holders_max=30).data["entity_count"] == 30  # fmt: skip


def test_a_large_network_is_measured_in_part_and_that_is_told() -> None:
    told = run("network_centrality", "ent_C", *star(1500))
    assert told.data["entity_count"] + told.data["shared_value_count"] <= 2000
    assert "larger than what was measured" in told.coverage_note


NETWORKS = st.lists(st.lists(st.integers(0, 8), max_size=4, unique=True), min_size=2, max_size=8)


@settings(max_examples=40, deadline=None)
@given(NETWORKS, st.randoms(use_true_random=False))
def test_the_order_of_entities_changes_no_measure(held: list[list[int]], chance: Any) -> None:
    people = [
        entity(f"ent_{n}", emails=[item("address", f"m{v}@example.com") for v in values])
        for n, values in enumerate(held)
    ]
    shuffled = list(people)
    chance.shuffle(shuffled)
    for kind in ("network_centrality", "shared_identifiers"):
        assert run(kind, "ent_0", result(1, *people)) == run(kind, "ent_0", result(1, *shuffled))


@settings(max_examples=40, deadline=None)
@given(NETWORKS, st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_a_higher_threshold_never_finds_more(held: list[list[int]], bounds: list[float]) -> None:
    low, high = sorted(bounds)
    people = [
        entity(f"ent_{n}", emails=[item("address", f"m{v}@x.example", v / 8) for v in values])
        for n, values in enumerate(held)
    ]
    for name in ("confidence_min", "strength_min"):
        found = []
        for bound in (low, high):
            chosen: Any = {name: bound}
            data = run("shared_identifiers", "ent_0", result(1, *people), **chosen).data
            found.append({row["entity_id"] for row in data["entities"]})
        assert found[1] <= found[0]


def test_what_many_hold_says_less() -> None:
    mail = [item("address", "office@example.com")]
    strengths = []
    for holders in (2, 3, 6):
        people = [entity(f"ent_{n}", emails=mail) for n in range(holders)]
        rows = run("shared_identifiers", "ent_0", result(1, *people)).data["entities"]
        strengths.append(rows[0]["strength"])
    assert all(a > b for a, b in itertools.pairwise(strengths))


@pytest.fixture
def watchlists(tmp_path: Path) -> Watchlists:
    listed = [
        {"id": "Q1", "schema": "Person", "properties": {
            "name": ["Мария Иванова"], "birthDate": ["1970-05-01"], "topics": ["sanction"]}},
        {"id": "Q2", "schema": "Person", "properties": {"name": ["John Smith"]}},
    ]  # fmt: skip
    text = "\n".join(json.dumps(one) for one in listed)
    (tmp_path / "list.ftm.json").write_text(text, "utf-8")
    return Watchlists(tmp_path, clock=lambda: 0)


def test_a_listed_name_in_another_script_is_a_hit_and_another_birth_date_halves_it(
    watchlists: Screener,
) -> None:
    instruments = Instruments(screener=watchlists)
    same = entity("ent_1", "Maria Ivanova", dob="1970-05-01")
    other = entity("ent_1", "Maria Ivanova", dob="1990-05-01")
    agreed = run("watchlist_screening", "ent_1", result(1, same), instruments=instruments)
    opposed = run("watchlist_screening", "ent_1", result(1, other), instruments=instruments)

    (hit,) = agreed.data["hits"]
    assert (hit["list"], hit["entry"], hit["topics"]) == ("list", "Q1", ["sanction"])
    assert hit["birth_date_agrees"] is True
    assert opposed.data["hits"][0]["birth_date_agrees"] is False
    assert opposed.confidence == pytest.approx(agreed.confidence / 2, abs=0.001)


def test_who_is_not_listed_has_no_hit_and_who_has_no_name_cannot_be_screened(
    watchlists: Screener,
) -> None:
    instruments = Instruments(screener=watchlists)
    ada = run("watchlist_screening", "ent_1", result(1, entity("ent_1", "Ada Lovelace")),
              instruments=instruments)  # fmt: skip
    assert (ada.data["is_listed"], ada.data["hits"]) == (False, [])
    with pytest.raises(AnalysisFailed) as failed:
        run("watchlist_screening", "ent_1", result(1, entity("ent_1")), instruments=instruments)
    assert failed.value.code == "not_applicable"


class Technologies:
    """One company."""

    async def find_technologies(self, domain: str) -> CompanyTechnologies | None:
        if domain != "engines.example":
            return None
        day = "2026-01-01T00:00:00Z"
        uses = (
            TechnologyUse("Looms", ("weaving",), None, "2.1", 0.9, "active", day, day),
            TechnologyUse("Cards", ("storage",), "Jacquard", None, 0.5, "active", day, day),
            TechnologyUse("Abacus", ("storage",), None, None, 0.9, "dropped", day, day),
        )
        return CompanyTechnologies("7", "Engines", "https://trace.example/7", day, uses)


def test_the_technologies_of_the_company_behind_the_domains_are_told() -> None:
    instruments = Instruments(technologies=Technologies())
    domains = [item("domain", "engines.example"), item("domain", "unknown.example")]
    company = result(1, entity("ent_1", kind="organization", domains=domains))

    told = run("company_technology_profile", "ent_1", company, instruments=instruments)
    assert [t["name"] for t in told.data["technologies"]] == ["Looms", "Cards"]
    assert told.confidence == pytest.approx(0.63)
    more = run("company_technology_profile", "ent_1", company, instruments=instruments,
               include_dropped=True, categories=["storage"])  # fmt: skip
    assert [t["name"] for t in more.data["technologies"]] == ["Abacus", "Cards"]
    with pytest.raises(AnalysisFailed) as failed:
        run("company_technology_profile", "ent_2", result(1, entity("ent_2", domains=domains)),
            instruments=instruments)  # fmt: skip
    assert failed.value.code == "not_applicable"
