"""The organisation's own files: found by exact identifier, read again when changed, losses told."""

from __future__ import annotations

import asyncio
import itertools
import os
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewell.intrace.connectors.runner import RunResult, check_connector, run_connectors
from tracewell.intrace.connectors.sources.own_records import (
    RECHECK_MS,
    RECORDS_PER_ANSWER_MAX,
    OwnRecords,
)
from tracewell.intrace.connectors.sources.record_manifest import ManifestError, parse_manifest
from tracewell.intrace.identifiers import as_queried, parse_identifier
from tracewell.resolution import render_resolution, resolve_observations

MANIFEST = """
files:
  - file: customers.csv
    origin: crm
    id_column: customer_id
    phone_region: US
    columns:
      mail: email.address
      mobile: phone.number
      nick: username.handle
      born: person.dob
      employer: company.name
      page: social.account
    join:
      person.name: [first, last]
  - file: suppliers.parquet
    columns: {name: organization.name, site: domain.name, mail: email.address, since: phone.first_reported_date, phone: phone.number}
"""  # noqa: E501
CUSTOMERS = """customer_id,first,last,mail,mobile,nick,born,employer,page,internal_note
C-1,Ada,Lovelace,Ada@Example.com,(415) 555-2671,@AdaL,1815-12-10,Analytical Engines Ltd,https://github.com/Ada,secret
C-2,Zoë,"Núñez, MBA",zoe@bücher.example,+4915112345678,,1990-05,,,"two
lines"
C-3,李,小龍,,,,not a date,,,
C-4,,,not an address,12,,,,,
C-5,Ada,Byron,ada@example.com,,,,,,
"""


class Ticking:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "records.yaml").write_text(MANIFEST, "utf-8")
    (tmp_path / "customers.csv").write_text(CUSTOMERS, "utf-8")
    table = pa.table(
        {
            "name": ["Acme GmbH", "Bücher & Söhne"],
            "site": ["https://www.Acme.example/start", "bücher.example"],
            "mail": ["info@acme.example", None],
            "since": [date(2020, 1, 2), None],
            "phone": ["+14155552672", None],
        }
    )
    pq.write_table(table, tmp_path / "suppliers.parquet")
    return tmp_path


def ask(connector: OwnRecords, kind: str, value: str) -> RunResult:
    numbers = itertools.count()
    return asyncio.run(
        run_connectors(
            [connector],
            [parse_identifier(kind, value)],
            clock=lambda: 1_000,
            new_source_id=lambda: f"src_{next(numbers)}",
            timeout_s=20,
        )
    )


def values(result: RunResult, predicate: str) -> list[str]:
    return [
        o.observation.value for o in result.observations if o.observation.predicate == predicate
    ]


def health(connector: OwnRecords) -> tuple[str, str | None]:
    checked = asyncio.run(check_connector(connector, clock=lambda: 0, timeout_s=20))
    return checked.status, checked.error


@pytest.mark.parametrize(
    "kind, value, names",
    [
        ("email", "ADA@example.com", ["Ada Lovelace", "Ada Byron"]),
        ("email", "zoe@xn--bcher-kva.example", ["Zoë Núñez, MBA"]),
        ("phone", "+14155552671", ["Ada Lovelace"]),
        ("phone", "+4915112345678", ["Zoë Núñez, MBA"]),
        ("username", "adal", ["Ada Lovelace"]),
        ("name", "ADA  LOVELACE", ["Ada Lovelace"]),
        ("name", "李 小龍", ["李 小龍"]),
        ("social_url", "https://www.github.com/ADA", ["Ada Lovelace"]),
        ("company_name", "analytical engines ltd", ["Ada Lovelace"]),
    ],
)
def test_a_row_of_a_csv_file_is_found_by_each_of_its_identifiers(
    kind: str, value: str, names: list[str], directory: Path, clock: Ticking
) -> None:
    assert values(ask(OwnRecords(directory, clock=clock), kind, value), "person.name") == names


@pytest.mark.parametrize(
    "kind, value, name",
    [
        ("domain", "acme.example", "Acme GmbH"),
        ("company_name", "ACME gmbh", "Acme GmbH"),
        ("email", "info@acme.example", "Acme GmbH"),
        ("domain", "xn--bcher-kva.example", "Bücher & Söhne"),
    ],
)
def test_a_row_of_a_parquet_file_is_found_by_each_of_its_identifiers(
    kind: str, value: str, name: str, directory: Path, clock: Ticking
) -> None:
    result = ask(OwnRecords(directory, clock=clock), kind, value)
    assert values(result, "organization.name") == [name]


def test_what_a_row_states_is_normalised_and_bad_cells_are_left_out(
    directory: Path, clock: Ticking
) -> None:
    connector = OwnRecords(directory, clock=clock)
    found = ask(connector, "phone", "+14155552671")
    stated = {(o.observation.predicate, o.observation.value) for o in found.observations}
    assert stated == {
        ("email.address", "ada@example.com"),
        ("phone.number", "+14155552671"),
        ("username.handle", "AdaL"),
        ("person.dob", "1815-12-10"),
        ("company.name", "Analytical Engines Ltd"),
        ("social.account", "github:ada"),
        ("person.name", "Ada Lovelace"),
    }
    assert values(ask(connector, "name", "李 小龍"), "person.dob") == []
    assert values(ask(connector, "domain", "acme.example"), "phone.first_reported_date") == [
        "2020-01-02"
    ]


def test_columns_that_the_manifest_does_not_name_stay_unread(
    directory: Path, clock: Ticking
) -> None:
    result = ask(OwnRecords(directory, clock=clock), "email", "ada@example.com")
    assert "secret" not in repr(result)


def test_each_row_is_a_source_with_its_place_and_its_system(
    directory: Path, clock: Ticking
) -> None:
    result = ask(OwnRecords(directory, clock=clock), "email", "ada@example.com")
    assert [s.url for s in result.sources] == [
        "own-records:customers.csv#C-1",
        "own-records:customers.csv#C-5",
    ]
    assert len({s.record_hash for s in result.sources}) == 2
    assert {o.origin for o in result.observations} == {"own_records:crm"}
    supplier = ask(OwnRecords(directory, clock=clock), "domain", "acme.example")
    assert {o.origin for o in supplier.observations} == {"own_records:suppliers.parquet"}
    assert supplier.sources[0].url == "own-records:suppliers.parquet#row-1"


def test_a_file_with_bad_rows_never_answers_that_there_is_nothing(
    directory: Path, clock: Ticking
) -> None:
    connector = OwnRecords(directory, clock=clock)
    outcome = ask(connector, "email", "nobody@example.com").coverage[0]
    assert outcome.status == "partial"
    assert outcome.reason == (
        "not everything could be read: customers.csv: 1 rows without a usable identifier,"
        " 3 unreadable cells"
    )
    assert health(connector)[0] == "degraded"
    reports = asyncio.run(connector.load_reports())
    assert [(r.rows, r.bad_rows, r.bad_cells) for r in reports] == [(5, 1, 3), (2, 0, 0)]


def test_clean_files_answer_that_there_is_nothing(directory: Path, clock: Ticking) -> None:
    rows = CUSTOMERS.replace("C-4,,,not an address,12,,,,,\n", "").replace("not a date", "")
    (directory / "customers.csv").write_text(rows, "utf-8-sig")
    connector = OwnRecords(directory, clock=clock)
    assert ask(connector, "email", "nobody@example.com").coverage[0].status == "empty"
    assert ask(connector, "email", "ada@example.com").coverage[0].status == "answered"
    assert health(connector) == ("reachable", None)


def test_a_changed_file_is_read_again(directory: Path, clock: Ticking) -> None:
    connector = OwnRecords(directory, clock=clock)
    assert values(ask(connector, "email", "new@example.com"), "person.name") == []
    with (directory / "customers.csv").open("a", encoding="utf-8") as file:
        file.write("C-6,Grace,Hopper,new@example.com,,,,,,\n")
    clock.now += RECHECK_MS
    assert values(ask(connector, "email", "new@example.com"), "person.name") == ["Grace Hopper"]
    (directory / "customers.csv").unlink()
    clock.now += RECHECK_MS
    outcome = ask(connector, "email", "new@example.com").coverage[0]
    assert outcome.status == "partial"
    assert "customers.csv: could not be read (FileNotFoundError)" in outcome.reason
    assert health(connector)[0] == "degraded"


def test_a_changed_manifest_takes_effect(directory: Path, clock: Ticking) -> None:
    connector = OwnRecords(directory, clock=clock)
    assert ask(connector, "domain", "acme.example").observations
    (directory / "records.yaml").write_text(MANIFEST.split("  - file: suppliers")[0], "utf-8")
    clock.now += RECHECK_MS
    assert not ask(connector, "domain", "acme.example").observations


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "could not be read (ArrowInvalid)"),
        (b"first,last\nAda,Lovelace\n", "lacks the column 'customer_id'"),
        (CUSTOMERS.encode("utf-16"), "is not UTF-8"),
        (CUSTOMERS.encode("utf-8").replace("ë".encode(), b"\xff"), "is not UTF-8"),
        (CUSTOMERS.encode() + b"C-7,\xff\n", "is not UTF-8"),
        (b"\x00" * 4096, "customers.csv"),
    ],
    ids=["empty", "other columns", "utf-16", "broken utf-8", "broken row", "zeros"],
)
def test_a_file_that_cannot_be_read_is_told_and_the_others_answer(
    content: bytes, problem: str, directory: Path, clock: Ticking
) -> None:
    (directory / "customers.csv").write_bytes(content)
    connector = OwnRecords(directory, clock=clock)
    result = ask(connector, "email", "info@acme.example")
    assert values(result, "organization.name") == ["Acme GmbH"]
    assert result.coverage[0].status == "partial"
    assert problem in result.coverage[0].reason


def test_rows_of_another_width_are_counted(directory: Path, clock: Ticking) -> None:
    (directory / "customers.csv").write_text(CUSTOMERS + "C-7,too,few\n", "utf-8")
    outcome = ask(OwnRecords(directory, clock=clock), "email", "nobody@example.com").coverage[0]
    assert "1 malformed rows" in outcome.reason


def test_a_file_above_the_bound_is_read_up_to_it_and_told(directory: Path, clock: Ticking) -> None:
    connector = OwnRecords(directory, clock=clock, rows_max=1)
    result = ask(connector, "email", "ada@example.com")
    assert values(result, "person.name") == ["Ada Lovelace"]
    assert "only the first 1 rows are read" in result.coverage[0].reason


def test_more_matching_records_than_the_bound_are_cut_and_told(
    directory: Path, clock: Ticking
) -> None:
    rows = "".join(f"X-{n},Ada,L,many@example.com,,,,,,\n" for n in range(300))
    (directory / "customers.csv").write_text(CUSTOMERS + rows, "utf-8")
    result = ask(OwnRecords(directory, clock=clock), "email", "many@example.com")
    assert len(result.sources) == RECORDS_PER_ANSWER_MAX
    assert result.coverage[0].status == "partial"


def test_a_link_out_of_the_directory_is_not_followed(
    directory: Path, clock: Ticking, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "customers.csv"
    outside.write_text(CUSTOMERS, "utf-8")
    (directory / "customers.csv").unlink()
    os.symlink(outside, directory / "customers.csv")
    result = ask(OwnRecords(directory, clock=clock), "email", "ada@example.com")
    assert not result.observations
    assert "lies outside the directory" in result.coverage[0].reason


def test_a_directory_without_manifest_is_not_configured(tmp_path: Path, clock: Ticking) -> None:
    for place in (None, tmp_path, tmp_path / "missing"):
        outcome = ask(OwnRecords(place, clock=clock), "email", "ada@example.com").coverage[0]
        assert outcome.status == "not_configured"


def test_a_broken_manifest_is_a_failure_that_names_the_place(
    directory: Path, clock: Ticking
) -> None:
    (directory / "records.yaml").write_text("files:\n  - {file: ../x.csv, columns: {}}", "utf-8")
    connector = OwnRecords(directory, clock=clock)
    outcome = ask(connector, "email", "ada@example.com").coverage[0]
    assert outcome.status == "failed"
    assert "records.yaml cannot be used: files.0.file" in outcome.reason
    assert health(connector)[0] == "unreachable"
    (directory / "records.yaml").write_text(MANIFEST, "utf-8")
    assert ask(connector, "email", "ada@example.com").observations


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "^must be a mapping$"),
        ("files: []", "files"),
        ("files: [{file: a.txt, columns: {a: email.address}}]", "files.0.file"),
        (
            "files: [{file: a.csv, columns: {a: email.adress}}]",
            "there are email.accepts_mail, email.add",
        ),
        (
            "files: [{file: a.csv, columns: {a: shoe.size}}]",
            "there are address[.]{3}, associate[.]{3}, ",
        ),
        ("files: [{file: a.csv, columns: {a: person.dob}}]", "no column by which"),
        ("files: [{file: a.csv, phone_region: XX, columns: {a: phone.number}}]", "region"),
        ("files: [{file: a.csv, colums: {}}]", "^files.0.colums: there is no such entry$"),
        ("{", "not YAML"),
        ("!!python/object/apply:os.system [id]", "not YAML"),
    ],
)
def test_a_manifest_with_a_mistake_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        parse_manifest(text)


def test_two_systems_that_agree_give_ninety_percent(directory: Path, clock: Ticking) -> None:
    (directory / "records.yaml").write_text(
        """
files:
  - {file: crm.csv, columns: {mail: email.address, name: person.name}}
  - {file: shop.csv, columns: {mail: email.address, name: person.name}}
""",
        "utf-8",
    )
    (directory / "crm.csv").write_text("mail,name,n\nada@example.com,Ada Lovelace,1\n", "utf-8")
    (directory / "shop.csv").write_text("mail,name\nada@example.com,LOVELACE Ada\n", "utf-8")
    result = ask(OwnRecords(directory, clock=clock), "email", "ada@example.com")
    asked = [as_queried(parse_identifier("email", "ada@example.com"))]
    rendered = render_resolution(resolve_observations(result.observations, asked))
    assert rendered["resolution"]["status"] == "resolved"
    (entity,) = rendered["entities"]
    assert entity["confidence"] >= 0.9
    assert entity["profile"]["emails"][0]["sources"] == ["src_0", "src_1"]


def test_many_questions_at_once_read_the_files_once(
    directory: Path, clock: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    connector = OwnRecords(directory, clock=clock)
    numbers = itertools.count()

    async def lookups() -> list[RunResult]:
        return await asyncio.gather(
            *(
                run_connectors(
                    [connector],
                    [parse_identifier("email", "ada@example.com")],
                    clock=lambda: 1_000,
                    new_source_id=lambda: f"src_{next(numbers)}",
                    timeout_s=20,
                )
                for _ in range(20)
            )
        )

    results = asyncio.run(lookups())
    assert all(len(result.sources) == 2 for result in results)
    assert caplog.text.count("customers.csv") == 1
    assert "example.com" not in caplog.text
