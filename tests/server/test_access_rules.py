"""The role file and the source address at a running server."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.server.deployment import Deployment
from tests.servers import Server

ROLES = """
roles:
  analyst: [lookup:write, lookup:read, connectors:read]
  watcher: [audit:read]
rate_limits:
  service:crm: {requests_per_minute: 7, burst: 0, deep_lookups_per_minute: 1}
"""


def key_of(server: Server, name: str, roles: str) -> str:
    made = server.admin("key", "create", "--service", name, "--roles", roles)
    return str(made["key"])


def client(server: Server, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=server.intrace, headers={"X-API-Key": key}, timeout=30, trust_env=False
    )


def exchange(path: Path, text: str) -> None:
    """The new version appears at once and whole, as configuration tools write it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline, "the new state is not reached"
        time.sleep(0.05)


def test_a_role_file_gives_scopes_and_limits_and_is_taken_up_while_the_server_runs(
    deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text(ROLES)
    with deployment.start("intrace", environment={"ROLE_FILE": str(file)}) as server:
        watcher = client(server, key_of(server, "eye", "watcher"))
        crm = client(server, key_of(server, "crm", "analyst"))

        refused = watcher.get("/v1/connectors")
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "insufficient_scope"
        assert refused.json()["error"]["details"] == [
            {"field": "scope", "issue": "The scope connectors:read is required."}
        ]
        assert watcher.get("/v1/audit").status_code == 200
        assert crm.get("/v1/connectors").headers["X-RateLimit-Limit"] == "7"
        deep = {"identifiers": [{"type": "ip", "value": "192.0.2.1"}], "depth": "deep"}
        assert crm.post("/v1/lookup", json=deep).status_code == 200
        told = crm.post("/v1/lookup", json=deep)
        assert (told.status_code, told.headers["X-RateLimit-Limit"]) == (429, "1")

        exchange(file, ROLES.replace("watcher: [audit:read]", "watcher: [connectors:read]"))
        wait_for(lambda: watcher.get("/v1/connectors").status_code == 200)
        assert watcher.get("/v1/audit").status_code == 403


def test_a_broken_new_version_changes_nothing_and_is_told_everywhere(
    deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text(ROLES)
    with deployment.start(environment={"ROLE_FILE": str(file)}, workers=2) as server:
        watcher = client(server, key_of(server, "eye", "watcher"))

        def ready() -> httpx.Response:
            return httpx.get(f"{server.url}/readyz", trust_env=False)

        assert "warnings" not in ready().json()
        exchange(file, "roles: {watcher: [audit:raed]}")
        wait_for(lambda: all("warnings" in ready().json() for _ in range(8)))
        answer = ready()
        assert answer.status_code == 200
        assert "did you mean audit:read?" in answer.json()["warnings"]["role_file"]
        assert "the old one stays: roles.watcher[0]" in server.log()
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
        assert "tracewell_role_file_usable 0.0" in metrics
        assert watcher.get("/v1/audit").status_code == 200

        exchange(file, ROLES)
        wait_for(lambda: all("warnings" not in ready().json() for _ in range(8)))
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
        assert "tracewell_role_file_usable 1.0" in metrics


@pytest.mark.parametrize(
    ("environment", "headers", "expected"),
    [
        ({}, [("X-Forwarded-For", "203.0.113.9")], "127.0.0.1"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8"}, [("X-Forwarded-For", "203.0.113.9")], "127.0.0.1"),
        (
            {"TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8"},
            [
                ("X-Forwarded-For", "1.1.1.1"),
                ("X-Forwarded-For", "203.0.113.9:55, 10.0.0.3"),
                ("Forwarded", "for=2.2.2.2"),
                ("X-Real-IP", "3.3.3.3"),
            ],
            "203.0.113.9",
        ),
        (
            {"TRUSTED_PROXIES": "127.0.0.1", "TRUSTED_PROXY_HEADER": "forwarded"},
            [("X-Forwarded-For", "1.1.1.1"), ("Forwarded", 'for="[2001:db8::9]:443"')],
            "2001:db8::9",
        ),
    ],
    ids=["no proxies", "a stranger", "x-forwarded-for", "forwarded"],
)
def test_the_audit_record_names_the_source_and_not_what_a_caller_claims(
    deployment: Deployment,
    environment: dict[str, str],
    headers: list[tuple[str, str]],
    expected: str,
) -> None:
    with deployment.start("intrace", environment=environment) as server:
        key = key_of(server, "crm", "analyst,auditor")
        with httpx.Client(base_url=server.intrace, timeout=30, trust_env=False) as caller:
            sent = [("X-API-Key", key), ("Content-Type", "application/json"), *headers]
            body = json.dumps({"identifiers": [{"type": "ip", "value": "192.0.2.1"}]})
            assert caller.post("/v1/lookup", content=body, headers=sent).status_code == 200
            records = caller.get("/v1/audit", headers={"X-API-Key": key}).json()["records"]
    assert [record["source_ip"] for record in records] == [expected]
