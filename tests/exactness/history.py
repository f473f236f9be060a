"""What clients asked and what they were told: the witness against which the database is checked."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tests.exactness.world import Intention

What = Literal["charged", "absent", "refused", "granted", "lost"]


@dataclass(frozen=True)
class Asked:
    """One attempt at an intention, written down before it is sent."""

    request_id: str
    intention: Intention
    at: int

    @property
    def booking_id(self) -> str:
        """The request id of a grant, the same for every attempt: who loses the answer asks again
        by it."""
        return f"grant-{self.intention.client}-{self.intention.number}"


@dataclass(frozen=True)
class Told:
    """What came back. `lost`: an error or nothing, so that the client cannot know.

    `numbers` is (credits, remaining) of a charge, (requested, shortfall) of a refusal, (balance,)
    of a grant. `items` are those whose data were told.
    """

    request_id: str
    what: What
    at: int = 0
    items: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    error: str = ""


class Witness(Protocol):
    """Takes down what clients see."""

    def ask(self, asked: Asked) -> None:
        """Before the call is sent."""

    def tell(self, told: Told) -> None:
        """After the answer has come."""


@dataclass
class History:
    """A witness in memory."""

    asked: dict[str, Asked] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)

    def ask(self, asked: Asked) -> None:
        """Takes down a call; ids must not repeat."""
        if asked.request_id in self.asked:
            raise AssertionError(f"{asked.request_id} was asked twice")
        self.asked[asked.request_id] = asked

    def tell(self, told: Told) -> None:
        """Takes down an answer."""
        if told.request_id not in self.asked or told.request_id in self.told:
            raise AssertionError(f"{told.request_id} was told twice, or never asked")
        self.told[told.request_id] = told


class HistoryFile:
    """A witness that outlives a SIGKILL: each line is one write to a file in append mode.

    There is no fsync: what a process has handed to the kernel stays when only the process dies.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def ask(self, asked: Asked) -> None:
        """Writes a call down."""
        self._write(["asked", dataclasses.asdict(asked)])

    def tell(self, told: Told) -> None:
        """Writes an answer down."""
        self._write(["told", dataclasses.asdict(told)])

    def _write(self, row: list[object]) -> None:
        os.write(self._file, json.dumps(row).encode() + b"\n")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def iter_history(path: Path) -> Iterator[Asked | Told]:
    """Streams the lines of a history file; a last line that was cut off was never told."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            name, row = json.loads(line)
            if name == "asked":
                intention = row["intention"]
                intention["items"] = tuple(intention["items"])
                yield Asked(row["request_id"], Intention(**intention), row["at"])
            else:
                row["items"] = tuple(row["items"])
                row["numbers"] = tuple(row["numbers"])
                yield Told(**row)


def read_history(*paths: Path) -> History:
    """All lines of the files as one history."""
    history = History()
    for path in paths:
        for line in iter_history(path):
            if isinstance(line, Asked):
                history.ask(line)
            else:
                history.tell(line)
    return history
