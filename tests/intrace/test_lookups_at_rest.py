"""Results at rest: encrypted, bound to their row, rotated, refused without their key; erasure."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.intrace.lookup_calls import ADA, RECORD, error_of, look_up
from tests.intrace.serving import Options, Server, alter, read, serve

from tracewell.cli.results import results
from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import open_database
from tracewell.kernel.sealing import SealBroken, Sealer, SealKey, parse_keys
from tracewell.main.sealing import require_result_keys
from tracewell.main.settings import Settings, SettingsWrong

OLD, NEW = SealKey(b"o" * 32), SealKey(b"n" * 32)
ANALYSIS = {"analysis_type": "timeline"}


def stored(server: Server) -> list[bytes]:
    """Everything at rest that holds personal data."""
    rows = read(server.database_url, "SELECT payload FROM reports")
    rows += read(server.database_url, "SELECT body FROM analyses")
    return [bytes(row[0]) for row in rows]


def look_up_and_analyse(server: Server, client: httpx.Client) -> tuple[bytes, str, bytes, str]:
    server.directory.records[ADA[1]] = [("p1", RECORD)]
    made = look_up(client, ADA)
    result = made.json()
    subject = {"type": "entity", "entity_id": result["entities"][0]["entity_id"]}
    analysed = client.post("/v1/analysis", json={**ANALYSIS, "subject": subject})
    assert analysed.json()["status"] == "complete"
    return made.content, result["request_id"], analysed.content, analysed.json()["analysis_id"]


def test_results_are_encrypted_at_rest_and_given_again_byte_for_byte(
    database_url: str, tmp_path: Path
) -> None:
    options = Options(sealer=Sealer([OLD]))
    with serve(database_url, tmp_path, options) as server, server.client() as client:
        made, request_id, analysed, analysis_id = look_up_and_analyse(server, client)
        at_rest = stored(server)
        assert client.get(f"/v1/lookup/{request_id}").content == made
        assert client.get(f"/v1/analysis/{analysis_id}").content == analysed
        assert client.get(f"/v1/reports/{request_id}/verify").json()["verified"] is True

    assert len(at_rest) == 2
    for value in at_rest:
        assert bytes.fromhex(OLD.key_id) in value[:16]
        for planted in (b"lovelace", b"Lovelace", b"390612345678", b"entities"):
            assert planted not in value


def test_a_result_without_its_key_is_told_and_never_given(
    database_url: str, tmp_path: Path
) -> None:
    with (
        serve(database_url, tmp_path, Options(sealer=Sealer([OLD]))) as server,
        server.client() as client,
    ):
        _, request_id, _, analysis_id = look_up_and_analyse(server, client)
        key = server.keys["analyst"]
    for sealer in (Sealer(), Sealer([NEW])):
        with serve(database_url, tmp_path, Options(sealer=sealer)) as server:
            headers = {"X-API-Key": key}
            for path in (
                f"lookup/{request_id}", f"reports/{request_id}", f"reports/{request_id}/verify",
                f"analysis/{analysis_id}",
            ):  # fmt: skip
                refused = httpx.get(f"{server.url}/v1/{path}", headers=headers)
                assert refused.status_code == 500
                assert error_of(refused)["code"] == "result_unreadable"


def test_sealed_bytes_that_are_moved_or_changed_do_not_open(
    database_url: str, tmp_path: Path
) -> None:
    options = Options(sealer=Sealer([OLD]))
    with serve(database_url, tmp_path, options) as server, server.client() as client:
        first, second = (look_up(client, ADA).json()["request_id"] for _ in range(2))
        moved = (
            "UPDATE reports SET payload = (SELECT payload FROM reports WHERE request_id = :other)"
            " WHERE request_id = :id"
        )
        assert alter(server.database_url, moved, id=first, other=second) == 1
        refused = client.get(f"/v1/lookup/{first}")
        assert error_of(refused)["code"] == "result_unreadable"
        assert client.get(f"/v1/lookup/{second}").status_code == 200


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_rotation_encrypts_all_anew_and_the_old_key_may_go(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(database_url, tmp_path) as server, server.client() as client:
        made, request_id, _, _ = look_up_and_analyse(server, client)  # before there was a key
        key = server.keys["analyst"]
    with (
        serve(database_url, tmp_path, Options(sealer=Sealer([OLD]))) as server,
        server.client() as client,
    ):
        look_up(client, ADA)

    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("RESULT_ENCRYPTION_KEY", f"{NEW.secret.hex()},{OLD.secret.hex()}")
    for arguments, changed in ((["--dry-run"], 3), ([], 3), ([], 0)):
        done = CliRunner().invoke(results, ["reencrypt", "--json", *arguments])
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert (told["results_read"], told["reencrypted"]) == (3, changed)
        assert told["key_id"] == NEW.key_id

    with serve(database_url, tmp_path, Options(sealer=Sealer([NEW]))) as server:
        again = httpx.get(f"{server.url}/v1/lookup/{request_id}", headers={"X-API-Key": key})
        assert again.content == made
        assert all(bytes.fromhex(NEW.key_id) in value[:16] for value in stored(server))


@pytest.mark.anyio
async def test_a_server_does_not_start_without_a_key_that_results_need(
    database_url: str, tmp_path: Path
) -> None:
    database = await open_database(database_url)
    try:

        def settings(*keys: SealKey) -> Settings:
            text = ",".join(base64.b64encode(key.secret).decode() for key in keys)
            return Settings(data=tmp_path, result_encryption_key=text or None)  # type: ignore[arg-type]

        await require_result_keys(database, settings(), system_clock)
        await require_result_keys(database, settings(OLD), system_clock)
        await require_result_keys(database, settings(NEW, OLD), system_clock)
        for lacking in (settings(), settings(NEW)):
            with pytest.raises(SettingsWrong) as refused:
                await require_result_keys(database, lacking, system_clock)
            assert OLD.key_id in str(refused.value)
            assert OLD.secret.hex() not in str(refused.value)
    finally:
        await database.close()


@given(st.binary(max_size=200), st.text(max_size=20), st.integers(0, 300))
def test_any_changed_byte_breaks_the_seal(value: bytes, place: str, at: int) -> None:
    sealer = Sealer([OLD])
    sealed = bytearray(sealer.seal(value, place))
    assert sealer.open(bytes(sealed), place) == value
    assert sealer.seal(value, place) != sealed
    # The mark itself aside: without it the bytes count as never sealed, and no signature fits.
    sealed[4 + at % (len(sealed) - 4)] ^= 1
    with pytest.raises(SealBroken):
        sealer.open(bytes(sealed), place)


@pytest.mark.parametrize("text", ["short", "zz" * 32, "a" * 63, "00" * 31])
def test_what_is_no_key_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes") as refused:
        parse_keys(text)
    assert text not in str(refused.value)
    assert parse_keys(f"# old\n{OLD.secret.hex()}\n") == (OLD,)


def test_an_erasure_is_in_the_audit_log(server: Server, analyst: httpx.Client) -> None:
    request_id = look_up(analyst, ADA).json()["request_id"]
    erased = analyst.delete(f"/v1/lookup/{request_id}")
    with server.client("auditor") as auditor:
        newest, made = auditor.get("/v1/audit").json()["records"]
    assert newest["request_id"] == erased.headers["x-request-id"]
    assert newest["changed"] == {"action": "erased", "resource": "lookup", "id": request_id}
    assert made["request_id"] == request_id
    assert "changed" not in made
    analyst.delete(f"/v1/lookup/{request_id}")
    assert len(read(server.database_url, "SELECT 1 FROM audit_records")) == 2


def test_own_lookups_are_found_by_when_they_were_made(
    server: Server, analyst: httpx.Client
) -> None:
    made = []
    for day in (0, 1, 2):
        server.clock_offset_ms[0] = day * 86_400_000
        made.append(look_up(analyst, ADA).json())
    times = [one["queried_at"] for one in made]

    def ids(**params: str) -> list[str]:
        page = analyst.get("/v1/lookup", params=params).json()["lookups"]
        return [lookup["request_id"] for lookup in page]

    wanted = [one["request_id"] for one in made]
    assert ids(**{"from": times[1]}) == [wanted[2], wanted[1]]
    assert ids(to=times[1]) == [wanted[1], wanted[0]]
    assert ids(**{"from": times[1], "to": times[1]}) == [wanted[1]]
    assert wanted[0] in ids(to=times[0][:10])
    refused = analyst.get("/v1/lookup", params={"from": "soon"})
    assert (refused.status_code, error_of(refused)["details"][0]["field"]) == (400, "from")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_deployment_can_require_a_purpose(database_url: str, tmp_path: Path) -> None:
    options = Options(requires_reference=True)
    with serve(database_url, tmp_path, options) as server, server.client() as client:
        for reference in ({}, {"requester_reference": None}, {"requester_reference": "  "}):
            refused = look_up(client, ("email", "no address"), **reference)
            assert refused.status_code == 400
            error = error_of(refused)
            assert (error["code"], error["details"][0]["field"]) == (
                "field_required",
                "requester_reference",
            )
        subject = {"type": "entity", "entity_id": "ent_" + "A" * 26}
        refused = client.post("/v1/analysis", json={**ANALYSIS, "subject": subject})
        assert error_of(refused)["details"][0]["field"] == "options.requester_reference"
        assert read(server.database_url, "SELECT 1 FROM audit_records") == []
        assert look_up(client, ADA, requester_reference="case 7").status_code == 200
