"""The roles of docs/audit.md on a real cluster: the server adds to the log and changes nothing."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from tests.databases import NoPostgresql, all_migrations, fresh_database
from tests.intrace.lookup_calls import identifiers
from tests.server.deployment import Deployment

from tracewell.intrace.audit.model import AuditPrincipal, Caller
from tracewell.intrace.audit.service import Audit
from tracewell.kernel.clock import DAY_MS, system_clock
from tracewell.kernel.database import open_database

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("audit-roles")
TABLES = ("audit_records", "audit_completions", "audit_purges", "audit_nodes", "audit_checkpoints")


def recipe(name: str) -> str:
    found = re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"the page has no recipe {name}"
    return found[1]


@dataclass(frozen=True)
class Roles:
    """One database, as its two roles reach it."""

    owner_url: str
    app_url: str


def _execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """The page's set-up, with names of this test's own."""
    try:
        with fresh_database("postgresql", tmp_path_factory.mktemp("pg"), migrated=False) as url:
            mark = secrets.token_hex(4)

            def own(sql: str) -> str:
                return sql.replace("tracewell", f"t{mark}")

            parts = urlsplit(url)
            place = f"{parts.hostname}:{parts.port}"
            owner = f"postgresql://t{mark}_owner:change-me@{place}/t{mark}"
            app = f"postgresql://t{mark}_app:change-me-too@{place}/t{mark}"
            _execute(url, *own(recipe("roles")).strip().split(";\n"))
            try:
                asyncio.run(_migrate(owner))
                _execute(owner, own(recipe("grants")))
                yield Roles(owner, app)
            finally:
                _execute(url, f"DROP DATABASE t{mark} WITH (FORCE)",
                         f"DROP ROLE t{mark}_app", f"DROP ROLE t{mark}_owner")  # fmt: skip
    except NoPostgresql as error:
        pytest.skip(str(error))


async def _migrate(url: str) -> None:
    database = await open_database(url)
    try:
        await all_migrations().up(database)
    finally:
        await database.close()


@pytest.fixture(scope="module")
def purged(roles: Roles) -> int:
    """How many records of 400 days ago the server's role has purged, before all else is logged."""

    async def run() -> int:
        database = await open_database(roles.app_url)
        try:
            now = system_clock()
            past = Audit(database, lambda: now - 400 * DAY_MS, "org_test")
            caller = Caller("req_old", "user:ada", AuditPrincipal(user_id="ada"), None)
            await past.record_lookup(caller, identifiers_queried=1, requester_reference="old")
            purge = await Audit(database, lambda: now, "org_test").purge_expired(365)
            return purge.record_count if purge is not None else 0
        finally:
            await database.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def logged(roles: Roles, purged: int, tmp_path_factory: pytest.TempPathFactory) -> Roles:
    """After a real server, as the server's role, has answered a lookup and signed a head."""
    deployment = Deployment(tmp_path_factory.mktemp("roles") / "data", roles.app_url)
    with deployment.start("intrace") as server:
        headers = {"X-API-Key": deployment.add_service(["analyst", "auditor"])}
        with httpx.Client(base_url=server.intrace, headers=headers, timeout=30) as client:
            body = {"identifiers": identifiers(("email", "ada@lovelace.example.com"))}
            answer = client.post("/v1/lookup", json=body)
            assert answer.status_code == 200, answer.text
            request_id = answer.json()["request_id"]
            assert client.get(f"/v1/audit/{request_id}/inclusion").json()["completion"]
    return roles


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET {column} = {column}",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "ALTER TABLE {} DISABLE TRIGGER USER",
        "DROP TABLE {} CASCADE",
    ],
)
def test_the_servers_role_cannot_change_the_log(logged: Roles, table: str, statement: str) -> None:
    column = {"audit_nodes": "hash", "audit_checkpoints": "note"}.get(table, "leaf")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        _execute(logged.app_url, statement.format(table, column=column))


def test_the_servers_role_cannot_change_what_guards_the_log(logged: Roles) -> None:
    for statement in (
        "DROP FUNCTION audit_forget()",
        "CREATE OR REPLACE FUNCTION audit_refuse_edit() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TABLE public.anything (a INTEGER)",
        "SET session_replication_role = replica",
        "DELETE FROM schema_migrations",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            _execute(logged.app_url, statement)


def _count(url: str, condition: str) -> int:
    async def run() -> int:
        connection = await asyncpg.connect(url)
        try:
            found: int = await connection.fetchval(
                f"SELECT COUNT(*) FROM audit_records WHERE {condition}"
            )
            return found
        finally:
            await connection.close()

    return asyncio.run(run())


def test_the_servers_role_purges_what_has_expired_and_nothing_else(
    logged: Roles, purged: int
) -> None:
    assert purged == 1
    assert _count(logged.app_url, "length(record) = 0 AND user_id IS NULL") == 1
    young = _count(logged.app_url, "length(record) > 0")
    _execute(logged.app_url, "SELECT audit_forget()")
    # Whoever may call the function must not make it believe in a purge that was never logged.
    _execute(
        logged.app_url,
        "CREATE TEMPORARY TABLE audit_purges (through_seq BIGINT);"
        " INSERT INTO pg_temp.audit_purges VALUES (1000000);"
        " SELECT audit_forget()",
    )
    assert _count(logged.app_url, "length(record) > 0") == young
    with pytest.raises(asyncpg.RaiseError):
        _execute(
            logged.app_url,
            "INSERT INTO audit_purges SELECT MAX(idx) + 1, 0, 1, 1 FROM audit_nodes"
            " WHERE level = 0",
        )
