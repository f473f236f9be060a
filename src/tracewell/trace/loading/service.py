"""A load: rows in batches, each one transaction with its checkpoint; and records that waited.

However a load is cut into batches, runs and files, the same rows in the same order give the same
companies and records.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies.store import lock_companies
from tracewell.trace.loading import store
from tracewell.trace.loading.bodies import encode
from tracewell.trace.loading.checkpoints import Checkpoint, save_checkpoint
from tracewell.trace.loading.delimited import HeaderWrong
from tracewell.trace.loading.gathering import (
    gather_for_companies,
    gather_for_records,
    gather_for_waiting,
)
from tracewell.trace.loading.model import (
    Counts,
    Record,
    Reject,
    Row,
    RowPassedOver,
    RowRefused,
    State,
    Undecided,
)
from tracewell.trace.loading.streams import SourceUnreadable
from tracewell.trace.loading.workspace import Workspace
from tracewell.trace.loading.writing import Writer
from tracewell.trace.partnerships import store as partnerships

BATCH_ROWS = 2_000
"""Rows of one transaction: bounds memory, and how long other writers of companies wait."""
SETTLED_AT_ONCE = 500
WAITING_AT_ONCE = 200

Parse = Callable[[Mapping[str, object]], Record]
"""A row's record. Raises RowRefused, RowPassedOver."""
Item = Row | Reject


class Report(Protocol):
    """Where rejected and undecided rows go, before each commit."""

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Rows that could not be used."""
        ...

    def undecide(self, undecided: Sequence[Undecided]) -> None:
        """Rows of which it is not clear whose they are."""
        ...

    def keep(self) -> tuple[int | None, int | None]:
        """Makes durable what was told; the lengths of both files, None where there is none."""
        ...


@dataclass(slots=True)
class _Batch:
    """A portion of rows, understood as far as can be."""

    rows: list[tuple[int, Record, str, bytes]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    passed_over: int = 0
    last_row: int = 0
    size: int = 0


class Load:
    """One run over one or several files, from a checkpoint on."""

    def __init__(
        self, database: Database, clock: Clock, checkpoint: Checkpoint, report: Report,
        *, is_dry: bool = False, batch_rows: int = BATCH_ROWS,
    ) -> None:  # fmt: skip
        self._database = database
        self._clock = clock
        self._report = report
        self._is_dry = is_dry
        self._batch_rows = batch_rows
        self._writer = Writer()
        self.on_progress: Callable[[], None] | None = None
        self.checkpoint = checkpoint

    @property
    def counts(self) -> Counts:
        """What was done, runs before this one included."""
        return self.checkpoint.counts

    async def take(self, items: Iterator[Item], parse: Parse) -> None:
        """Takes the rows of one file in, those before the checkpoint left out.

        `items` is read in a thread. Raises DatabaseFailed, and whatever reading `items` raises;
        what came before that is in.
        """
        done = self.checkpoint.rows_done
        ahead = (one for one in items if _number(one) > done)
        while True:
            batch, failure = await asyncio.to_thread(_read_batch, ahead, parse, self._batch_rows)
            if batch.size:
                await self._take(batch)
            if failure is not None:
                raise failure
            if batch.size < self._batch_rows:
                return

    def next_file(self) -> None:
        """The file is whole: the next one begins at its first row."""
        self.checkpoint.file_number += 1
        self.checkpoint.rows_done = 0

    async def finish(self) -> None:
        """Leads partners that are known by name to new companies, and closes the load."""
        if self._is_dry:
            self._report.keep()
            return
        await _catch_up(self._database, self._writer, most_left=0)
        async with self._database.transaction() as tx:
            await lock_companies(tx)
            await self._writer.count_anew(tx, await partnerships.resolve_names(tx))
            self._note_lengths()
            await save_checkpoint(tx, self.checkpoint, self._clock(), is_finished=True)

    async def _take(self, batch: _Batch) -> None:
        if self._is_dry:
            async with self._database.snapshot() as tx:
                await self._apply(tx, batch)
            self._note_lengths()
        else:
            await _catch_up(self._database, self._writer, most_left=SETTLED_AT_ONCE)
            async with self._database.transaction() as tx:
                await lock_companies(tx)
                while await store.list_changed(tx, await store.fetch_mark(tx), 1):
                    await _settle_some(tx, self._writer)
                workspace = await self._apply(tx, batch)
                await self._writer.write(tx, workspace)
                await store.save_last_mark(tx)
                self._note_lengths()
                await save_checkpoint(tx, self.checkpoint, self._clock(), is_finished=False)
        if self.on_progress is not None:
            self.on_progress()

    def _note_lengths(self) -> None:
        lengths = self._report.keep()
        self.checkpoint.rejects_bytes, self.checkpoint.undecided_bytes = lengths

    async def _apply(self, tx: Transaction, batch: _Batch) -> Workspace:
        workspace = await gather_for_records(
            tx, [(record, digest) for _, record, _, digest in batch.rows]
        )
        counts, undecided = self.counts, []
        for number, record, body, digest in batch.rows:
            applied = workspace.apply(record, body, digest)
            setattr(counts, applied.action, getattr(counts, applied.action) + 1)
            counts.settled += applied.settled
            if applied.action == "undecided":
                decision = applied.decision
                undecided.append(Undecided(number, record, decision.reason, decision.candidates))
        counts.rows += batch.size
        counts.rejected += len(batch.rejects)
        counts.passed_over += batch.passed_over
        self.checkpoint.rows_done = batch.last_row
        self._report.reject(batch.rejects)
        self._report.undecide(undecided)
        return workspace


def _number(item: Item) -> int:
    return item.number if isinstance(item, Row) else item.row


def _read_batch(items: Iterator[Item], parse: Parse, size: int) -> tuple[_Batch, Exception | None]:
    """The next rows, and what went wrong behind them."""
    batch = _Batch()
    try:
        for item in islice(items, size):
            batch.size += 1
            batch.last_row = _number(item)
            if isinstance(item, Reject):
                batch.rejects.append(item)
                continue
            try:
                record = parse(item.fields)
            except RowRefused as error:
                batch.rejects.append(Reject(item.number, str(error), item.fields))
            except RowPassedOver:
                batch.passed_over += 1
            else:
                batch.rows.append((item.number, record, *encode(record)))
    except (SourceUnreadable, HeaderWrong) as error:
        return batch, error
    return batch, None


async def settle_waiting(database: Database) -> int:
    """Shows companies that have changed since the last time to the records that wait for one.

    Returns how many records were matched. For whoever writes companies by other ways than a load;
    does nothing where nothing was ever loaded. Raises DatabaseFailed.
    """
    async with database.snapshot() as tx:
        if not await store.has_records(tx):
            return 0
    return await _catch_up(database, Writer(), most_left=0)


async def iter_waiting(
    database: Database, state: State, limit: int | None
) -> AsyncIterator[Undecided]:
    """Records that are kept aside or undecided, in the order they came, as they stand today.

    Raises DatabaseFailed.
    """
    after, left = 0, limit
    while left is None or left > 0:
        async with database.snapshot() as tx:
            most = WAITING_AT_ONCE if left is None else min(left, WAITING_AT_ONCE)
            rows = await store.list_unmatched(tx, state, after, most)
            workspace = await gather_for_waiting(tx, [kept for _, kept in rows])
        if not rows:
            return
        after = rows[-1][0]
        left = None if left is None else left - len(rows)
        for record_id, kept in rows:
            decision = workspace.decide(kept)
            yield Undecided(record_id, kept.record, decision.reason, decision.candidates)


async def _catch_up(database: Database, writer: Writer, most_left: int) -> int:
    """The same, also where nothing was loaded yet; so many changed companies may be left."""
    settled = 0
    while True:
        async with database.snapshot() as tx:
            mark = await store.fetch_mark(tx)
            if len(await store.list_changed(tx, mark, most_left + 1)) <= most_left:
                return settled
        async with database.transaction() as tx:
            await lock_companies(tx)
            settled += await _settle_some(tx, writer)


async def _settle_some(tx: Transaction, writer: Writer) -> int:
    """The same for `SETTLED_AT_ONCE` companies, in a transaction that has locked the companies."""
    mark = await store.fetch_mark(tx)
    changed = await store.list_changed(tx, mark, SETTLED_AT_ONCE)
    if not changed:
        return 0
    ids = [company_id for _, company_id in changed]
    await store.write_keys(tx, await store.fetch_known(tx, ids))
    settled = 0
    if await store.has_waiting(tx):
        workspace = await gather_for_companies(tx, ids)
        settled = sum(workspace.settle(company_id) for company_id in ids)
        await writer.write(tx, workspace)
    # What was matched here has changed companies, too: the next turn finds nothing to do for them.
    await store.save_mark(tx, changed[-1])
    return settled
