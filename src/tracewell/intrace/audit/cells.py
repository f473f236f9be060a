"""Cells of the log as a check reads them, whatever somebody has written there past the server.

SQLite takes a value of any type in any column: an altered cell is to be named, not stumbled over.
"""

from __future__ import annotations

_FOREIGN = b"\x00not bytes: "


def read_bytes(cell: object) -> bytes:
    """Bytes. What is none becomes others than were ever logged, also where it spells the same."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell)
    return _FOREIGN + repr(cell).encode()


def read_whole(cell: object) -> int | None:
    """A whole number, else None."""
    return cell if type(cell) is int else None


def read_text(cell: object) -> str | None:
    """A text or None; of anything else what Python calls it."""
    return cell if cell is None or isinstance(cell, str) else repr(cell)
