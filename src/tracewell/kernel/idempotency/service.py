"""Runs a request once for its key: effect, charge and answer become durable together or not at all.

Two at once: the first to write holds the key; the other is told so (PostgreSQL) or waits for the
one writer (SQLite) and is told the first one's answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable

import orjson

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.database.unit import open_unit
from tracewell.kernel.idempotency import store
from tracewell.kernel.idempotency.model import (
    ORG_BYTES_MAX,
    RETRY_FULL_S,
    Answered,
    Claim,
    KeptAnswer,
    KeyInUse,
    KeyReused,
    TooMuchKept,
)
from tracewell.kernel.sealing import OPEN, Sealer

PURGED_AT_ONCE = 1_000
_FAST = 1


class _Before(Exception):  # noqa: N818
    """The key has an answer."""

    def __init__(self, fingerprint: bytes, stored: bytes) -> None:
        super().__init__()
        self.fingerprint = fingerprint
        self.stored = stored


class _NotKept(Exception):  # noqa: N818
    """The answer is told, and what was written for it is undone."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__()
        self.answer = answer


class Idempotency:
    """The kept answers of a deployment; `kept_ms` is how long each is kept."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        kept_ms: int,
        sealer: Sealer = OPEN,
        org_bytes_max: int = ORG_BYTES_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept_ms = kept_ms
        self._sealer = sealer
        self._org_bytes_max = org_bytes_max

    async def answer(self, claim: Claim, handle: Callable[[], Awaitable[KeptAnswer]]) -> Answered:
        """The kept answer, or what `handle` answers, kept with everything that it wrote.

        `handle` writes through a `JoiningDatabase`, in this task. What it raises is raised, with
        nothing written. Raises KeyReused, KeyInUse, TooMuchKept, DatabaseFailed, SealBroken.
        """
        async with self._database.statement() as tx:
            before = await store.find_answer(tx, claim, self._clock())
        if before is not None:
            return self._replay(claim, *before)
        try:
            return Answered(await self._answer_first(claim, handle), is_replay=False)
        except _Before as found:
            return self._replay(claim, found.fingerprint, found.stored)
        except _NotKept as undone:
            return Answered(undone.answer, is_replay=False)

    async def _answer_first(
        self, claim: Claim, handle: Callable[[], Awaitable[KeptAnswer]]
    ) -> KeptAnswer:
        async def begin(tx: Transaction) -> None:
            if not await store.try_lock(tx, claim):
                raise KeyInUse
            before = await store.find_answer(tx, claim, self._clock())
            if before is not None:
                raise _Before(*before)

        async with open_unit(self._database, begin) as unit:
            try:
                answer = await handle()
            except Exception:
                # Told as what it is, whatever the routes made of it on its way.
                if unit.refusal is not None:
                    raise unit.refusal from None
                raise
            if unit.refusal is None and not answer.is_kept:
                raise _NotKept(answer)
            packed = self._pack(claim, answer)
            tx = await unit.transaction()
            now = self._clock()
            taken = await store.add_answer(
                tx, claim, packed, now=now, expires_at=now + self._kept_ms
            )
            if taken > self._org_bytes_max:
                raise TooMuchKept(RETRY_FULL_S)
        return answer

    def _pack(self, claim: Claim, answer: KeptAnswer) -> bytes:
        headers = [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in answer.headers
        ]
        head = orjson.dumps([answer.status, headers])
        return self._sealer.seal(zlib.compress(head + b"\n" + answer.body, _FAST), claim.place)

    def _replay(self, claim: Claim, fingerprint: bytes, stored: bytes) -> Answered:
        if fingerprint != claim.fingerprint:
            raise KeyReused(claim.key)
        head, _, body = zlib.decompress(self._sealer.open(stored, claim.place)).partition(b"\n")
        status, headers = orjson.loads(head)
        told = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return Answered(KeptAnswer(status, told, body), is_replay=True)

    async def purge_expired(self) -> int:
        """Removes what is past its time, some at a time; how many there were."""
        count = 0
        while True:
            async with self._database.transaction() as tx:
                removed = await store.remove_expired(tx, self._clock(), PURGED_AT_ONCE)
            count += removed
            if removed < PURGED_AT_ONCE:
                return count
