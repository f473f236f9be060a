"""Real servers: one that is killed in the middle of a lookup, several that log at once."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.databases import DIALECTS, NoPostgresql, fresh_database
from tests.intrace.lookup_calls import identifiers
from tests.intrace.serving import read
from tests.intrace.tampering import check, tamper
from tests.server.deployment import Deployment

from tracewell.intrace.audit.checking import Outside
from tracewell.intrace.audit.model import AuditPrincipal, Caller
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.audit.tree import AuditTree
from tracewell.kernel.signing import parse_jwks
from tracewell.main.ground import Ground
from tracewell.main.signing import open_signing

DEADLINE_S = 60
BODY = {"identifiers": identifiers(("email", "ada@lovelace.example.com"))}


@pytest.fixture(params=DIALECTS)
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of each dialect, with no server running."""
    data = tmp_path / "data"
    with ExitStack() as stack:
        try:
            url = (
                stack.enter_context(fresh_database("postgresql", tmp_path, migrated=True))
                if request.param == "postgresql"
                else None
            )
        except NoPostgresql as error:
            pytest.skip(str(error))
        yield Deployment(data, url)


def database_url(deployment: Deployment) -> str:
    return deployment.database_url or f"sqlite:///{deployment.data / 'tracewell.db'}"


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def reports_cannot_be_stored(deployment: Deployment) -> Iterator[None]:
    """Storing a report hangs: the lookup stands still between its record and its answer."""
    if deployment.database_url is None:
        path = deployment.data / "tracewell.db"
        count_for_ever = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
        )
        hang = (
            "CREATE TRIGGER hang BEFORE INSERT ON reports"
            f" BEGIN SELECT RAISE(ABORT, 'never') WHERE ({count_for_ever}) > 0; END"
        )
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(hang)
            connection.commit()
        yield
        with closing(sqlite3.connect(path, timeout=DEADLINE_S)) as connection:
            connection.execute("DROP TRIGGER hang")
            connection.commit()
        return
    held, done = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(deployment.database_url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE reports IN ACCESS EXCLUSIVE MODE")
            held.set()
            await asyncio.to_thread(done.wait, DEADLINE_S)
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    held.wait(DEADLINE_S)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_server_that_is_killed_in_a_lookup_leaves_an_honest_record(
    deployment: Deployment,
) -> None:
    url = database_url(deployment)
    with deployment.start("intrace") as server:
        headers = {"X-API-Key": deployment.add_service(["analyst", "auditor"])}
        lost: list[Exception] = []

        def ask() -> None:
            try:
                httpx.post(f"{server.intrace}/v1/lookup", json=BODY, headers=headers, timeout=60)
            except httpx.TransportError as error:
                lost.append(error)

        asking = threading.Thread(target=ask)
        with reports_cannot_be_stored(deployment):
            asking.start()
            wait_until(lambda: read(url, "SELECT 1 FROM audit_records"))
            server.kill()
            asking.join(DEADLINE_S)
        assert lost

    with (
        deployment.start("intrace") as server,
        httpx.Client(base_url=server.intrace, headers=headers, timeout=60) as client,
    ):
        [record] = client.get("/v1/audit").json()["records"]
        request_id = record["request_id"]
        assert record["identifiers_queried"] == 1
        assert client.get(f"/v1/lookup/{request_id}").status_code == 404
        inclusion = client.get(f"/v1/audit/{request_id}/inclusion").json()
        assert (inclusion["record"]["entry"], inclusion["completion"]) == (record, None)
        assert client.post("/v1/lookup", json=BODY).status_code == 200
        keys = parse_jwks(httpx.get(f"{server.url}/.well-known/jwks.json").content)
    checked = check(url, Outside(keys))
    assert checked.findings.told == []
    assert (checked.size, checked.records) == (3, 2)


def test_several_server_processes_write_one_log_without_gaps(deployment: Deployment) -> None:
    environment = {"RATE_LIMIT_REQUESTS_PER_MINUTE": "100000"}
    with deployment.start("intrace", workers=3, environment=environment) as server:
        headers = {"X-API-Key": deployment.add_service(["analyst", "auditor"])}

        def ask(number: int) -> int:
            # A connection each, so that every process gets some.
            path = f"{server.intrace}/v1/lookup"
            answer = httpx.post(path, json=BODY, headers=headers, timeout=60)
            if number % 5 == 0:
                head = httpx.get(
                    f"{server.intrace}/v1/audit/tree-head", headers=headers, timeout=60
                )
                assert head.status_code == 200, head.text
            return answer.status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(40))) == {200}
        keys = parse_jwks(httpx.get(f"{server.url}/.well-known/jwks.json").content)
    url = database_url(deployment)

    seqs = [row[0] for row in read(url, "SELECT seq FROM audit_records ORDER BY seq")]
    assert seqs == list(range(1, 41))
    checked = check(url, Outside(keys))
    assert checked.findings.told == []
    assert (checked.size, checked.records) == (80, 40)
    assert checked.heads_matched >= 1


def test_a_server_over_an_altered_log_says_so_and_signs_nothing(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data")
    environment = {"X-API-Key": deployment.add_service(["auditor"])}

    async def log(ground: Ground) -> None:
        audit = Audit(ground.database, ground.clock, "org_self")
        for number in range(3):
            caller = Caller(f"req_{number}", "user:ada", AuditPrincipal(user_id="ada"), None)
            await audit.record_lookup(caller, identifiers_queried=1, requester_reference=None)
        tree = AuditTree(ground.database, ground.clock, open_signing(ground.settings), "org_self")
        await tree.head()

    deployment.run(log)
    tamper(database_url(deployment), "UPDATE audit_nodes SET hash = :hash WHERE level = 1",
           hash=bytes(32))  # fmt: skip

    with deployment.start("intrace") as server:
        server.wait_for_log("THE AUDIT LOG WAS ALTERED: the first 3 leaves are not those")
        warnings = httpx.get(f"{server.url}/readyz").json()["warnings"]
        assert warnings["audit_log"].startswith("the first 3 leaves")
        head = httpx.get(f"{server.intrace}/v1/audit/tree-head", headers=environment)
        assert (head.status_code, head.json()["error"]["code"]) == (500, "internal_error")
