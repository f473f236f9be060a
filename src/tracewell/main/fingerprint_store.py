"""Fingerprint collections that a user added to the data folder, beside our own pack.

`<data>/fingerprints/<name>/` holds `technologies/*.json`, `categories.json` and `collection.json`
(where it came from). How a published collection is fetched: `published_fingerprints`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tracewell.detection import (
    FingerprintSet,
    Problem,
    default_fingerprints_directory,
    digest_fingerprints,
    load_cached_fingerprints,
    load_fingerprints,
)
from tracewell.detection.loading import FILE_BYTES_MAX, technology_files
from tracewell.kernel.clock import Clock
from tracewell.main.fingerprint_errors import CollectionRefused

OWN = "tracewell"
"""The name under which our own pack is listed and compared."""

COLLECTIONS_MAX = 50
FILES_MAX = 500
COLLECTION_BYTES_MAX = 256 * 1024 * 1024

_FOLDER = "fingerprints"
_ABOUT = "collection.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CATEGORIES = "categories.json"
_KEPT = (_CATEGORIES, "groups.json", "LICENSE", "README.md")


@dataclass(frozen=True, slots=True)
class Collection:
    """A stored collection: its name, where it came from, when (milliseconds since the epoch), and
    how many technologies it holds and parts of it could not be read."""

    name: str
    source: str
    added_at: int
    technologies: int
    problems: int


@dataclass(frozen=True, slots=True)
class FingerprintStore:
    """The collections of one data folder."""

    data: Path

    @property
    def folder(self) -> Path:
        """Where the collections lie."""
        return self.data / _FOLDER

    def list_directories(self) -> list[Path]:
        """The folders of all collections, in order of name."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if (path / _ABOUT).is_file())

    def list_collections(self) -> list[Collection]:
        """All collections, in order of name. Raises CollectionRefused for a damaged one."""
        return [_read_about(path) for path in self.list_directories()]

    def get_directory(self, name: str) -> Path:
        """The folder of a collection, or of our own pack. Raises CollectionRefused."""
        if name == OWN:
            return default_fingerprints_directory()
        directory = self.folder / parse_name(name)
        if not (directory / _ABOUT).is_file():
            held = ", ".join([OWN, *(path.name for path in self.list_directories())])
            raise CollectionRefused(f"there is no collection {name!r}; there are {held}")
        return directory

    def add(
        self,
        source: Path,
        clock: Clock,
        *,
        name: str | None = None,
        origin: str | None = None,
        replace: bool = False,
    ) -> Collection:
        """Copies a directory of fingerprints into the data folder. Raises CollectionRefused."""
        name = parse_name(name or _name_of(source))
        known = [path.name for path in self.list_directories()]
        if name in known and not replace:
            raise CollectionRefused(
                f"there is a collection {name!r} already; give --replace to renew it, "
                "or another --name"
            )
        if name not in known and len(known) >= COLLECTIONS_MAX:
            raise CollectionRefused(f"more than {COLLECTIONS_MAX} collections cannot be kept")
        try:
            return self._store(source, name, origin or str(source.resolve()), clock)
        except OSError as error:
            raise CollectionRefused(f"{error.filename or source}: {error.strerror}") from error

    def list_problems(self, name: str) -> list[Problem]:
        """What of a collection could not be read. Raises CollectionRefused."""
        return list(load_fingerprints(self.get_directory(name)).problems)

    def remove(self, name: str) -> None:
        """Removes a collection. Raises CollectionRefused."""
        if name == OWN:
            raise CollectionRefused("our own pack is part of the program and stays")
        directory = self.get_directory(name)
        try:
            shutil.rmtree(directory)
        except OSError as error:
            raise CollectionRefused(f"{error.filename}: {error.strerror}") from error

    def _store(self, source: Path, name: str, origin: str, clock: Clock) -> Collection:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Made beside its place and moved there at once, so that no reader meets half of it.
        making = Path(tempfile.mkdtemp(prefix=".adding-", dir=self.folder))
        try:
            _copy_files(source, making)
            if not (making / _CATEGORIES).is_file():  # the numbers are the public ones, then
                shutil.copyfile(
                    default_fingerprints_directory() / _CATEGORIES, making / _CATEGORIES
                )
            loaded = load_fingerprints(making)
            if not loaded.technologies:
                raise CollectionRefused(f"{source} holds no fingerprints{_first_problem(loaded)}")
            count, faults = len(loaded.technologies), len(loaded.problems)
            collection = Collection(name, origin, clock(), count, faults)
            (making / _ABOUT).write_text(json.dumps(asdict(collection)) + "\n", encoding="utf-8")
            making.chmod(0o755)
            _put_in_place(making, self.folder / name)
            return collection
        finally:
            shutil.rmtree(making, ignore_errors=True)


def parse_name(text: str) -> str:
    """A collection's name: up to 64 of a-z 0-9 . _ -, not our own. Raises CollectionRefused."""
    if not _NAME.fullmatch(text):
        raise CollectionRefused(
            f"{text!r} cannot be the name of a collection; take letters a-z, digits, '.', '_', '-'"
        )
    if text == OWN:
        raise CollectionRefused(f"{OWN!r} is the name of our own pack; give another --name")
    return text


def count_own() -> int:
    """How many technologies our own pack holds, without compiling it."""
    files = technology_files(default_fingerprints_directory())
    return sum(len(json.loads(file.read_bytes())) for file in files)


def load_all(directories: Sequence[Path], data: Path | None) -> FingerprintSet:
    """Our own pack, the collections of the data folder, and further folders."""
    return load_cached_fingerprints(*_all(directories, data), cache=cache_folder())


def digest_all(directories: Sequence[Path], data: Path | None) -> str:
    """What changes with any byte of what `load_all` would read, and with this program's version."""
    return digest_fingerprints(_all(directories, data))


def _all(directories: Sequence[Path], data: Path | None) -> list[Path]:
    stored = FingerprintStore(data).list_directories() if data is not None else []
    return [default_fingerprints_directory(), *stored, *directories]


def cache_folder() -> Path:
    """Where read fingerprints are kept between starts: in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "tracewell" / "fingerprints"


def load_named(text: str, data: Path) -> FingerprintSet:
    """A set told as names or folders joined by `+`. Raises CollectionRefused."""
    store = FingerprintStore(data)
    directories: list[Path] = []
    for part in text.split("+"):
        is_folder = os.sep in part or part in (".", "..")
        directory = Path(part) if is_folder else store.get_directory(part)
        if not directory.is_dir():
            raise CollectionRefused(f"there is no folder {part}")
        directories.append(directory)
    loaded = load_fingerprints(*directories)
    if not loaded.technologies:
        raise CollectionRefused(f"{text} holds no fingerprints{_first_problem(loaded)}")
    return loaded


def _name_of(source: Path) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", source.resolve().name.lower()).lstrip("._-")


def _iter_kept(source: Path) -> Iterator[tuple[Path, Path]]:
    """The files of a collection, and where in ours they belong."""
    for file in technology_files(source):
        yield file, Path("technologies") / file.name
    for name in _KEPT:
        if (source / name).is_file():
            yield source / name, Path(name)


def _copy_files(source: Path, target: Path) -> None:
    (target / "technologies").mkdir()
    total = 0
    for number, (file, place) in enumerate(_iter_kept(source)):
        size = file.stat().st_size
        total += size
        if number >= FILES_MAX or size > FILE_BYTES_MAX or total > COLLECTION_BYTES_MAX:
            raise CollectionRefused(
                f"{source} is too large: at most {FILES_MAX} files, "
                f"{FILE_BYTES_MAX} bytes in one and {COLLECTION_BYTES_MAX} in all"
            )
        shutil.copyfile(file, target / place)


def _put_in_place(made: Path, place: Path) -> None:
    if place.exists():
        old = Path(tempfile.mkdtemp(prefix=".removing-", dir=place.parent))
        place.rename(old / place.name)
        made.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    else:
        made.rename(place)


def _first_problem(loaded: FingerprintSet) -> str:
    if not loaded.problems:
        return ""
    problem = loaded.problems[0]
    return f" ({problem.file}: {problem.reason})"


def _read_about(directory: Path) -> Collection:
    try:
        told: Mapping[str, object] = json.loads((directory / _ABOUT).read_bytes())
        return Collection(
            directory.name,
            str(told["source"]),
            int(str(told["added_at"])),
            int(str(told["technologies"])),
            int(str(told["problems"])),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CollectionRefused(
            f"{directory / _ABOUT} is damaged; remove the folder and add the collection again"
        ) from error
