"""Entities over lookups, over real HTTP on both databases: lasting ids, merges, splits, undoing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.intrace.lookup_calls import error_of, look_up
from tests.intrace.serving import Server, read

from tracewell.cli.entities import entities
from tracewell.intrace.entities.model import Found, Key, Known
from tracewell.intrace.entities.rules import assign
from tracewell.main.entities import EntityRefused

MAIL, WORK = "ada@lovelace.example.com", "ada@engines.example.com"
ADA = ("person.name", "Ada Lovelace")


def person(*statements: tuple[str, str]) -> list[tuple[str, str]]:
    return [ADA, *statements]


def first_id(client: httpx.Client, mail: str) -> str:
    found = look_up(client, ("email", mail)).json()["entities"]
    holder = next(e for e in found if any(
        m["address"] == mail for m in e["profile"]["emails"]))  # fmt: skip
    return str(holder["entity_id"])


def merge(server: Server, client: httpx.Client) -> tuple[str, str, dict[str, Any]]:
    """Two lookups of two mailboxes, then one that shows them to be one person's."""
    server.directory.records[MAIL] = [("p1", person(("email.address", MAIL)))]
    server.directory.records[WORK] = [("p2", person(("email.address", WORK)))]
    older, newer = first_id(client, MAIL), first_id(client, WORK)
    assert older != newer
    server.clock_offset_ms[0] += 5_000
    server.directory.records[MAIL] = [
        ("p1", person(("email.address", MAIL), ("email.address", WORK)))
    ]
    assert first_id(client, MAIL) in (older, newer)
    history = client.get(f"/v1/entities/{older}").json()
    (event,) = history["events"]
    return older, newer, event


def test_an_entity_keeps_its_id_when_a_stronger_identifier_is_found(
    server: Server, analyst: httpx.Client
) -> None:
    server.directory.records[MAIL] = [("p1", person(("email.address", MAIL)))]
    first = first_id(analyst, MAIL)
    server.directory.records[MAIL] = [
        ("p1", person(("email.address", MAIL), ("person.registry_id", "passport:X1")))
    ]
    assert first_id(analyst, MAIL) == first
    history = analyst.get(f"/v1/entities/{first}").json()
    assert len(history["sightings"]) == 2
    assert history["events"] == history["aliases"] == []


def test_two_people_of_one_mailbox_are_two(server: Server, analyst: httpx.Client) -> None:
    server.directory.records[MAIL] = [("p1", person(("email.address", MAIL)))]
    ada = first_id(analyst, MAIL)
    server.directory.records[MAIL] = [
        ("p2", [("person.name", "Charles Babbage"), ("email.address", MAIL)])
    ]
    assert first_id(analyst, MAIL) != ada


def test_a_merge_is_recorded_explained_and_undone_by_a_person(
    server: Server, analyst: httpx.Client
) -> None:
    older, newer, event = merge(server, analyst)
    assert event["kind"] == "merge"
    assert {event["entity_id"], event["other_entity_id"]} == {older, newer}
    assert "email.address" in event["evidence"]
    assert MAIL not in str(event)
    assert event["decided_by"] == "service:analyst-bot"
    assert event["undone_at"] is None
    history = analyst.get(f"/v1/entities/{event['other_entity_id']}").json()
    assert history["entity_id"] == event["entity_id"]
    assert history["aliases"] == [event["other_entity_id"]]

    undone = analyst.post(f"/v1/entities/events/{event['event_id']}/undo")

    assert undone.status_code == 200
    assert undone.json()["undone_by"] == "service:analyst-bot"
    apart = analyst.get(f"/v1/entities/{event['other_entity_id']}").json()
    assert (apart["entity_id"], apart["aliases"]) == (event["other_entity_id"], [])
    with server.client("auditor") as auditor:
        newest = auditor.get("/v1/audit").json()["records"][0]
    assert newest["changed"] == {
        "action": "undone", "resource": "entity", "id": event["event_id"],
    }  # fmt: skip
    first_id(analyst, MAIL)  # shows both mailboxes again: a person's word stands
    again = analyst.get(f"/v1/entities/{older}").json()
    assert [e["event_id"] for e in again["events"]] == [event["event_id"]]
    assert again["events"][0]["undone_at"] is not None
    assert analyst.post(f"/v1/entities/events/{event['event_id']}/undo").json() == undone.json()


def test_the_operator_undoes_a_merge_by_command(
    server: Server, analyst: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, _, event = merge(server, analyst)
    monkeypatch.setenv("DATABASE_URL", server.database_url)
    monkeypatch.setenv("TRACEWELL_DATA", str(server.folder))

    shown = CliRunner().invoke(entities, ["show", older, "--json"])
    assert [e["event_id"] for e in json.loads(shown.stdout)] == [event["event_id"]]
    for arguments, is_undone in (["--dry-run"], False), ([], True):
        done = CliRunner().invoke(entities, ["undo", event["event_id"], "--json", *arguments])
        assert done.exit_code == 0, done.output
        told = analyst.get(f"/v1/entities/{older}").json()["events"][0]
        assert (told["undone_at"] is not None) is is_undone
    assert told["undone_by"].startswith("operator:")
    with server.client("auditor") as auditor:
        assert auditor.get("/v1/audit").json()["records"][0]["changed"]["action"] == "undone"
    unknown = "evt_01JNQBC4X8Y2Z3A4B5C6D7E8F9"
    with pytest.raises(EntityRefused):
        CliRunner().invoke(entities, ["undo", unknown], catch_exceptions=False)


def test_an_operator_whose_account_has_no_name_is_named_by_its_number(
    server: Server, analyst: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, event = merge(server, analyst)
    monkeypatch.setenv("DATABASE_URL", server.database_url)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)  # as in a container run with --user
    done = CliRunner().invoke(entities, ["undo", event["event_id"], "--json"])
    assert json.loads(done.stdout)["undone_by"] == "operator:uid 54321"


def test_an_analysis_follows_an_entity_through_a_merge(
    server: Server, analyst: httpx.Client
) -> None:
    older, newer, _ = merge(server, analyst)
    for name in (older, newer):
        body = {"subject": {"type": "entity", "entity_id": name}, "analysis_type": "timeline"}
        told = analyst.post("/v1/analysis", json=body).json()["result"]["data"]["events"]
        assert sum(event["event"] == "looked_up" for event in told) == 3


def test_a_split_is_recorded(server: Server, analyst: httpx.Client) -> None:
    server.directory.records[MAIL] = [
        ("p1", person(("email.address", MAIL), ("email.address", WORK)))
    ]
    whole = first_id(analyst, MAIL)
    server.directory.records[MAIL] = [
        ("p1", [("person.name", "Ada Lovelace"), ("person.dob", "1815-12-10"),
                ("email.address", MAIL)]),
        ("p2", [("person.name", "Ada Byron Lovelace"), ("person.dob", "1990-01-01"),
                ("email.address", WORK)]),
    ]  # fmt: skip
    found = look_up(analyst, ("email", MAIL)).json()["entities"]
    assert len(found) == 2
    assert whole in {e["entity_id"] for e in found}
    (event,) = analyst.get(f"/v1/entities/{whole}").json()["events"]
    assert (event["kind"], event["entity_id"]) == ("split", whole)


def test_an_erased_lookup_is_forgotten_with_its_keys(server: Server, analyst: httpx.Client) -> None:
    server.directory.records[MAIL] = [("p1", person(("email.address", MAIL)))]
    entity_id = first_id(analyst, MAIL)
    (lookup,) = analyst.get("/v1/lookup").json()["lookups"]
    assert analyst.delete(f"/v1/lookup/{lookup['request_id']}").status_code == 204

    for table in ("entity_keys", "entity_sightings"):
        assert read(server.database_url, f"SELECT 1 FROM {table}") == []
    gone = analyst.get(f"/v1/entities/{entity_id}")
    assert (gone.status_code, error_of(gone)["code"]) == (404, "not_found")


def test_strangers_neither_see_nor_undo(server: Server, analyst: httpx.Client) -> None:
    older, _, event = merge(server, analyst)
    with server.user("bob") as bob, server.client("auditor") as auditor:
        assert bob.get(f"/v1/entities/{older}").status_code == 404
        assert bob.post(f"/v1/entities/events/{event['event_id']}/undo").status_code == 404
        assert auditor.get(f"/v1/entities/{older}").status_code == 403
        assert auditor.post(f"/v1/entities/events/{event['event_id']}/undo").status_code == 403
    for path in ("/v1/entities/nonsense", "/v1/entities/ent_A"):
        assert analyst.get(path).status_code == 404
    assert analyst.post("/v1/entities/events/nonsense/undo").status_code == 404


KEYS = st.frozensets(st.integers(0, 7).map(lambda n: Key("email.address", str(n))), max_size=3)


@settings(max_examples=150)
@given(st.lists(KEYS, min_size=1, max_size=4), st.lists(KEYS, max_size=4), st.randoms())
def test_the_order_of_entities_changes_no_id(
    found: list[frozenset[Key]], known: list[frozenset[Key]], chance: Any
) -> None:
    met = [Found(f"ent_F{n}", keys) for n, keys in enumerate(found)]
    before = [Known(f"ent_K{n}", keys, n) for n, keys in enumerate(known)]
    expected = assign(met, before, ())
    assert len(set(expected.ids.values())) == len(met)
    chance.shuffle(met)
    chance.shuffle(before)
    assert assign(met, before, ()) == expected
