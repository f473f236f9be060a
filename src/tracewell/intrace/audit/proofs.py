"""What is told of the tree over the log: heads, places of leaves, proofs. No SQL, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from tracewell.intrace.audit.tree_store import StoredCheckpoint
from tracewell.kernel.clock import format_utc
from tracewell.kernel.merkle_proofs import InclusionProof
from tracewell.kernel.signing import Checkpoint, VerificationKeys
from tracewell.kernel.signing.encoding import encode_base64


class LogAltered(Exception):  # noqa: N818 - a sentence: "the log was altered"
    """The stored tree is not one that grew out of what was signed before; nothing is signed."""


class NoteSigner(Protocol):
    """Signs notes with the current key, verifies with every key that ever signed."""

    def sign_note(self, text: str, name: str) -> tuple[str, str]:
        """The signed note and the key's id. Raises SigningFailed."""
        ...

    def verification_keys(self) -> VerificationKeys:
        """The current public key and the retired ones. Raises SigningFailed."""
        ...


def origin_of(organization_id: str) -> str:
    """The name of an organisation's log, under which its heads are signed."""
    return f"tracewell-audit/{quote(organization_id, safe='')}"


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A signed head of the log's tree."""

    checkpoint: Checkpoint
    stored: StoredCheckpoint

    @property
    def note(self) -> str:
        """The checkpoint as a signed note (https://c2sp.org/tlog-checkpoint)."""
        return self.stored.note

    def to_wire(self) -> dict[str, Any]:
        """The API's fields; the note alone is signed."""
        return {
            "origin": self.checkpoint.origin,
            "tree_size": self.checkpoint.size,
            "root_hash": encode_base64(self.checkpoint.root),
            "checkpoint": self.stored.note,
            "key_id": self.stored.key_id,
            "signed_at": format_utc(self.stored.signed_at),
        }


@dataclass(frozen=True, slots=True)
class LeafProof:
    """One leaf, and that a head covers it. `entry` is what it hashes, None once it was purged."""

    entry: bytes | None
    leaf_hash: bytes
    proof: InclusionProof

    def to_wire(self) -> dict[str, Any]:
        """The API's fields; `proof` is a text of https://c2sp.org/tlog-proof."""
        return {
            "leaf_index": self.proof.leaf,
            "leaf_hash": encode_base64(self.leaf_hash),
            "entry": None if self.entry is None else orjson.Fragment(self.entry),
            "hashes": [encode_base64(hashed) for hashed in self.proof.hashes],
            "proof": self.proof.to_text(),
        }


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That a head covers a request's record and, once there is one, its completion.

    The completion's entry holds the report's hash, so that its proof covers the report.
    """

    request_id: str
    head: TreeHead
    record: LeafProof
    completion: LeafProof | None

    def to_wire(self) -> dict[str, Any]:
        """The API's fields."""
        return {
            "request_id": self.request_id,
            "tree_head": self.head.to_wire(),
            "record": self.record.to_wire(),
            "completion": None if self.completion is None else self.completion.to_wire(),
        }


@dataclass(frozen=True, slots=True)
class Consistency:
    """That a head's tree begins with the tree of a smaller size."""

    old_size: int
    size: int
    hashes: tuple[bytes, ...]
    head: TreeHead

    def to_wire(self) -> dict[str, Any]:
        """The API's fields."""
        return {
            "old_size": self.old_size,
            "size": self.size,
            "hashes": [encode_base64(hashed) for hashed in self.hashes],
            "tree_head": self.head.to_wire(),
        }


@dataclass(frozen=True, slots=True)
class LeafPage:
    """Hashes of leaves from a place on, and how many the tree has."""

    first: int
    tree_size: int
    hashes: tuple[bytes, ...]

    def to_wire(self) -> dict[str, Any]:
        """The API's fields."""
        return {
            "first": self.first,
            "tree_size": self.tree_size,
            "leaf_hashes": [encode_base64(hashed) for hashed in self.hashes],
        }
