"""Lineages over real HTTP: entities, data points, sources; merges; both paths; whose they are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.intrace.lookup_calls import ADA, RECORD, error_of, look_up
from tests.intrace.serving import Server
from tests.intrace.test_documentation import check
from tests.intrace.test_entities import merge

MEMBERS = {"id", "type", "origin", "transforms", "transitions", "updates", "merges", "chain",
           "timeline", "merge_history"}  # fmt: skip


@pytest.fixture
def found(server: Server, analyst: httpx.Client) -> dict[str, Any]:
    """Two lookups of Ada; the later one tells an address besides. The later result."""
    server.directory.records[ADA[1]] = [("p1", RECORD)]
    look_up(analyst, ADA)
    server.clock_offset_ms[0] += 5_000
    server.directory.records[ADA[1]] = [("p1", [*RECORD, ("address.full", "1 Dorset Street")])]
    result: dict[str, Any] = look_up(analyst, ADA).json()
    return result


def lineage(client: httpx.Client, node_id: str, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/provenance/{node_id}/lineage", params=params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told.keys() >= MEMBERS
    assert [e["at"] for e in told["timeline"]] == sorted(e["at"] for e in told["timeline"])
    return told


def test_an_entity_is_led_back_to_its_sources(analyst: httpx.Client, found: dict[str, Any]) -> None:
    entity = found["entities"][0]
    told = lineage(analyst, entity["entity_id"])

    assert (told["id"], told["type"]) == (entity["entity_id"], "entity")
    assert {o["connector_id"] for o in told["origin"]} >= {"directory"}
    assert all(o["record_hash"] and o["retrieved_at"] for o in told["origin"])
    assert len(told["transforms"]) == len(told["transitions"]) == 2
    assert {t["by"] for t in told["transforms"]} == {"service:analyst-bot"}
    added = [u for u in told["updates"] if u["field"] == "addresses"]
    assert [(u["change"], u["request_id"]) for u in added] == [("added", found["request_id"])]
    assert added[0]["data_point_id"] in told["chain"]


def test_a_data_point_is_led_back_to_the_sources_that_state_it(
    analyst: httpx.Client, found: dict[str, Any]
) -> None:
    entity_id = found["entities"][0]["entity_id"]
    top = lineage(analyst, entity_id)
    address = next(u["data_point_id"] for u in top["updates"] if u["field"] == "addresses")

    told = lineage(analyst, address)

    assert (told["type"], told["entity_id"]) == ("data_point", entity_id)
    assert (told["field"], told["value"]) == ("addresses", "1 Dorset Street")
    assert {o["source_id"] for o in told["origin"]} == set(told["chain"])
    source = lineage(analyst, told["chain"][0])
    assert (source["type"], source["chain"]) == ("source", [])
    assert source["origin"][0]["connector_id"] == "directory"
    assert entity_id in {t["entity_id"] for t in source["transforms"]}


def test_the_full_lineage_reaches_the_sources_within_its_depth(
    analyst: httpx.Client, found: dict[str, Any]
) -> None:
    entity_id = found["entities"][0]["entity_id"]
    path = f"/v1/provenance/{entity_id}/full-lineage"

    whole = analyst.get(path).json()
    kinds = {(n["type"], b["type"]) for n in whole["upstream"] for b in n["upstream"]}
    assert kinds == {("data_point", "source")}
    assert not whole["is_cut"]
    assert analyst.get(path, params={"max_depth": 50}).json() == whole
    shallow = analyst.get(path, params={"max_depth": 1}).json()
    assert all(not n["upstream"] for n in shallow["upstream"])
    assert all(n["is_cut"] for n in shallow["upstream"])
    for bad in ("0", "51", "deep"):
        refused = analyst.get(path, params={"max_depth": bad})
        assert refused.status_code == 400
        assert error_of(refused)["details"][0]["field"] == "max_depth"


def test_merges_and_their_undoing_are_in_the_history(server: Server, analyst: httpx.Client) -> None:
    older, _, event = merge(server, analyst)
    analyst.post(f"/v1/entities/events/{event['event_id']}/undo")
    told = lineage(analyst, older)
    assert [m["event_id"] for m in told["merge_history"]] == [event["event_id"]]
    assert {"merge", "merge_undone"} <= {e["event"] for e in told["timeline"]}


def test_both_paths_answer_and_need_the_same_credentials(
    server: Server, analyst: httpx.Client, auditor: httpx.Client, found: dict[str, Any]
) -> None:
    entity_id = found["entities"][0]["entity_id"]
    for end in ("lineage", "full-lineage"):
        served, documented = (
            analyst.get(f"/{base}/provenance/{entity_id}/{end}") for base in ("v1", "api")
        )
        assert documented.content == served.content
        assert "x-ratelimit-limit" in documented.headers
        check(server.app.openapi(), f"/v1/provenance/{{id}}/{end}", "get", served)
        for base in ("v1", "api"):
            path = f"/{base}/provenance/{entity_id}/{end}"
            assert httpx.get(f"{server.url}{path}").status_code == 401
            assert auditor.get(path).status_code == 403


def test_what_is_unknown_or_anothers_is_not_found(
    server: Server, analyst: httpx.Client, found: dict[str, Any]
) -> None:
    entity_id = found["entities"][0]["entity_id"]
    unknown = ["nonsense", "ent_" + "A" * 26, f"{entity_id}.{'A' * 16}",
               "src_01JNQBC4X8Y2Z3A4B5C6D7E8F9", "%00"]  # fmt: skip
    for node_id in unknown:
        answer = analyst.get(f"/v1/provenance/{node_id}/lineage")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    with server.user("bob") as bob:
        for node_id in (entity_id, found["sources"][0]["source_id"]):
            assert bob.get(f"/v1/provenance/{node_id}/lineage").status_code == 404
