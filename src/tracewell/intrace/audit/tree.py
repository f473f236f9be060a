"""Signs heads of the log's tree and proves what they cover.

Nothing is signed that did not grow out of what was signed before, as far as this process knows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracewell.intrace import errors
from tracewell.intrace.audit import tree_store
from tracewell.intrace.audit.leaf_store import ensure_built
from tracewell.intrace.audit.model import encode_completion
from tracewell.intrace.audit.proofs import (
    Consistency,
    Inclusion,
    LeafPage,
    LeafProof,
    LogAltered,
    NoteSigner,
    TreeHead,
    origin_of,
)
from tracewell.intrace.audit.store import find_leaves
from tracewell.intrace.audit.tree_store import StoredCheckpoint
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.kernel.merkle import Span, consistency_spans, hash_leaf, inclusion_spans
from tracewell.kernel.merkle_proofs import InclusionProof
from tracewell.kernel.signing import Checkpoint, NoteInvalid, verify_checkpoint


class AuditTree:
    """The tree over one organisation's log."""

    def __init__(
        self, database: Database, clock: Clock, signer: NoteSigner, organization_id: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._origin = origin_of(organization_id)
        self._known: TreeHead | None = None
        self.problem: str | None = None
        """How the log was seen to be altered when its head was last asked for."""

    async def ensure_built(self) -> None:
        """Makes a tree of a log that was written before it was one."""
        async with self._database.transaction() as tx:
            await ensure_built(tx)

    async def head(self) -> TreeHead:
        """The head of the tree as it is now, signed anew when it has grown.

        Raises LogAltered, DatabaseFailed, SigningFailed.
        """
        try:
            head = await self._head()
        except LogAltered as error:
            self.problem = str(error)
            raise
        self.problem = None
        return head

    async def _head(self) -> TreeHead:
        async with self._database.snapshot() as tx:
            size = await tree_store.get_size(tx)
            last = await self._check_last(tx, size)
        return last if last is not None and last.checkpoint.size == size else await self._seal()

    async def head_covering(self, leaf: int) -> TreeHead:
        """A head that covers a leaf, an existing one where there is one. Raises as `head`."""
        if self._known is not None and self._known.checkpoint.size > leaf:
            return self._known
        async with self._database.snapshot() as tx:
            last = await self._check_last(tx, await tree_store.get_size(tx))
        return last if last is not None and last.checkpoint.size > leaf else await self._seal()

    async def inclusion(self, request_id: str) -> Inclusion:
        """Proves a request's record, and its completion once there is one.

        Raises ApiError (`not_found`), LogAltered, DatabaseFailed, SigningFailed.
        """
        async with self._database.statement() as tx:
            found = await find_leaves(tx, request_id)
        if found is None:
            raise ApiError(errors.NOT_FOUND)
        last_leaf = found.record_leaf
        if found.completion is not None:
            last_leaf = max(last_leaf, found.completion_leaf)
        head = await self.head_covering(last_leaf)
        async with self._database.statement() as tx:
            record = await _prove(tx, found.record_leaf, found.record or None, head)
            completion = None
            if found.completion is not None:
                entry = encode_completion(request_id, found.completion)
                completion = await _prove(tx, found.completion_leaf, entry, head)
        return Inclusion(request_id, head, record, completion)

    async def consistency(self, old_size: int, size: int | None = None) -> Consistency:
        """Proves that the tree of a size, or as it is now, begins with the tree of an older size.

        Raises ApiError (`not_found`: the tree has no such sizes), and as `head`.
        """
        head = await self.head()
        size = head.checkpoint.size if size is None else size
        if not old_size <= size <= head.checkpoint.size:
            raise ApiError(errors.NOT_FOUND)
        async with self._database.statement() as tx:
            hashes = await _hashes(tx, consistency_spans(old_size, size))
        return Consistency(old_size, size, tuple(hashes), head)

    async def list_leaves(self, first: int, limit: int) -> LeafPage:
        """The hashes of leaves from `first` on, for whoever keeps them outside."""
        async with self._database.snapshot() as tx:
            size = await tree_store.get_size(tx)
            hashes = await tree_store.list_leaf_hashes(tx, Span(first, min(first + limit, size)))
        return LeafPage(first, size, tuple(hashes))

    async def _seal(self) -> TreeHead:
        async with self._database.transaction() as tx:
            size = await tree_store.lock_next_leaf(tx)
            last = await self._check_last(tx, size)
            if last is not None and last.checkpoint.size == size:
                return last
            [root] = await _hashes(tx, [Span(0, size)])
            checkpoint = Checkpoint(self._origin, size, root)
            note, key_id = self._signer.sign_note(checkpoint.to_text(), self._origin)
            stored = StoredCheckpoint(size, note, key_id, self._clock())
            await tree_store.add_checkpoint(tx, stored)
        self._known = TreeHead(checkpoint, stored)
        return self._known

    async def _check_last(self, tx: Transaction, size: int) -> TreeHead | None:
        """The last signed head, once the tree is seen to have grown out of it."""
        stored = await tree_store.find_last_checkpoint(tx)
        known = self._known
        if known is not None:
            await self._check_grown(tx, known, size)
            if stored is None or stored.size < known.checkpoint.size:
                raise LogAltered(f"the signed head of {known.checkpoint.size} leaves is gone")
            if stored == known.stored:
                return known
        if stored is None:
            return None
        try:
            signed = verify_checkpoint(stored.note, self._signer.verification_keys())
        except NoteInvalid as error:
            raise LogAltered(f"the head of {stored.size} leaves is {error}") from None
        head = TreeHead(signed.checkpoint, stored)
        if signed.checkpoint.origin != self._origin or signed.checkpoint.size != stored.size:
            raise LogAltered(f"the head of {stored.size} leaves is not of this log and size")
        await self._check_grown(tx, head, size)
        self._known = head
        return head

    async def _check_grown(self, tx: Transaction, head: TreeHead, size: int) -> None:
        signed = head.checkpoint
        if signed.size > size:
            raise LogAltered(f"{signed.size} leaves were signed, {size} are there")
        if await _hashes(tx, [Span(0, signed.size)]) != [signed.root]:
            raise LogAltered(f"the first {signed.size} leaves are not those that were signed")


async def _hashes(tx: Transaction, spans: Sequence[Span]) -> list[bytes]:
    try:
        return await tree_store.hash_spans(tx, spans)
    except KeyError as error:
        raise LogAltered("a node of the tree is gone") from error


async def _prove(tx: Transaction, leaf: int, entry: bytes | None, head: TreeHead) -> LeafProof:
    own = Span(leaf, leaf + 1)
    spans = inclusion_spans(leaf, head.checkpoint.size)
    leaf_hash, *hashes = await _hashes(tx, [own, *spans])
    if entry is not None and hash_leaf(entry) != leaf_hash:
        raise LogAltered(f"leaf {leaf} is not the one that was logged")
    return LeafProof(entry, leaf_hash, InclusionProof(leaf, tuple(hashes), head.note))
