"""What an auditor keeps outside: the last head and the hash of every leaf; and the comparison.

A head alone shows that something was altered; the hashes (32 bytes a leaf) show which leaf.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from tracewell.intrace.audit.findings import Finding, Findings, KnownHead, Problem
from tracewell.kernel.merkle import HASH_BYTES, Frontier
from tracewell.kernel.signing import (
    Checkpoint,
    VerificationKeys,
    parse_checkpoint,
    verify_checkpoint,
)
from tracewell.kernel.signing.encoding import decode_base64

STATE_FORMAT = "tracewell-audit-watch/1"
LEAVES_AT_ONCE = 10_000
ANSWER_BYTES_MAX = 4 << 20
TIMEOUT_S = 30.0
_STATE_BYTES_MAX = 1 << 20
_HINTS = {
    401: ": it does not know the key in TRACEWELL_API_KEY",
    403: ": the key's role lacks the scope audit:read",
    404: ": Intrace's address is what stands before /v1, such as https://intrace.example.com/intrace",
}


class WatchRefused(Exception):  # noqa: N818 - a sentence: "the watch was refused"
    """The state file is not one, or the server does not answer as the audit log does."""


class LogUnreachable(Exception):  # noqa: N818 - a sentence: "the log is unreachable"
    """The server cannot be reached."""


class WatchedLog(Protocol):
    """A log as it is seen from outside."""

    async def fetch_head(self) -> str:
        """The newest checkpoint, a signed note."""
        ...

    async def fetch_leaves(self, first: int, end: int) -> Sequence[bytes]:
        """The hashes of leaves of that span, or fewer from its begin."""
        ...


@dataclass(frozen=True, slots=True)
class ServedLog:
    """The log behind a server's API; the key's role needs the scope `audit:read`.

    `base_url` is Intrace's: what stands before `/v1`.
    """

    base_url: str
    api_key: str

    async def fetch_head(self) -> str:
        """The newest checkpoint. Raises LogUnreachable, WatchRefused."""
        checkpoint = self._get("tree-head").get("checkpoint")
        if not isinstance(checkpoint, str):
            raise WatchRefused("the server's answer holds no checkpoint")
        return checkpoint

    async def fetch_leaves(self, first: int, end: int) -> Sequence[bytes]:
        """The hashes of leaves. Raises LogUnreachable, WatchRefused."""
        limit = min(end - first, LEAVES_AT_ONCE)
        try:
            hashes = self._get("leaves", first=first, limit=limit)["leaf_hashes"]
            return [decode_base64(hashed) for hashed in hashes][:limit]
        except (KeyError, TypeError, ValueError):
            raise WatchRefused("the server's answer holds no hashes of leaves") from None

    def _get(self, path: str, **params: int) -> dict[str, Any]:
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise WatchRefused("the address of a server begins with https:// or http://")
        url = f"{self.base_url.rstrip('/')}/v1/audit/{path}?{urlencode(params)}"
        request = urllib.request.Request(url, headers={"X-API-Key": self.api_key})  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
                body = answer.read(ANSWER_BYTES_MAX + 1)
        except urllib.error.HTTPError as error:
            told = _HINTS.get(error.code, "")
            raise WatchRefused(
                f"the server answered {error.code} to /v1/audit/{path}{told}"
            ) from None
        except (OSError, HTTPException) as error:
            raise LogUnreachable(f"{self.base_url}: {error}") from error
        try:
            members = json.loads(body) if len(body) <= ANSWER_BYTES_MAX else None
        except ValueError:
            members = None
        if not isinstance(members, dict):
            raise WatchRefused(f"the server's answer to /v1/audit/{path} is not JSON of the log")
        return members


@dataclass(frozen=True, slots=True)
class WatchState:
    """What is kept: a checkpoint (a signed note) and the hashes of the leaves that it covers."""

    checkpoint: str
    leaf_hashes: tuple[bytes, ...]

    @property
    def head(self) -> Checkpoint:
        """The head that is kept, its signature checked when it was fetched."""
        return parse_checkpoint(self.checkpoint)


def load_state(path: Path) -> WatchState | None:
    """The kept state, None where there is none yet. Raises WatchRefused."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            members = json.loads(file.read(_STATE_BYTES_MAX))
        if members["format"] != STATE_FORMAT:
            raise ValueError("another format")
        head = parse_checkpoint(members["checkpoint"])
        stored = _leaves_path(path).read_bytes()[: head.size * HASH_BYTES]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WatchRefused(f"{path} is not the state of a watch") from error
    hashes = tuple(stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES))
    if _grown(hashes).root() != head.root or len(hashes) != head.size:
        raise WatchRefused(f"{_leaves_path(path)} does not belong to the head in {path}")
    return WatchState(members["checkpoint"], hashes)


def save_state(path: Path, state: WatchState, kept: int) -> None:
    """Keeps a state whose first `kept` hashes are kept already. Raises OSError."""
    leaves = _leaves_path(path)
    with leaves.open("r+b" if leaves.exists() else "w+b") as file:
        # What a watch that was ended in the middle has left behind the kept ones is written over.
        file.seek(kept * HASH_BYTES)
        file.truncate()
        file.write(b"".join(state.leaf_hashes[kept:]))
        file.flush()
        os.fsync(file.fileno())
    members = {"format": STATE_FORMAT, "checkpoint": state.checkpoint}
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as text:
            json.dump(members, text)
            text.flush()
            os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


async def look(
    log: WatchedLog, keys: VerificationKeys, state: WatchState | None
) -> tuple[WatchState | None, Findings]:
    """Compares a log with what was kept; the new state when it only grew, else what is wrong.

    Raises NoteInvalid for a head that the log did not sign, LogUnreachable, WatchRefused.
    """
    findings = Findings()
    note = await log.fetch_head()
    new = verify_checkpoint(note, keys).checkpoint
    kept = state.leaf_hashes if state is not None else ()
    if state is not None:
        old = state.head
        if old.origin != new.origin:
            raise WatchRefused(f"the kept head is of the log {old.origin}, not {new.origin}")
        if new.size < old.size:
            detail = f"{old.size} leaves were kept, the log now has {new.size}"
            findings.add(Finding(Problem.TRUNCATED, new.size, old.size - 1, detail))
    grown = _grown(kept[: new.size])
    added = await _fetch(log, len(kept), new.size)
    for leaf_hash in added:
        grown.append(leaf_hash)
    if findings.count or grown.size != new.size or grown.root() != new.root:
        await _name_altered(log, kept[: new.size], findings)
        if not findings.count:
            last = max(new.size - 1, len(kept))
            detail = "the leaves that the log gives are not those of its signed head"
            findings.add(Finding(Problem.REWRITTEN, len(kept), last, detail))
        return None, findings
    return WatchState(note, (*kept, *added)), findings


async def _name_altered(log: WatchedLog, kept: Sequence[bytes], findings: Findings) -> None:
    """The leaves whose hashes are not those that were kept."""
    now = await _fetch(log, 0, len(kept))
    for leaf, (old, new) in enumerate(zip(kept, now, strict=False)):
        if old != new:
            detail = "not the leaf whose hash was kept outside"
            findings.add(Finding(Problem.REWRITTEN, leaf, leaf, detail))


async def _fetch(log: WatchedLog, first: int, end: int) -> list[bytes]:
    hashes: list[bytes] = []
    while first + len(hashes) < end:
        page = await log.fetch_leaves(first + len(hashes), end)
        if not page:
            break
        hashes += page
    return hashes


def known_heads(state: WatchState | None, source: str) -> list[KnownHead]:
    """The kept head, to check a database against."""
    return [] if state is None else [KnownHead(state.head, source)]


def _grown(hashes: Sequence[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf_hash in hashes:
        frontier.append(leaf_hash)
    return frontier


def _leaves_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.leaves")
