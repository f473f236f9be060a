"""No value of a request and no key stands in a log or a metric, whatever fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import apsw
import httpx
import pytest
from tests.server.deployment import Deployment
from tests.server.raw import exchange, request
from tests.servers import Server

PLANTED = {
    "email": "planted.person@planted-mail.example",
    "phone": "+442079460958",
    "username": "planted_handle",
    "ip": "203.0.113.77",
    "domain": "planted-domain.example",
    "name": "Planted Personname",
    "url": "https://planted-url.example/planted-path",
    "address": "77 Planted Street, Plantedtown",
    "company_name": "Planted Company Ltd",
    "social_url": "https://github.com/planted-profile",
}
# Parts that would show in any form: as sent, normalised, quoted.
TRACES = ("planted", "2079460958", "203.0.113.77", "Personname")


@pytest.fixture
def server(deployment: Deployment) -> Iterator[Server]:
    deployment.add_companies(1)
    with deployment.start(environment={"CONNECTOR_TIMEOUT_SECONDS": "2"}) as started:
        yield started


@contextlib.contextmanager
def broken(server: Server, statement: str) -> Iterator[None]:
    """While the block runs the database refuses what `statement` forbids."""
    connection = apsw.Connection(str(server.data / "tracewell.db"))
    connection.setbusytimeout(10_000)
    connection.execute(
        f"CREATE TRIGGER broken {statement} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    try:
        yield
    finally:
        connection.execute("DROP TRIGGER broken")
        connection.close()


def lookup(server: Server, key: str, identifiers: dict[str, str]) -> httpx.Response:
    body = {
        "identifiers": [{"type": kind, "value": value} for kind, value in identifiers.items()],
        "requester_reference": "planted reference",
    }
    url = f"{server.intrace}/v1/lookup"
    return httpx.post(url, json=body, headers={"X-API-Key": key}, timeout=60)


def test_no_identifier_and_no_key_is_logged_or_counted(
    deployment: Deployment, server: Server
) -> None:
    service = deployment.add_service(("analyst", "auditor"))
    customer = deployment.add_customer()
    wrong_key = customer.key[:-1] + ("a" if customer.key[-1] != "a" else "b")

    assert lookup(server, service, PLANTED).status_code == 200
    # Broken identifiers, broken bodies, broken requests.
    assert lookup(server, service, dict.fromkeys(PLANTED, "planted\x00")).status_code == 422
    assert lookup(server, service, {"planted": "planted"}).status_code == 422
    malformed = b'{"identifiers": [{"type": "email", "value": "planted@planted.example"'
    for path, body in (("/intrace/v1/lookup", malformed), ("/trace/v1/lists", malformed)):
        key = service if path.startswith("/intrace") else customer.key
        assert exchange(server.port, request("POST", path, key, body)).status in (400, 422)
    exchange(server.port, f"GET /trace/v1/planted HTTP/1.1\r\n{customer.key}\r\n\r\n".encode())
    # A database that fails in the middle.
    with broken(server, "BEFORE INSERT ON audit_records"):
        assert lookup(server, service, PLANTED).json()["error"]["code"] == "database_error"
    with broken(server, "BEFORE INSERT ON credit_ledger"):
        failed = httpx.get(
            f"{server.trace}/v1/companies/c0?planted=planted", headers={"X-API-Key": customer.key}
        )
    assert failed.status_code == 500
    # A key file that cannot be used.
    key_file = server.data / "keys" / "signing-key.pem"
    good = key_file.read_bytes()
    key_file.write_bytes(b"planted key material")
    assert lookup(server, service, PLANTED).json()["error"]["code"] == "signing_failed"
    key_file.write_bytes(good)
    # Strangers, and people who sign in.
    for secret in (wrong_key, "planted-key"):
        httpx.get(f"{server.trace}/v1/companies/planted", headers={"X-API-Key": secret})
        httpx.get(f"{server.intrace}/v1/audit", headers={"Authorization": f"Bearer {secret}"})
    sign_in = {"email": "planted@planted.example", "password": "planted password"}
    httpx.post(f"{server.trace}/auth/sign-in", json=sign_in)
    httpx.get(f"{server.trace}/auth/verify-email?token=planted.token.planted")
    with broken(server, "BEFORE UPDATE ON users"), contextlib.suppress(httpx.HTTPError):
        httpx.post(f"{server.trace}/auth/sign-in", json=sign_in)

    metrics = httpx.get(f"{server.url}/metrics").text
    told = server.log() + metrics
    for trace in (*TRACES, customer.key, service, wrong_key, customer.email):
        assert trace.lower() not in told.lower(), trace
    # What the operator needs is there all the same.
    assert server.log().count("failed: DatabaseFailed") == 2
    assert server.log().count("failed: SigningFailed") == 1


def test_a_live_check_calls_no_source_that_a_lookup_may_not_ask(
    server: Server, deployment: Deployment
) -> None:
    headers = {"X-API-Key": deployment.add_service()}
    with httpx.Client(base_url=server.intrace, headers=headers) as client:
        listed = {one["id"]: one for one in client.get("/v1/connectors").json()["connectors"]}
        outside = [name for name, one in listed.items() if one["sends_out"]]
        assert len(outside) > 10
        for name in outside:
            health = client.get(f"/v1/connectors/{name}/health").json()
            assert (health["id"], health["status"], health["latency_ms"]) == (name, "unknown", 0)
            assert health["error"] == f"not configured: {listed[name]['reason']}"
        assert client.get("/v1/connectors/phone_plan/health").json()["status"] == "reachable"
