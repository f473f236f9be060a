"""The cache gives back what was read, notices every change, and is never trusted."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from tracewell.detection import (
    FingerprintSet,
    default_fingerprints_directory,
    load_cached_fingerprints,
    load_fingerprints,
    storing,
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "categories.json").write_text(json.dumps({"1": {"name": "CMS"}}))
    entry = {"A": {"cats": [1], "html": [r"a(\d)\;version:\1", "("], "implies": r"B\;confidence:5"}}
    (folder / "a.json").write_text(json.dumps({**entry, "B": {"dom": "b.made", "js": {"b": ""}}}))
    return folder


def cached_files(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def test_our_pack_comes_back_from_the_cache_as_it_was_read(tmp_path: Path) -> None:
    pack = default_fingerprints_directory()
    load_cached_fingerprints(pack, cache=tmp_path)
    again = load_cached_fingerprints(pack, cache=tmp_path)
    read = load_fingerprints(pack)
    assert again == read
    assert again.known_needles != {}
    for group, needles in read.needles.items():
        assert [tuple(own) if own is not None else None for own in again.needles[group]] == [
            *needles
        ]


def test_problems_are_kept_too(directory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load_cached_fingerprints(directory, cache=cache)
    assert first.problems
    assert load_cached_fingerprints(directory, cache=cache).problems == first.problems


def test_a_changed_file_is_read_anew(directory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    load_cached_fingerprints(directory, cache=cache)
    (directory / "b.json").write_text(json.dumps({"C": {"html": "c"}}))
    assert "C" in load_cached_fingerprints(directory, cache=cache).technologies
    stamps = (directory / "a.json").stat()
    text = (directory / "a.json").read_text().replace("b.made", "c.made")
    (directory / "a.json").write_text(text)  # of the same size and time
    os.utime(directory / "a.json", ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    names = {
        pattern.name
        for pattern in load_cached_fingerprints(directory, cache=cache).technologies["B"].patterns
    }
    assert "c.made" in names


def test_another_version_of_ours_reads_anew(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_cached_fingerprints(directory, cache=tmp_path / "cache")
    monkeypatch.setattr(storing, "FORM", storing.FORM + 1)
    load_cached_fingerprints(directory, cache=tmp_path / "cache")
    assert len(cached_files(tmp_path / "cache")) == 2


def test_a_damaged_cache_is_as_good_as_none(directory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    expected = load_cached_fingerprints(directory, cache=cache)
    (file,) = cached_files(cache)
    good = file.read_bytes()
    for damaged in (b"", good[:20], good[:-1], good[:99] + b"?" + good[100:], b"\0" * 4096):
        file.write_bytes(damaged)
        assert load_cached_fingerprints(directory, cache=cache) == expected
        assert file.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_done_without(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    loaded = load_cached_fingerprints(directory, cache=tmp_path / "file")
    assert set(loaded.technologies) == {"A", "B"}


def test_the_oldest_sets_give_way_and_nothing_else_does(directory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "notes.txt").write_text("keep me")
    for number in range(storing.FILES_MAX + 3):
        (directory / "b.json").write_text(json.dumps({f"T{number}": {"html": "c"}}))
        load_cached_fingerprints(directory, cache=cache)
    assert len(cached_files(cache)) == storing.FILES_MAX + 1
    assert (cache / "notes.txt").exists()


def test_two_at_a_time_leave_one_whole_file(directory: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    loaded: list[FingerprintSet] = []

    def load() -> None:
        loaded.append(load_cached_fingerprints(directory, cache=cache))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [load_fingerprints(directory)] * 4
    assert len(cached_files(cache)) == 1


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_cached_fingerprints(tmp_path / "none", cache=tmp_path)
