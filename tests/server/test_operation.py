"""What an operator asks a server: whether it lives, whether it is ready, what it has counted."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.deployment import Deployment
from tests.servers import Server


def readiness(server: Server) -> tuple[int, dict[str, str]]:
    """The status of /readyz and its checks."""
    answer = httpx.get(f"{server.url}/readyz", timeout=30)
    return answer.status_code, answer.json()["checks"]


def wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 30
    while readiness(server)[0] != 200:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


def test_a_living_and_ready_server_says_so(shared_server: Server) -> None:
    assert httpx.get(f"{shared_server.url}/healthz").json() == {"status": "ok"}
    assert readiness(shared_server) == (200, {"database": "ok", "signing_key": "ok"})
    assert httpx.head(f"{shared_server.url}/healthz").content == b""
    wrong = httpx.post(f"{shared_server.url}/healthz")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert httpx.get(f"{shared_server.url}/nothing").status_code == 404


@pytest.mark.parametrize("content", [b"no key", b"", None], ids=["garbage", "empty", "gone"])
def test_an_unusable_signing_key_is_told_until_it_is_mended(
    shared_server: Server, content: bytes | None
) -> None:
    path = shared_server.data / "keys" / "signing-key.pem"
    good = path.read_bytes()
    try:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        status, checks = readiness(shared_server)
        assert httpx.get(f"{shared_server.url}/healthz").status_code == 200
    finally:
        path.write_bytes(good)
    assert status == 503
    assert checks["database"] == "ok"
    assert checks["signing_key"] != "ok"
    assert "PRIVATE" not in checks["signing_key"]
    assert readiness(shared_server)[0] == 200


async def _admit_connections(url: str, *, allowed: bool) -> None:
    """Shuts a PostgreSQL database to everybody, or opens it again."""
    parts = urlsplit(url)
    name = parts.path.removeprefix("/")
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}')
        if not allowed:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
            )
    finally:
        await connection.close()


def test_a_database_that_is_gone_is_told_until_it_is_back(
    shared_deployment: Deployment, shared_server: Server
) -> None:
    if shared_deployment.database_url is None:
        pytest.skip("an embedded database does not go away by itself")
    key = shared_deployment.add_customer().key
    service = shared_deployment.add_service(("auditor",))
    asyncio.run(_admit_connections(shared_deployment.database_url, allowed=False))
    try:
        status, checks = readiness(shared_server)
        alive = httpx.get(f"{shared_server.url}/healthz")
        trace = httpx.get(f"{shared_server.trace}/v1/credits", headers={"X-API-Key": key})
        intrace = httpx.get(f"{shared_server.intrace}/v1/audit", headers={"X-API-Key": service})
    finally:
        asyncio.run(_admit_connections(shared_deployment.database_url, allowed=True))
    assert (status, checks["database"]) == (503, "cannot be read")
    assert alive.status_code == 200
    assert (trace.status_code, trace.json()) == (500, {"error": "Internal server error"})
    assert (intrace.status_code, intrace.json()["error"]["code"]) == (500, "database_error")
    wait_until_ready(shared_server)
    assert httpx.get(f"{shared_server.trace}/v1/credits", headers={"X-API-Key": key}).is_success


def test_metrics_count_by_endpoint_and_hold_no_value(
    shared_deployment: Deployment, shared_server: Server
) -> None:
    key = shared_deployment.add_customer().key
    with httpx.Client(base_url=shared_server.trace, headers={"X-API-Key": key}) as client:
        before = counts(shared_server)
        for path in ("c0", "c0.example", "planted-identifier", "c0?planted=planted-value"):
            client.get(f"/v1/companies/{path}")
        client.get("/v1/planted-path/c0")
        client.get("/planted-path")
        after = counts(shared_server)
    lookup = "GET /v1/companies/{identifier}"
    new = {name: after[name] - before.get(name, 0) for name in after}
    assert new[(lookup, "200")] == 3
    assert new[(lookup, "404")] == 1
    assert new[("refused at the gate", "404")] == 1
    text = httpx.get(f"{shared_server.url}/metrics").text
    assert "planted" not in text
    assert key not in text


def counts(server: Server) -> dict[tuple[str, str], float]:
    """How often each endpoint has told each status."""
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    seconds = families["tracewell_http_request_seconds"]
    assert all(sample.value >= 0 for sample in seconds.samples)
    return {
        (sample.labels["endpoint"], sample.labels["status"]): sample.value
        for sample in families["tracewell_http_requests"].samples
        if sample.name.endswith("_total")
    }
