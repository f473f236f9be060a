"""Files that no load can use are told with the reason, and never take more than their bound."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.trace.conftest import NOW

from tracewell.trace.loading.delimited import HeaderWrong
from tracewell.trace.loading.model import Reject, Row
from tracewell.trace.loading.reading import Reading, open_rows
from tracewell.trace.loading.streams import SourceUnreadable

GLEIF_JSON = json.dumps({"records": [{"LEI": {"$": f"{n}"}} for n in range(9_000)]}).encode()


def as_zip(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return held.getvalue()


def read(path: Path, source: str) -> list[Row | Reject]:
    with open_rows(str(path), Reading(source), NOW) as rows:
        return list(rows.items)


DOMAINS = b"domain\n" + b"".join(b"c%d.example\n" % n for n in range(5_000))
UNUSABLE: Mapping[str, tuple[str, bytes, type[Exception], str]] = {
    "gzip cut off": ("companies", gzip.compress(DOMAINS)[:-99], SourceUnreadable, "in the middle"),
    "gzip damaged": ("companies", gzip.compress(DOMAINS)[:-5] + b"12345", SourceUnreadable,
                     "is damaged"),
    "zip cut off": ("companies", as_zip("a.csv", DOMAINS)[:-10], SourceUnreadable, "is damaged"),
    "zip of none": ("companies", b"PK\x05\x06" + bytes(18), SourceUnreadable, "one data file"),
    "bomb": ("companies", as_zip("a.csv", b"domain\n" + bytes(100_000_000)), SourceUnreadable,
             "bomb"),
    "gzip bomb": ("gleif", gzip.compress(b"[" + b" " * 100_000_000), SourceUnreadable, "larger"),
    "empty": ("companies", b"", HeaderWrong, "the file has no header"),
    "utf-16": ("companies", "domain\na.example\n".encode("utf-16"), HeaderWrong, "UTF-16"),
    "latin-1 header": ("companies", b"d\xf6main\na.example\n", HeaderWrong, "see --encoding"),
    "nul header": ("companies", bytes(1_000), HeaderWrong, "no header of a CSV file"),
    "twice": ("companies", b"name,Name,name\n", HeaderWrong, "names name twice"),
    "columns": ("companies", b"a,b\n1,2\n", HeaderWrong, "no column says the domain or name or"),
    "domains": ("domains", b"name\nAcme\n", HeaderWrong, "no column says the domain; there are"),
    "house": ("companies-house", b"CompanyName\nx\n", HeaderWrong, "CompanyNumber, RegAddress"),
    "json cut off": ("gleif", GLEIF_JSON[:-20], SourceUnreadable, "after record 8999"),
    "json wrong": ("gleif", b'{"records": [{"LEI": tru]}', SourceUnreadable, "behind record 0"),
    "other json": ("gleif", b'{"data": []}', SourceUnreadable, "no records under 'records'"),
    "deep json": ("gleif", b"[" * 200_000, SourceUnreadable, "too deeply"),
    "huge record": ("gleif", b'[{"LEI": "' + b"x" * 30_000_000, SourceUnreadable, "16 MiB"),
    "parquet": ("companies", b"PAR1 no more", SourceUnreadable, "no Parquet file"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, case: str) -> None:
    source, data, kind, reason = UNUSABLE[case]
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(kind, match=reason):
        read(file, source)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for count in (4_000, 40_000):
        file = tmp_path / f"{count}.json.gz"
        with gzip.open(file, "wb", 1) as stream:
            stream.write(b'{"records": [')
            stream.writelines(b'{"LEI": {"$": "%020d"}},' % n for n in range(count))
            stream.write(b"{}]}")
        tracemalloc.start()
        with open_rows(str(file), Reading("gleif"), NOW) as rows:
            assert sum(1 for _ in rows.items) == count + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
