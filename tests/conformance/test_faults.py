"""500 of both products: real faults under a running server, what is told then, and recovery."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.conformance.seeds import BODIES
from tests.conformance.shapes import check_body, check_envelope, check_request_id
from tests.conformance.table import proves
from tests.conformance.tampering import alter, read, table_gone, unwritable
from tests.conformance.test_intrace_requests import GOOD, look_up
from tests.conformance.world import World

MINIMAL = BODIES["internal_error"]
WHOM = {"type": "email", "value": "ada.lovelace@customer.example"}


@proves("trace", 500, "internal_error", "a table is gone from the database under the server")
@pytest.mark.parametrize("path", ["/v1/companies/company-001", "/v1/companies?limit=1"])
def test_trace_tells_nothing_of_an_internal_error_and_recovers(world: World, path: str) -> None:
    client = world.trace(world.new_customer(plan="free"))
    with table_gone(world.server, "companies"):
        answer = client.get(path)
    check_body(answer, 500, MINIMAL)
    world.server.wait_for_log(check_request_id(answer))
    assert "companies_elsewhere" not in answer.text

    assert client.get("/v1/credits").json()["balance"] == 100
    again = client.get(path)
    assert again.status_code == 200
    assert again.headers["x-credits-charged"] == "1"


@proves("intrace", 500, "internal_error", "a stored result is damaged in the database")
def test_intrace_tells_an_unexpected_error_by_its_request_id(world: World) -> None:
    made = look_up(world.analyst, WHOM)
    one = f"/v1/lookup/{made.json()['request_id']}"
    whole = _swap_payload(world, made, b"{not what was stored")

    answer = world.analyst.get(one)

    check_envelope(answer, 500, "internal_error")
    assert WHOM["value"] not in world.server.wait_for_log(check_request_id(answer))
    _swap_payload(world, made, whole)
    assert world.analyst.get(one).content == made.content


@proves("intrace", 500, "result_unreadable", "a stored result is sealed with a key not configured")
def test_a_result_sealed_with_another_key_is_not_told(world: World) -> None:
    made = look_up(world.analyst, WHOM)
    one = f"/v1/lookup/{made.json()['request_id']}"
    whole = _swap_payload(world, made, b"TWS1" + bytes(100))

    check_envelope(world.analyst.get(one), 500, "result_unreadable")
    _swap_payload(world, made, whole)
    assert world.analyst.get(one).content == made.content


def _swap_payload(world: World, made: httpx.Response, payload: bytes) -> bytes:
    request_id = made.json()["request_id"]
    ((before,),) = read(
        world.server, "SELECT payload FROM reports WHERE request_id = :id", id=request_id
    )
    changed = alter(
        world.server,
        "UPDATE reports SET payload = :payload WHERE request_id = :id",
        payload=payload,
        id=request_id,
    )
    assert changed == 1
    return bytes(before)


def _removed(path: Path) -> None:
    path.unlink()


def _garbage(path: Path) -> None:
    path.write_bytes(b"no key at all")


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _another_kind(path: Path) -> None:
    rsa = generate_private_key(public_exponent=65_537, key_size=2_048)
    path.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@proves(
    "intrace", 500, "signing_failed", "SIGNING_PRIVATE_KEY_PATH is removed, garbage, no file, RSA"
)
@pytest.mark.parametrize("spoil", [_removed, _garbage, _a_folder, _another_kind])
def test_a_lookup_that_cannot_be_signed_is_not_answered(
    world: World, signing_key: Path, spoil: Callable[[Path], None]
) -> None:
    key = signing_key.read_bytes()
    client = world.intrace(world.new_service())
    spoil(signing_key)
    try:
        answer = look_up(client, GOOD)
        ready = httpx.get(f"{world.server.url}/readyz", trust_env=False)
    finally:
        if signing_key.is_dir():
            signing_key.rmdir()
        signing_key.write_bytes(key)

    check_envelope(answer, 500, "signing_failed")
    request_id = check_request_id(answer)
    assert ready.status_code == 503
    assert str(signing_key) not in answer.text + ready.text
    check_envelope(client.get(f"/v1/lookup/{request_id}"), 404, "not_found")
    assert client.get("/v1/lookup").json()["lookups"] == []
    # Who asked is on record all the same.
    assert world.auditor.get(f"/v1/audit/{request_id}").json()["request_id"] == request_id

    mended = look_up(client, GOOD)
    assert mended.status_code == 200
    verified = client.get(f"/v1/reports/{mended.json()['request_id']}/verify").json()
    assert verified["verified"] is True


@proves(
    "intrace", 500, "database_error", "another process holds SQLite's lock; PostgreSQL is read-only"
)
@proves("trace", 500, "internal_error", "the charge cannot be written to the database")
def test_nothing_is_told_that_could_not_be_written(world: World) -> None:
    service, customer = world.new_service(), world.new_customer(plan="free")
    client, buyer = world.intrace(service), world.trace(customer)
    assert client.get("/v1/lookup").json()["lookups"] == []
    with unwritable(world.server), ThreadPoolExecutor() as pool:
        looking_up = pool.submit(look_up, client, WHOM)
        lookup = pool.submit(buyer.get, "/v1/companies/company-002")
        answers = looking_up.result(), lookup.result()

    check_envelope(answers[0], 500, "database_error")
    request_id = check_request_id(answers[0])
    assert WHOM["value"] not in world.server.wait_for_log(request_id)
    check_body(answers[1], 500, MINIMAL)
    assert "x-credits-charged" not in answers[1].headers

    assert client.get("/v1/lookup").json()["lookups"] == []
    check_envelope(world.auditor.get(f"/v1/audit/{request_id}"), 404, "not_found")
    assert look_up(client, WHOM).status_code == 200
    assert buyer.get("/v1/credits").json()["balance"] == 100
    assert buyer.get("/v1/companies/company-002").headers["x-credits-remaining"] == "99"
