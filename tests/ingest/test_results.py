"""What was observed, as rows of Parquet and back: nothing is lost, nothing counts twice."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.cli.conftest import make_archive
from tests.ingest.conftest import make_site

from tracewell.detection import FingerprintSet, load_pack
from tracewell.main.archive_results import (
    ResultsRefused,
    digest_of,
    ensure_results,
    find_finished,
    iter_outcomes,
    observe_archive,
)
from tracewell.trace.ingest import Inspector, Observed, Skipped, make_inspector
from tracewell.trace.ingest.model import Redirect
from tracewell.trace.ingest.rows import (
    BATCH_ROWS,
    SCHEMA,
    ArchiveEnd,
    Problem,
    Told,
    iter_batches,
    iter_told,
)
from tracewell.trace.postings.model import SeenPosting
from tracewell.values import Evidence, TechnologyUse


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return make_inspector(load_pack())


def write(folder: Path, name: str, archive: str, told: list[Told]) -> None:
    table = pa.Table.from_batches(iter_batches(archive, told), SCHEMA)
    pq.write_table(table, folder / name)


def read(folder: Path, *archives: str) -> tuple[list[object], list[Problem], list[ArchiveEnd]]:
    problems: list[Problem] = []
    failed: list[ArchiveEnd] = []
    outcomes = list(iter_outcomes(folder, archives, problems.append, failed.append))
    return list(outcomes), problems, failed


def test_rows_give_back_what_was_observed(tmp_path: Path, inspector: Inspector) -> None:
    archive = str(make_archive(tmp_path / "a.warc.gz", make_site(1)))
    told = list(observe_archive(archive, inspector))
    assert told[-1] == ArchiveEnd(archive)
    observed = [one for one in told if isinstance(one, Observed)]
    assert len(observed) == 15
    assert any(one.uses for one in observed)
    assert any(one.facts for one in observed)
    assert any(one.claims for one in observed)
    write(tmp_path, "part.parquet", archive, told)
    assert read(tmp_path, archive) == (told[:-1], [], [])


def test_rows_hold_every_kind_and_texts_as_databases_can() -> None:
    use = TechnologyUse("A\0B", None, 50, (Evidence("html", "", "\ud800", "x", 1, 2),))
    posting = SeenPosting("k", "t", None, None, None, 1, None, "u", "c", 2, ("Go",))
    told: list[Told] = [
        Observed("key", "a.example", "u", "c:0", 5, True, (use,), (), (), (posting,)),
        Redirect("b.example", "a.example", 7),
        Problem("a.warc:9", "broken"),
        Skipped("not HTML"),
        Skipped("not HTML"),
        ArchiveEnd("a.warc", "the disk is gone"),
    ]
    (batch,) = iter_batches("a.warc", told)
    clean = TechnologyUse("A\ufffdB", None, 50, (Evidence("html", "", "\ufffd", "x", 1, 2),))
    assert list(iter_told(batch)) == [
        Observed("key", "a.example", "u", "c:0", 5, True, (clean,), (), (), (posting,)),
        *told[1:3],
        Skipped("not HTML", 2),
        told[-1],
    ]


def test_an_archive_of_any_length_is_a_stream_of_bounded_batches() -> None:
    told: list[Told] = [Redirect("b.example", "a.example", n) for n in range(BATCH_ROWS * 2 + 1)]
    assert [len(batch) for batch in iter_batches("a", told)] == [BATCH_ROWS, BATCH_ROWS, 1]


def test_an_archive_counts_once_however_often_it_was_tried(tmp_path: Path) -> None:
    first, second = Redirect("b.example", "a.example", 1), Redirect("c.example", "a.example", 2)
    write(tmp_path, "0.parquet", "a", [first, ArchiveEnd("a", "the line was cut")])
    assert find_finished(tmp_path) == set()
    assert read(tmp_path, "a") == ([first], [], [ArchiveEnd("a", "the line was cut")])
    write(tmp_path, "1.parquet", "a", [first, second, ArchiveEnd("a")])
    write(tmp_path, "2.parquet", "a", [first, second, ArchiveEnd("a")])
    write(tmp_path, "3.parquet", "other", [first, ArchiveEnd("other")])
    assert find_finished(tmp_path) == {"a", "other"}
    assert read(tmp_path, "a", "a") == ([first, second], [], [])
    assert read(tmp_path, "missing") == ([], [], [ArchiveEnd("missing", "no results")])


def test_an_archive_that_cannot_be_opened_ends_with_the_reason(
    tmp_path: Path, inspector: Inspector
) -> None:
    missing = str(tmp_path / "missing.warc.gz")
    (end,) = observe_archive(missing, inspector)
    assert end == ArchiveEnd(missing, "No such file or directory")


def test_a_folder_belongs_to_one_set_of_fingerprints(tmp_path: Path, inspector: Inspector) -> None:
    ours, results = inspector.fingerprints, tmp_path / "results"
    fewer = FingerprintSet(dict(list(ours.technologies.items())[:-1]))
    assert digest_of(fewer) != digest_of(ours)
    ensure_results(results, ours)
    ensure_results(results, ours)
    with pytest.raises(ResultsRefused, match="other fingerprints"):
        ensure_results(results, fewer)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").touch()
    with pytest.raises(ResultsRefused, match="other files"):
        ensure_results(tmp_path / "used", ours)


def test_a_damaged_file_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ResultsRefused, match=r"part-0\.parquet is damaged"):
        find_finished(tmp_path)
