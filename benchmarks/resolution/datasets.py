"""The labelled data sets as records of `tracewell.resolution.resolve`. Nothing is measured here.

The data lie outside the project, under `../shared/data/resolution` or `TRACEWELL_SHARED`.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewell.resolution import Kind, SourceRecord, parse_record

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TRACEWELL_SHARED", ROOT.parent / "shared"))
DATA = SHARED / "data" / "resolution"

Key = tuple[str, str]
_NUMBERS = ("PASSPORT", "DRIVERS_LICENSE", "NATIONAL_ID", "TAX_ID", "SSN", "PHONE", "OTHER_ID")
_ADDRESS = ("ADDR_FULL", "ADDR_LINE1", "ADDR_CITY", "ADDR_STATE", "ADDR_POSTAL_CODE",
            "ADDR_COUNTRY")  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataSet:
    """Records and, by (source, record_id), the name of the true cluster."""

    name: str
    records: tuple[SourceRecord, ...]
    truth: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class NamePair:
    """Two names, the kind of their holders, and whether they are labelled as one."""

    first: str
    second: str
    kind: Kind
    is_match: bool


def read_truthset(folder: Path = DATA / "truthset") -> DataSet:
    """Senzing's truth set: `records.jsonl` in Senzing's form, `key.csv` with the true clusters."""
    with (folder / "records.jsonl").open(encoding="utf-8") as file:
        records = tuple(parse_record(_from_senzing(json.loads(line))) for line in file)
    with (folder / "key.csv").open(encoding="utf-8", newline="") as rows:
        truth = {
            (row["data_source"], row["record_id"]): row["cluster_id"]
            for row in csv.DictReader(rows)
        }
    return DataSet("truth set", records, truth)


def _from_senzing(entry: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "record_id": entry["RECORD_ID"],
        "source": entry["DATA_SOURCE"],
        "kind": "person",
        "names": [],
        "dates": {},
        "identifiers": [],
        "addresses": [],
        "attributes": {},
    }
    for feature in entry["FEATURES"]:
        if "RECORD_TYPE" in feature:
            record["kind"] = feature["RECORD_TYPE"].lower()
        name = feature.get("NAME_ORG") or feature.get("NAME_FULL")
        given = [feature[k] for k in ("NAME_FIRST", "NAME_MIDDLE", "NAME_LAST") if k in feature]
        if name or given:
            record["names"].append(name or " ".join(given))
        for key, date in (("DATE_OF_BIRTH", "birth"), ("REGISTRATION_DATE", "registration")):
            if key in feature:
                record["dates"][date] = feature[key]
        for key in ("GENDER", "EMPLOYER"):
            if key in feature:
                record["attributes"][key.lower()] = feature[key]
        if address := ", ".join(feature[k] for k in _ADDRESS if feature.get(k)):
            record["addresses"].append(address)
        for kind in _NUMBERS:
            if value := feature.get(f"{kind}_NUMBER"):
                country = feature.get(f"{kind}_COUNTRY") or feature.get(f"{kind}_STATE")
                record["identifiers"].append({"type": kind, "value": value, "country": country})
        if value := feature.get("EMAIL_ADDRESS"):
            record["identifiers"].append({"type": "email", "value": value})
    return record


def read_febrl(number: int, folder: Path = DATA / "febrl") -> DataSet:
    """A FEBRL data set: synthetic people, the record's id tells the true cluster."""
    records, truth = [], {}
    for row in _rows(folder / f"dataset{number}.csv"):
        address = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")
        records.append(
            parse_record(
                {
                    "record_id": row["rec_id"],
                    "source": "febrl",
                    "kind": "person",
                    "names": [f"{row['given_name']} {row['surname']}"],
                    "dates": {"birth": row["date_of_birth"]},
                    "identifiers": [{"type": "soc_sec_id", "value": row["soc_sec_id"]}],
                    "addresses": [" ".join(row[key] for key in address)],
                }
            )
        )
        truth["febrl", row["rec_id"]] = row["rec_id"].split("-")[1]
    return DataSet(f"febrl {number}", tuple(records), truth)


def read_fake(path: Path = DATA / "fake_1000.csv") -> DataSet:
    """Splink's fake_1000: badly typed people."""
    records, truth = [], {}
    for row in _rows(path):
        records.append(
            parse_record(
                {
                    "record_id": row["unique_id"],
                    "source": "fake",
                    "kind": "person",
                    "names": [f"{row['first_name']} {row['surname']}"],
                    "dates": {"birth": row["dob"]},
                    "identifiers": [{"type": "email", "value": row["email"]}],
                    "addresses": [row["city"]],
                }
            )
        )
        truth["fake", row["unique_id"]] = row["cluster"]
    return DataSet("fake_1000", tuple(records), truth)


def read_name_pairs(path: Path = DATA / "names" / "pairs.csv") -> list[NamePair]:
    """OpenSanctions' labelled pairs of names."""
    return [
        NamePair(
            row["name1"],
            row["name2"],
            Kind.PERSON if row["schema"] == "Person" else Kind.ORGANIZATION,
            row["is_match"] == "true",
        )
        for row in _rows(path)
    ]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {key.strip(): value.strip() for key, value in row.items()}


READERS: Mapping[str, Callable[[], DataSet]] = {
    "truth set": read_truthset,
    "febrl 1": lambda: read_febrl(1),
    "febrl 2": lambda: read_febrl(2),
    "fake_1000": read_fake,
}
