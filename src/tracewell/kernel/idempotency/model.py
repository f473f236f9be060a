"""What a repeated request is: whose key, which request, what was answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

ANSWER_BYTES_MAX = 4 << 20
"""The largest body that is kept."""
ORG_BYTES_MAX = 1 << 30
"""What the kept answers of one org may take, as they are stored."""
RETRY_IN_USE_S = 1
RETRY_FULL_S = 3_600

KEPT_CLIENT_ERRORS = frozenset({400, 404, 409, 410, 422})
"""Refusals that depend on the request and the data. Of the others 401, 402, 403 and 429 change with
rights, credits and time, which the caller mends to repeat the very same request; 5xx is no answer.
"""


class KeyInUse(Exception):  # noqa: N818 - a sentence, as all below
    """The first request of the key is being answered at this moment."""


class KeyReused(Exception):  # noqa: N818
    """The key was sent before with another request."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class TooLargeToKeep(Exception):  # noqa: N818
    """The answer is over `bytes_max`; nothing was done."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__()
        self.bytes_max = bytes_max


class TooMuchKept(Exception):  # noqa: N818
    """The org's kept answers have reached their bound; nothing was done."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Claim:
    """One request under a key. `caller` is the kind of the credential and, of a user's, the user:
    what another caller calls by the same key is another request."""

    org_id: int
    caller: str
    key: str
    fingerprint: bytes

    @property
    def digest(self) -> bytes:
        """The key as it is stored: clients write names and addresses into keys."""
        return hashlib.sha256(self.key.encode()).digest()

    @property
    def place(self) -> str:
        """Names the claim's row."""
        return f"idempotency/{self.org_id}/{self.caller}/{self.digest.hex()}"

    @property
    def lock(self) -> int:
        """The row's name as a signed number of 64 bits."""
        digest = hashlib.sha256(self.place.encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


class KeptAnswer(NamedTuple):
    """An answer as it goes out: status, headers of its own, body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def is_kept(self) -> bool:
        """Whether a repeated request is told the same; else it is as if it had not been made."""
        return self.status < 400 or self.status in KEPT_CLIENT_ERRORS


class Answered(NamedTuple):
    """What a request is told; `is_replay`: it was answered before."""

    answer: KeptAnswer
    is_replay: bool


def fingerprint(parts: Iterable[bytes]) -> bytes:
    """A digest of a request by its parts; no two requests run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
