"""`tracewell load` as an operator has it: formats, bad files, bad rows, and a machine that dies."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
import random
import signal
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.cli.conftest import SCRIPT, Console
from tests.trace.loads import everything, profile

from tracewell.kernel.database import open_database

# GLEIF's own, HSBC's and two more; registers' public data.
RECORDS = [
    ("506700GE1G29325QX363", "Global Legal Entity Identifier Foundation", "CH", "Basel", "4051",
     "RA000548", "CHE-200.595.965", "GENERAL", "ACTIVE", "ISSUED"),
    ("MLU0ZO3ML4LN2LL2TL39", "HSBC HOLDINGS PLC", "GB", "LONDON", "E14 5HQ", "RA000585",
     "00617987", "GENERAL", "ACTIVE", "ISSUED"),
    ("R0MUWSFPU8MPRO8K5P83", "BNP PARIBAS", "FR", "PARIS", "75009", "RA000189", "662042449",
     "GENERAL", "INACTIVE", "ISSUED"),
]  # fmt: skip
GLEIF_COLUMNS = [
    "LEI", "Entity.LegalName", "Entity.LegalAddress.Country", "Entity.LegalAddress.City",
    "Entity.LegalAddress.PostalCode", "Entity.RegistrationAuthority.RegistrationAuthorityID",
    "Entity.RegistrationAuthority.RegistrationAuthorityEntityID", "Entity.EntityCategory",
    "Entity.EntityStatus", "Registration.RegistrationStatus",
]  # fmt: skip
LISTED = [
    {"website": "https://www.gleif.org/", "label": "GLEIF", "lei": "506700GE1G29325QX363"},
    {"website": "hsbc.com", "label": "HSBC", "lei": ""},
]


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([columns, *rows])
    return text.getvalue().encode()


def as_gleif_json(rows: Sequence[Sequence[str]]) -> bytes:
    records = []
    for row in rows:
        record: dict[str, Any] = {}
        for column, value in zip(GLEIF_COLUMNS, row, strict=True):
            *path, last = column.split(".")
            at = record
            for part in path:
                at = at.setdefault(part, {})
            at[last] = {"$": value}
        records.append(record)
    return json.dumps({"records": records}).encode()


def as_zip(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return held.getvalue()


def run(console: Console, source: str, file: Path, *options: str, code: int = 0) -> Any:
    done = console("load", source, str(file), "--json", *options, code=code)
    return done.json if done.out else done.err


def left_in(console: Console) -> dict[str, list[str]]:
    async def read() -> dict[str, list[str]]:
        database = await open_database(url_of(console))
        try:
            return await everything(database)
        finally:
            await database.close()

    return asyncio.run(read())


def profile_in(console: Console, slug: str) -> Any:
    async def read() -> Any:
        database = await open_database(url_of(console))
        try:
            return await profile(database, slug)
        finally:
            await database.close()

    return asyncio.run(read())


def url_of(console: Console) -> str:
    return console.environment.get("DATABASE_URL") or f"sqlite:///{console.data / 'tracewell.db'}"


def test_a_register_and_a_list_meet_whichever_comes_first(console_on: Console) -> None:
    gleif = console_on.folder / "20261122-golden-copy.json.zip"
    gleif.write_bytes(as_zip("golden-copy.json", as_gleif_json(RECORDS)))
    counts = run(console_on, "gleif", gleif)
    assert (counts["rows"], counts["aside"], counts["passed_over"]) == (3, 2, 1)
    listed = console_on.folder / "query.csv"
    rows = [tuple(row.values()) for row in LISTED]
    listed.write_bytes(as_csv(list(LISTED[0]), rows))
    counts = run(console_on, "domains", listed)
    assert (counts["new"], counts["settled"]) == (2, 1)
    told = profile_in(console_on, "gleif")["firmographics"]
    assert told["legal_name"] == {
        "value": "Global Legal Entity Identifier Foundation",
        "source_url": "https://search.gleif.org/#/record/506700GE1G29325QX363",
        "observed_at": "2026-11-22T00:00:00Z",
    }
    assert {one["value"]["kind"] for one in told["registry_identifiers"]} == {"LEI", "RA000548"}
    waiting = console_on("load", "waiting", "--state", "aside").out.splitlines()
    assert [json.loads(line)["name"] for line in waiting] == ["HSBC HOLDINGS PLC"]


def test_companies_house_joins_gleif_by_the_number_of_the_company(console: Console) -> None:
    listed = console.folder / "a.csv"
    listed.write_bytes(as_csv(["website", "lei"], [["hsbc.com", "MLU0ZO3ML4LN2LL2TL39"]]))
    run(console, "companies", listed)
    header = ["CompanyName", " CompanyNumber", "RegAddress.PostTown", "RegAddress.PostCode",
              "CompanyStatus", "IncorporationDate", "SICCode.SicText_1"]  # fmt: skip
    rows = [
        ["HSBC HOLDINGS PLC", "617987", "LONDON", "E14 5HQ", "Active", "01/01/1959",
         "64205 - Activities of financial services holding companies"],
        ["GONE LTD", "00000001", "YORK", "YO1 1AA", "Dissolved", "", ""],
    ]  # fmt: skip
    snapshot = console.folder / "BasicCompanyDataAsOneFile-2026-11-01.zip"
    snapshot.write_bytes(as_zip("BasicCompanyDataAsOneFile-2026-11-01.csv", as_csv(header, rows)))
    counts = run(console, "companies-house", snapshot)
    assert (counts["aside"], counts["passed_over"]) == (1, 1)
    gleif = console.folder / "gleif.csv.gz"
    gleif.write_bytes(gzip.compress(as_csv(GLEIF_COLUMNS, RECORDS)))
    counts = run(console, "gleif", gleif)
    assert (counts["matched"], counts["settled"]) == (1, 1)
    told = profile_in(console, "hsbc")["firmographics"]
    assert told["industry"]["value"] == "Activities of financial services holding companies"
    assert told["founded_year"]["value"] == 1959
    assert told["headquarters"]["value"]["country"] == "GB"


def test_every_format_of_a_list_gives_the_same_companies(tmp_path: Path) -> None:
    files = {
        "a.csv": as_csv(list(LISTED[0]), [tuple(row.values()) for row in LISTED]),
        "a.csv.gz": gzip.compress(
            b"\xef\xbb\xbfwebsite;label;lei\r\n"
            + b"".join(";".join(row.values()).encode() + b"\r\n" for row in LISTED)
        ),
        "a.jsonl": b"".join(json.dumps(row).encode() + b"\n\n" for row in LISTED),
    }
    parquet = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([{**row, "extra": 1.5} for row in LISTED]), parquet)
    files["a.parquet"] = parquet.read_bytes()
    seen = []
    for name, data in files.items():
        folder = tmp_path / f"of-{name}"
        folder.mkdir()
        console = Console(folder)
        (folder / name).write_bytes(data)
        assert run(console, "companies", folder / name, "--as-of", "2026-11-01")["new"] == 2
        left = left_in(console)
        seen.append([line.replace(f"file:{name}", "file:") for line in left["facts"]])
    assert seen[1:] == seen[:-1]


def test_standard_input_and_a_bare_list_of_domains(console: Console) -> None:
    text = b"example.com\nwww.b\xc3\xbccher.example\nlocalhost\n\nexample.com\n"
    done = console("load", "domains", "-", "--json", stdin=text)
    assert (done.json["new"], done.json["unchanged"], done.json["rejected"]) == (2, 1, 1)
    done = console("load", "domains", "-", "--json", stdin=gzip.compress(text))
    assert (done.json["new"], done.json["unchanged"]) == (0, 3)


BAD_ROWS: Mapping[str, tuple[bytes, str]] = {
    "too few": (b"bad.example", "1 fields under 3 columns"),
    "too many": (b"a,b,c,d", "4 fields under 3 columns"),
    "open quote": (b'bad.example,"never closed,DE', "a quote is opened and not closed"),
    "stray quote": (b'bad.example,a "b c,DE', "a quote is opened and not closed"),
    "after quote": (b'bad.example,"a"b,DE', "not as CSV is written"),
    "nul": (b"bad.example,a\0b,DE", "name holds a NUL character"),
    "latin-1": (b"bad.example,B\xfccher,DE", "name holds bytes that are no text"),
    "huge": (b"bad.example," + b"x" * 2_000_000 + b",DE", "the line is longer than 1 MiB"),
    "long": (b"bad.example," + b"x" * 300 + b",DE", "name is longer than 200 characters"),
    "country": (b"bad.example,Bad,Atlantis", "'Atlantis' is no country"),
    "address": (b"http://[::1,Bad,DE", "is no web address"),
    "suffix": (b"co.uk,Bad,DE", "'co.uk' is no company's domain"),
    "nothing": (b",,DE", "neither domain, name, LEI nor company number"),
}


def test_a_bad_row_costs_itself_and_is_told(console: Console) -> None:
    lines = [b"domain,name,country"]
    for number, (line, _) in enumerate(BAD_ROWS.values()):
        lines += [line, b'good-%d.example,"Good, ""%d""",DE' % (number, number)]
    lines.append(b'over-lines.example,"Over\ntwo lines",DE')
    file, rejects = console.folder / "rows.csv", console.folder / "bad.jsonl"
    file.write_bytes(b"\n".join(lines))
    counts = run(console, "companies", file, "--rejects", str(rejects))
    assert (counts["rejected"], counts["new"]) == (len(BAD_ROWS), len(BAD_ROWS) + 1)
    told = [json.loads(line) for line in rejects.read_text().splitlines()]
    for number, (one, (_, reason)) in enumerate(zip(told, BAD_ROWS.values(), strict=True)):
        assert (one["row"], one["file"]) == (2 * number + 1, "rows.csv")
        assert reason in one["reason"]
    assert rejects.stat().st_size < 100_000
    assert profile_in(console, "over-lines")["name"] == "Over two lines"
    assert profile_in(console, "good-2")["name"] == 'Good, "2"'


def test_a_file_that_is_none_of_its_kind_is_told_with_what_is_missing(console: Console) -> None:
    file = console.folder / "file.csv"
    file.write_bytes(b"LEI,Name\n1,2\n")
    told = console("load", "gleif", str(file), code=2).err
    assert "file.csv: is no gleif file: Entity.LegalName, Entity.LegalAddress.Country" in told
    told = console("load", "gleif", "nowhere.csv", code=2).err
    assert "nowhere.csv: No such file" in told


def test_what_came_before_the_cut_is_in(console: Console) -> None:
    file = console.folder / "cut.csv.gz"
    rows = b"domain\n" + b"".join(b"c%d.example\n" % n for n in range(5_000))
    file.write_bytes(gzip.compress(rows)[:-2_000])
    counts = json.loads(console("load", "domains", str(file), "--json", code=1).out)
    assert 0 < counts["new"] < 5_000
    assert len(left_in(console)["companies"]) == counts["new"]
    assert not counts["is_whole"]


def test_a_dry_run_writes_nothing_and_a_limit_is_gone_on_from(console: Console) -> None:
    file = console.folder / "a.txt"
    file.write_text("".join(f"c{number}.example\n" for number in range(10)))
    assert run(console, "domains", file, "--dry-run")["new"] == 10
    assert left_in(console)["companies"] == []
    assert run(console, "domains", file, "--limit", "4")["new"] == 4
    counts = run(console, "domains", file)
    assert (counts["resumed_after"], counts["rows"], counts["new"]) == (4, 10, 10)
    assert run(console, "domains", file)["new"] == 10
    assert run(console, "domains", file, "--no-resume")["unchanged"] == 10
    rejects = console.folder / "bad.jsonl"
    assert run(console, "domains", file, "--rejects", str(rejects))["unchanged"] == 10


def test_wrong_usage_is_told(console: Console) -> None:
    file = console.folder / "a.txt"
    file.write_text("acme.example\n")
    for options, reason in (
        (["--column", "nme=Name"], "fields are domain"),
        (["--encoding", "klingon"], "not known"),
        (["--as-of", "yesterday"], "write a date"),
        (["--column", "name=Name"], "there is no column 'Name'"),
    ):
        assert reason in console("load", "companies", str(file), *options, code=2).err
    assert '"-" can be given once' in console("load", "domains", "-", "-", code=2).err


def write_colliding(file: Path, count: int) -> None:
    """A list whose rows are new, matched, undecided, aside, bad and twice there."""
    chance = random.Random(7)
    with file.open("w", encoding="utf-8") as stream:
        for number in range(count):
            row = {"id": number, "name": f"Name {chance.randrange(900)} Ltd", "country": "GB",
                   "city": chance.choice(["Leeds", "York"])}  # fmt: skip
            if chance.random() < 0.2:
                row["domain"] = f"c{chance.randrange(1_500)}.example"
            if chance.random() < 0.02:
                row["country"] = "Nowhere"
            stream.write(json.dumps(row) + "\n")


def test_a_load_that_is_killed_again_and_again_ends_as_one_that_was_not(
    console_on: Console, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    write_colliding(file, 7_000)
    (tmp_path / "calm").mkdir()
    calm = Console(tmp_path / "calm")
    options = ["--as-of", "2026-11-01", "--rejects", "bad.jsonl", "--undecided", "doubts.jsonl"]
    expected = run(calm, "companies", file, *options)
    assert all(expected[one] for one in ("new", "matched", "aside", "undecided", "rejected"))
    chance, patience, kills = random.Random(1), 1.0, 0
    environment = {**os.environ, "TRACEWELL_DATA": str(console_on.data), **console_on.environment}
    while True:
        process = subprocess.Popen(
            [SCRIPT, "load", "companies", str(file), "--json", *options],
            cwd=console_on.folder, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            out, _ = process.communicate(timeout=patience * chance.uniform(0.5, 1.5))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            patience *= 1.2
    counts = json.loads(out)
    assert (process.returncode, kills > 1) == (0, True)
    assert {**counts, "resumed_after": None} == expected
    assert left_in(console_on) == left_in(calm)
    for name in ("bad.jsonl", "doubts.jsonl"):
        assert (console_on.folder / name).read_bytes() == (calm.folder / name).read_bytes()
