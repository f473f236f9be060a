"""How many rows a CPU second `tracewell load` takes in, by format, and with how much memory.

`python -m benchmarks.loading [--rows 20000] [--only FORMAT] [--postgresql]`: writes invented files
in the formats of their publishers, loads each in a process of its own into a new database, and once
more at four times the rows, so that memory that grows with the file shows.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.databases import fresh_database

from tracewell.kernel.database import open_database
from tracewell.main.ground import all_migrations
from tracewell.main.loading import LoadPlan, load_files
from tracewell.trace.loading.reading import Reading

NOW = 1_795_000_000_000
SYLLABLES = [first + last for first in "bcdfglmnprst" for last in "aeiou"]
CITIES = ("London", "Leeds", "York", "Bristol", "Glasgow", "Cardiff")

Draw = Callable[[int], Iterator[dict[str, str]]]


def draw_name(chance: random.Random) -> str:
    words = ("".join(chance.choices(SYLLABLES, k=chance.randrange(2, 5))) for _ in range(2))
    return " ".join(words).upper()


def draw_list(rows: int) -> Iterator[dict[str, str]]:
    chance = random.Random(1)
    for number in range(rows):
        yield {
            "domain": f"{draw_name(chance).replace(' ', '-').lower()}{number}.example",
            "name": draw_name(chance).title(), "country": "GB", "city": chance.choice(CITIES),
            "industry": "Software", "employees": "11-50", "founded": "2011",
        }  # fmt: skip


def draw_companies_house(rows: int) -> Iterator[dict[str, str]]:
    chance = random.Random(2)
    rest = ["RegAddress.CareOf", "RegAddress.POBox", "RegAddress.County", "DissolutionDate",
            *(f"PreviousName_{n}.CONDATE" for n in range(1, 11)),
            *(f"PreviousName_{n}.CompanyName" for n in range(1, 11)),
            *(f"Accounts.{n}" for n in range(16))]  # fmt: skip
    for number in range(rows):
        yield {
            "CompanyName": f"{draw_name(chance)} LIMITED", " CompanyNumber": f"{number:08d}",
            "RegAddress.AddressLine1": "1 HIGH STREET",
            "RegAddress.PostTown": chance.choice(CITIES),
            "RegAddress.PostCode": f"LS{number % 90} {number % 9}AB", "CompanyStatus": "Active",
            "IncorporationDate": "01/02/2010", "RegAddress.Country": "ENGLAND",
            "SICCode.SicText_1": "62012 - Business and domestic software development",
            **dict.fromkeys(rest, ""),
        }  # fmt: skip


def draw_gleif(rows: int) -> Iterator[dict[str, str]]:
    chance = random.Random(3)
    empty = [f"Entity.OtherEntityNames.OtherEntityName.{n}{part}" for n in range(1, 6)
             for part in ("", ".xmllang", ".type")]  # fmt: skip
    rest = [f"Registration.Further.{n}" for n in range(250)]  # as many columns as the publisher's
    for number in range(rows):
        head = f"9999{number:014d}"
        value = int("".join(str(int(character, 36)) for character in head + "00"))
        address = {"FirstAddressLine": "1 High Street", "City": chance.choice(CITIES),
                   "Country": "GB", "PostalCode": f"LS{number % 90} {number % 9}AB"}  # fmt: skip
        yield {
            "LEI": f"{head}{98 - value % 97:02d}",
            "Entity.LegalName": f"{draw_name(chance)} LIMITED",
            **dict.fromkeys(empty, ""),
            **{f"Entity.LegalAddress.{part}": text for part, text in address.items()},
            **{f"Entity.HeadquartersAddress.{part}": text for part, text in address.items()},
            "Entity.RegistrationAuthority.RegistrationAuthorityID": "RA000585",
            "Entity.RegistrationAuthority.RegistrationAuthorityEntityID": f"{number:08d}",
            "Entity.EntityStatus": "ACTIVE", "Entity.EntityCreationDate": "2010-02-01T00:00:00Z",
            "Registration.LastUpdateDate": "2026-06-01T00:00:00Z",
            "Registration.RegistrationStatus": "ISSUED", **dict.fromkeys(rest, ""),
        }  # fmt: skip


def write_csv(path: Path, rows: Iterator[dict[str, str]]) -> None:
    first = next(rows)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("data.csv", "w", force_zip64=True) as stream,
    ):
        line = _Line()
        writer = csv.writer(line, quoting=csv.QUOTE_ALL)
        writer.writerow(first)
        writer.writerow(first.values())
        stream.write(line.take())
        for row in rows:
            writer.writerow(row.values())
            stream.write(line.take())


class _Line:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def take(self) -> bytes:
        data = "".join(self.parts).encode()
        self.parts.clear()
        return data


def write_json(path: Path, rows: Iterator[dict[str, str]]) -> None:
    with gzip.open(path, "wb", 1) as stream:
        stream.write(b'{"records": [')
        for number, row in enumerate(rows):
            record: dict[str, object] = {}
            for column, value in row.items():
                if not value:
                    continue
                at = record
                *way, last = column.split(".")
                for part in way:
                    at = at.setdefault(part, {})  # type: ignore[assignment]
                at[last] = {"$": value}
            stream.write((b"," if number else b"") + json.dumps(record).encode())
        stream.write(b"]}")


def write_json_lines(path: Path, rows: Iterator[dict[str, str]]) -> None:
    with gzip.open(path, "wb", 1) as stream:
        stream.writelines(json.dumps(row).encode() + b"\n" for row in rows)


def write_parquet(path: Path, rows: Iterator[dict[str, str]]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=50_000)


CASES: dict[str, tuple[str, Draw, Callable[[Path, Iterator[dict[str, str]]], None]]] = {
    "companies CSV": ("companies", draw_list, write_csv),
    "companies JSON Lines": ("companies", draw_list, write_json_lines),
    "companies Parquet": ("companies", draw_list, write_parquet),
    "domains CSV": ("domains", draw_list, write_csv),
    "GLEIF CSV": ("gleif", draw_gleif, write_csv),
    "GLEIF JSON": ("gleif", draw_gleif, write_json),
    "Companies House CSV": ("companies-house", draw_companies_house, write_csv),
}


async def take(url: str, source: str, file: str) -> None:
    database = await open_database(url)
    await all_migrations().up(database)
    begun = time.process_time()
    plan = LoadPlan(Reading(source, columns={}, as_of=NOW), (file,))
    outcome = await load_files(database, lambda: NOW, plan, lambda *_: None)
    spent = time.process_time() - begun
    await database.close()
    assert outcome.is_whole, outcome
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{outcome.counts.rows / spent:.0f} {peak:.0f} {outcome.counts.new}")


def measure(url: str, source: str, file: Path) -> tuple[int, int, int]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.loading",
        "--url",
        url,
        "--take",
        source,
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rate, peak, new = map(int, done.stdout.split())
    return rate, peak, new


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--take", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take:
        asyncio.run(take(given.url, *given.take))
        return
    dialect = "postgresql" if given.postgresql else "sqlite"
    print(f"{dialect}; rows per CPU second of the loading process, its peak memory in MB")
    print("| format | rows | becomes | rows / CPU s | MB | rows | rows / CPU s | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, (source, draw, write) in CASES.items():
        if given.only not in (None, name):
            continue
        cells = [name]
        for rows in (given.rows, 4 * given.rows):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "file"
                write(file, draw(rows))
                with fresh_database(dialect, Path(folder), migrated=False) as url:
                    rate, peak, new = measure(url, source, file)
            cells += [f"{rows:,}"]
            cells += ["companies" if new else "kept aside"] if len(cells) == 2 else []
            cells += [f"{rate:,}", str(peak)]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
