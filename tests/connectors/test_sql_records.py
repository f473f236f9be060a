"""The organisation's own databases: read by the manifest's queries on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml
from tests.connectors.asking import ask, check, make_means, stated

from tracewell.intrace.connectors.model import HealthStatus, OutcomeStatus
from tracewell.intrace.connectors.runner import RunResult
from tracewell.intrace.connectors.sources.sql_records import MANIFEST_NAME, ROWS_MAX, SqlRecords
from tracewell.kernel.database import open_database

QUERY = "SELECT person_id, full_name, mail, born FROM people WHERE lower(mail) = :value"


def write_manifest(folder: Path, **changed: object) -> SqlRecords:
    source: dict[str, object] = {
        "name": "crm",
        "url_env": "CRM_URL",
        "queries": {"email": QUERY},
        "id_column": "person_id",
        "columns": {"full_name": "person.name", "mail": "email.address", "born": "person.dob"},
    }
    source |= changed
    kept = {key: value for key, value in source.items() if value is not None}
    (folder / MANIFEST_NAME).write_text(yaml.safe_dump({"databases": [kept]}))
    return SqlRecords(folder, {})


@pytest.fixture
def people_url(empty_database_url: str) -> str:
    async def fill() -> None:
        database = await open_database(empty_database_url)
        async with database.transaction() as tx:
            await tx.execute(
                "CREATE TABLE people (person_id INTEGER, full_name TEXT, mail TEXT, born TEXT)"
            )
            for number, name, mail in (
                (1, "Ada Lovelace", "Ada@example.com"),
                (2, "Charles Babbage", "charles@example.com"),
                (3, "A. Lovelace", "ada@example.com"),
                *((n, f"Many {n}", "many@example.com") for n in range(100, 101 + ROWS_MAX)),
            ):
                await tx.execute(
                    "INSERT INTO people VALUES (:number, :name, :mail, '1815-12-10')",
                    number=number, name=name, mail=mail,
                )  # fmt: skip
        await database.close()

    asyncio.run(fill())
    return empty_database_url


def look_up(connector: SqlRecords, kind: str, value: str) -> RunResult:
    async def run() -> RunResult:
        try:
            return await ask(connector, make_means(None), (kind, value))
        finally:
            await connector.close()

    return asyncio.run(run())


def test_the_rows_of_an_identifier_are_stated(people_url: str, tmp_path: Path) -> None:
    connector = SqlRecords(tmp_path, {"CRM_URL": people_url})
    write_manifest(tmp_path)
    result = look_up(connector, "email", "ADA@example.com")
    assert result.coverage[0].status is OutcomeStatus.ANSWERED, result.coverage
    assert sorted(stated(result)) == [
        ("email.address", "ada@example.com"), ("email.address", "ada@example.com"),
        ("person.dob", "1815-12-10"), ("person.dob", "1815-12-10"),
        ("person.name", "A. Lovelace"), ("person.name", "Ada Lovelace"),
    ]  # fmt: skip
    assert {source.url for source in result.sources} == {"sql-records:crm#1", "sql-records:crm#3"}
    assert result.observations[0].origin == "sql_records:crm"


def test_what_is_not_there_is_an_answer_and_a_type_without_a_query_is_not_asked(
    people_url: str, tmp_path: Path
) -> None:
    write_manifest(tmp_path)
    environment = {"CRM_URL": people_url}
    nobody = look_up(SqlRecords(tmp_path, environment), "email", "nobody@example.com")
    assert nobody.coverage[0].status is OutcomeStatus.EMPTY
    phone = look_up(SqlRecords(tmp_path, environment), "phone", "+14155552671")
    assert phone.coverage[0].status is OutcomeStatus.SKIPPED


def test_more_rows_than_are_shown_make_the_answer_partial(people_url: str, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    result = look_up(SqlRecords(tmp_path, {"CRM_URL": people_url}), "email", "many@example.com")
    assert result.coverage[0].status is OutcomeStatus.PARTIAL
    assert len({s.observation.subject for s in result.observations}) == ROWS_MAX


def test_a_value_is_a_value_and_never_a_part_of_the_query(people_url: str, tmp_path: Path) -> None:
    query = "SELECT full_name, mail FROM people WHERE full_name = :value"
    columns = {"full_name": "person.name", "mail": "email.address"}
    write_manifest(tmp_path, queries={"name": query}, id_column=None, columns=columns)
    connector = SqlRecords(tmp_path, {"CRM_URL": people_url})
    result = look_up(connector, "name", "x' OR '1'='1")
    assert result.coverage[0].status is OutcomeStatus.EMPTY


WRITING = "WITH gone AS (DELETE FROM people RETURNING mail) SELECT mail FROM gone"
BROKEN = {
    "no such table": "SELECT 1 AS person_id, 2 AS full_name FROM nowhere WHERE 'a' = :value",
    "missing column": "SELECT person_id FROM people WHERE lower(mail) = :value",
    "writing": WRITING,
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_query_that_fails_is_a_failure(people_url: str, tmp_path: Path, case: str) -> None:
    write_manifest(tmp_path, queries={"email": BROKEN[case]})
    connector = SqlRecords(tmp_path, {"CRM_URL": people_url})
    outcome = look_up(connector, "email", "ada@example.com").coverage[0]
    assert outcome.status is OutcomeStatus.FAILED
    assert "ada@" not in outcome.reason
    again = write_manifest(tmp_path)
    again = SqlRecords(tmp_path, {"CRM_URL": people_url})
    rows = look_up(again, "email", "ada@example.com")
    assert rows.coverage[0].status is OutcomeStatus.ANSWERED, "the table is as it was"


@pytest.mark.parametrize(
    "url", ["postgresql://nobody:secret@127.0.0.1:9/none", "sqlite:////nowhere/at/all.db"]
)
def test_a_database_that_is_away_is_a_failure_and_its_password_is_not_told(
    tmp_path: Path, url: str
) -> None:
    write_manifest(tmp_path)
    connector = SqlRecords(tmp_path, {"CRM_URL": url})
    outcome = look_up(connector, "email", "ada@example.com").coverage[0]
    assert outcome.status is OutcomeStatus.FAILED
    assert "secret" not in outcome.reason
    health = asyncio.run(check(SqlRecords(tmp_path, {"CRM_URL": url}), make_means(None)))
    assert health.status is HealthStatus.UNREACHABLE


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"queries": {"email": "DELETE FROM people"}}, "not one SELECT"),
        ({"queries": {"email": "SELECT 1; DROP TABLE people"}}, "not one SELECT"),
        ({"queries": {"email": "SELECT :password"}}, ":value and :key only"),
        ({"columns": {"mail": "shoe.size"}}, "unknown predicate"),
        ({"url_env": "UNSET"}, "the variable UNSET is not set"),
        ({"url_env": None, "url": "mysql://x"}, "begins with sqlite"),
        ({"url": "sqlite:///x.db"}, "either url or url_env"),
    ],
    ids=str,
)
def test_a_manifest_that_cannot_be_used_is_told(
    tmp_path: Path, changed: dict[str, object], word: str
) -> None:
    connector = write_manifest(tmp_path, **changed)
    outcome = look_up(connector, "email", "ada@example.com").coverage[0]
    assert outcome.status is OutcomeStatus.NOT_CONFIGURED
    assert word in outcome.reason


def test_a_query_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
        " SELECT count(*) AS full_name, :value AS mail, 1 AS born, 1 AS person_id FROM n"
    )
    import sqlite3

    sqlite3.connect(tmp_path / "crm.db").execute("CREATE TABLE t (x)")
    write_manifest(tmp_path, url_env=None, url="sqlite:///crm.db", queries={"email": endless})
    monkeypatch.setattr("tracewell.intrace.connectors.sources.sql_records.QUERY_TIMEOUT_S", 0.3)
    outcome = look_up(SqlRecords(tmp_path, {}), "email", "ada@example.com").coverage[0]
    assert (outcome.status, outcome.reason) == (
        OutcomeStatus.TIMED_OUT, "crm: no answer in time",
    )  # fmt: skip
