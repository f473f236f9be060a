"""Keeps read fingerprints on disk, so that the next start neither parses files nor expressions.

One file per set, plain JSON behind a checksum: whatever is wrong with it, the set is read anew. The
caller names the folder; what lies there otherwise is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from tracewell.detection.fingerprints import GROUPS, FingerprintSet, Wanted
from tracewell.detection.loading import load_fingerprints, read_files
from tracewell.detection.model import Fingerprint, Implication, Pattern, Problem

FORM = 7  # of the file; to be raised whenever what is stored, or how needles are found, changes
FILE_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 8
_PREFIX, _SUFFIX = "fingerprints-", ".cache"
_DIGEST_BYTES = 32


def load_cached_fingerprints(*directories: Path, cache: Path) -> FingerprintSet:
    """`load_fingerprints`, from the cache where the same files were read before by this version.

    `cache` is a folder, made where it is missing; it holds at most FILES_MAX sets, the oldest give
    way. A cache that cannot be read or written is as good as none. Raises FileNotFoundError for a
    fingerprint directory that is none.
    """
    key = digest_fingerprints(directories)
    path = cache / f"{_PREFIX}{key[:32]}{_SUFFIX}"
    stored = _read(path, key)
    if stored is not None:
        return stored
    loaded = load_fingerprints(*directories)
    with contextlib.suppress(OSError):
        _write(path, key, loaded)
    return loaded


def digest_fingerprints(directories: Sequence[Path]) -> str:
    """What a set depends on: this version, and every byte of the files."""
    digest = hashlib.sha256()
    version = importlib.metadata.version("tracewell")
    digest.update(f"{FORM} {version} {sys.version_info[:2]} {len(directories)}".encode())
    for directory in directories:
        for name, content in read_files(directory):
            digest.update(f"\0{name}\0{len(content)}\0".encode())
            digest.update(content)
        digest.update(b"\0\0")
    return digest.hexdigest()


def _read(path: Path, key: str) -> FingerprintSet | None:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    body = data[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != data[:_DIGEST_BYTES]:
        return None
    try:
        stored = orjson.loads(body)
        if stored["key"] != key:
            return None
        return _unpack(stored)
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def _write(path: Path, key: str, loaded: FingerprintSet) -> None:
    """Whole or not at all: readers never see half a file, two writers never mix."""
    body = orjson.dumps({"key": key, **_pack(loaded)})
    if len(body) + _DIGEST_BYTES > FILE_BYTES_MAX:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).digest())
            file.write(body)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    _drop_oldest(path.parent)


def _drop_oldest(folder: Path) -> None:
    files = [*folder.glob(f"{_PREFIX}*{_SUFFIX}"), *folder.glob(f"{_PREFIX}*.part")]
    with contextlib.suppress(FileNotFoundError):  # another process was quicker
        for file in sorted(files, key=lambda file: file.stat().st_mtime)[:-FILES_MAX]:
            file.unlink(missing_ok=True)


_PATTERN = tuple(field.name for field in fields(Pattern))[1:]
_PLAIN = ("name", "categories", "vendor", "website", "description")
_RELATIONS = ("requires", "requires_categories", "excludes")


def _pack(loaded: FingerprintSet) -> dict[str, Any]:
    technologies = [
        [
            [getattr(one, name) for name in (*_PLAIN, *_RELATIONS)],
            [[getattr(pattern, name) for name in _PATTERN] for pattern in one.patterns],
            [[step.technology, step.confidence, step.version] for step in one.implies],
        ]
        for one in loaded.technologies.values()
    ]
    return {
        "technologies": technologies,
        "categories": loaded.categories,
        "problems": [
            [one.file, one.technology, one.kind, one.reason, one.pattern] for one in loaded.problems
        ],
        "needles": {
            group: [[wanted.needles, wanted.placed] for wanted in table]
            for group, table in loaded.needles.items()
        },
    }


def _unpack(stored: dict[str, Any]) -> FingerprintSet:
    technologies: dict[str, Fingerprint] = {}
    for plain, patterns, steps in stored["technologies"]:
        name, categories, vendor, website, description, requires, kinds, excludes = plain
        technologies[name] = Fingerprint(
            name,
            tuple(categories),
            vendor,
            website,
            description,
            tuple([Pattern(name, *values) for values in patterns]),
            tuple([Implication(*values) for values in steps]),
            tuple(requires),
            tuple(kinds),
            tuple(excludes),
        )
    loaded = FingerprintSet(
        technologies,
        tuple(stored["categories"]),
        tuple(Problem(*values) for values in stored["problems"]),
        known_needles={
            group: [Wanted(needles and tuple(needles), placed) for needles, placed in table]
            for group, table in stored["needles"].items()
        },
    )
    for group in GROUPS:
        if len(stored["needles"][group]) != len(loaded.patterns_in(group)):
            raise ValueError(f"the needles of {group} are not those of its patterns")
    return loaded
