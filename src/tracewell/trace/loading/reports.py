"""Rejected and undecided rows as JSON Lines in files that can be taken up where a load was cut."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tracewell.trace.loading.model import Reject, Undecided

DATA_CHARS_MAX = 10_000


class LinesFile:
    """A file that grows line by line; behind `resume_at` stands what did not commit."""

    def __init__(self, path: Path, resume_at: int | None) -> None:
        """Begins anew with `resume_at` None, or where the file is shorter. Raises OSError."""
        begins = path.stat().st_size if path.exists() else 0
        self._stream = path.open("r+b" if begins else "wb")
        self._stream.truncate(resume_at if resume_at is not None and resume_at <= begins else 0)
        self._stream.seek(0, os.SEEK_END)

    def write(self, objects: Iterable[dict[str, Any]]) -> None:
        """A line for each."""
        for one in objects:
            # Escaped throughout: a row may hold what is no character.
            self._stream.write(json.dumps(one, default=str).encode("ascii") + b"\n")

    def keep(self) -> int:
        """Makes the lines durable; the file's length in bytes."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return self._stream.tell()

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()


class FileReport:
    """The report of a load in up to two files; counts alone where there is none."""

    def __init__(self, rejects: LinesFile | None, undecided: LinesFile | None) -> None:
        self._rejects = rejects
        self._undecided = undecided
        self.file = ""
        """The name of the file that is being read."""

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Rows that could not be used."""
        if self._rejects is not None:
            self._rejects.write(
                {"file": self.file, "row": one.row, "reason": one.reason, "data": _short(one.data)}
                for one in rejects
            )

    def undecide(self, undecided: Sequence[Undecided]) -> None:
        """Rows of which it is not clear whose they are."""
        if self._undecided is not None:
            self._undecided.write(
                {"file": self.file, "row": one.row, **undecided_row(one)} for one in undecided
            )

    def keep(self) -> tuple[int | None, int | None]:
        """Makes durable what was told; the lengths of both files."""
        files = (self._rejects, self._undecided)
        rejects, undecided = (None if one is None else one.keep() for one in files)
        return rejects, undecided

    def close(self) -> None:
        """Closes the files."""
        for one in (self._rejects, self._undecided):
            if one is not None:
                one.close()


def undecided_row(one: Undecided) -> dict[str, Any]:
    """A row that is not decided, with the companies that it may be of, the likeliest first."""
    record = one.record
    return {
        "key": record.key,
        "name": record.names[0] if record.names else None,
        "domains": record.domains,
        "identifiers": [dict(identifier._asdict()) for identifier in record.identifiers],
        "reason": one.reason,
        "candidates": [
            {
                "slug": candidate.slug,
                "domain": candidate.domain,
                "score": candidate.score,
                "reasons": candidate.reasons,
            }
            for candidate in one.candidates
        ],
    }


def _short(data: object) -> object:
    """The row, or the beginning of one that is too long to be told whole."""
    if data is None or len(text := json.dumps(data, default=str)) <= DATA_CHARS_MAX:
        return data
    return text[:DATA_CHARS_MAX]
