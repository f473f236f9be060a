"""Files as streams of bytes: plain, gzip, or the one data file of a zip; bounded, and named errors.

Nothing is unpacked to disk or held in memory.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

RATIO_MAX: Final = 250
"""Bytes out for each byte in; registers give 5 to 40."""
RATIO_FREE_BYTES: Final = 64 * 1024 * 1024
"""So much may come out whatever the ratio: small files of blanks are harmless."""
_SAMPLE_BYTES: Final = 1 << 20
_BUFFER_BYTES: Final = 1 << 18
_ENDINGS: Final = (".csv", ".json", ".jsonl", ".ndjson", ".tsv", ".txt")

STDIN: Final = "-"


class SourceUnreadable(Exception):  # noqa: N818 - a sentence: "the source is unreadable"
    """The file cannot be opened, or not read on: missing, damaged, cut off, or a bomb."""


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A file being read. `name` is that of the data, within a zip that of its member.

    `read_bytes` tells how much of the file's `size` has been read, before unpacking.
    """

    name: str
    stream: BinaryIO
    size: int
    read_bytes: Callable[[], int]


class _Guarded(io.RawIOBase):
    """What is unpacked, with the packer's errors named and the bomb stopped."""

    def __init__(self, inner: BinaryIO, read_bytes: Callable[[], int]) -> None:
        # One step at a time: what came out before a file turns out to be cut off is not lost.
        self._read = getattr(inner, "read1", inner.read)
        self._read_bytes = read_bytes
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _named():
            data: bytes = self._read(len(buffer))
        buffer[: len(data)] = data
        self._out += len(data)
        if self._out > RATIO_FREE_BYTES and self._out > RATIO_MAX * max(1, self._read_bytes()):
            raise SourceUnreadable(
                f"unpacks to more than {RATIO_MAX} times its size: taken for a bomb"
            )
        return len(data)


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise SourceUnreadable("ends in the middle: the file was cut off") from error
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise SourceUnreadable(f"is damaged: {error}") from error
    except (NotImplementedError, RuntimeError) as error:
        raise SourceUnreadable(f"cannot be unpacked: {error}") from error
    except OSError as error:
        raise SourceUnreadable(error.strerror or str(error)) from error


@contextmanager
def open_source(file: str) -> Iterator[OpenSource]:
    """Opens a path, or standard input for `-`. Raises SourceUnreadable, here and in reading."""
    if file == STDIN:
        yield _opened("standard input", cast("io.BufferedReader", sys.stdin.buffer), 0)
        return
    with ExitStack() as stack:
        with _named():
            raw = stack.enter_context(Path(file).open("rb"))
        size = os.fstat(raw.fileno()).st_size
        head = raw.read(4)
        raw.seek(0)
        if head.startswith(b"PK"):
            with _named():
                archive = zipfile.ZipFile(raw)
            with archive:
                member = _find_member(archive)
                with _named():
                    inner = archive.open(member)
                yield OpenSource(
                    member.filename, _guard(cast("BinaryIO", inner), raw.tell), size, raw.tell
                )
        else:
            yield _opened(Path(file).name, raw, size)


def _opened(name: str, raw: io.BufferedReader, size: int) -> OpenSource:
    with _named():
        head = raw.peek(2)[:2]
    counted = _Counted(raw)
    plain = cast("BinaryIO", counted)
    if head == b"\x1f\x8b":
        plain = cast("BinaryIO", gzip.GzipFile(fileobj=plain, mode="rb"))
        name = name.removesuffix(".gz")
    return OpenSource(name, _guard(plain, counted.count), size, counted.count)


class _Counted(io.RawIOBase):
    """A stream that knows how much was read of it, seekable or not."""

    def __init__(self, inner: io.BufferedReader) -> None:
        self._inner = inner
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        read = self._inner.readinto(buffer)
        self._count += read
        return read

    def count(self) -> int:
        """Bytes that were read."""
        return self._count


def _guard(inner: BinaryIO, read_bytes: Callable[[], int]) -> BinaryIO:
    return io.BufferedReader(_Guarded(inner, read_bytes), _BUFFER_BYTES)


def _find_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if one.filename.lower().endswith(_ENDINGS)]
    if len(members) != 1:
        names = ", ".join(one.filename for one in archive.infolist()[:5]) or "nothing"
        raise SourceUnreadable(f"a zip must hold one data file; this holds {names}")
    return members[0]


def fingerprint(file: str) -> str | None:
    """By what a file is known again when a load is taken up: its size, its first and last MiB.

    None for standard input. Raises SourceUnreadable.
    """
    if file == STDIN:
        return None
    digest = hashlib.blake2b(digest_size=16)
    with _named(), Path(file).open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        digest.update(str(size).encode())
        digest.update(raw.read(_SAMPLE_BYTES))
        raw.seek(max(0, size - _SAMPLE_BYTES))
        digest.update(raw.read(_SAMPLE_BYTES))
    return digest.hexdigest()
