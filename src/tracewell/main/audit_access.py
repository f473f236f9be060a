"""The audit log as the operator's commands reach it: in the database, past the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tracewell.intrace.audit import leaf_store, tree_store
from tracewell.intrace.audit.checking import CheckedLog, OnProgress, Outside, check_log
from tracewell.intrace.audit.export_lines import (
    ExportBegin,
    ExportedLeaf,
    ExportFormat,
    Product,
    render_begin,
    render_end,
    render_leaf,
)
from tracewell.intrace.audit.proofs import TreeHead
from tracewell.intrace.audit.tree import AuditTree
from tracewell.kernel.clock import Clock, format_utc, system_clock
from tracewell.kernel.database import Database, open_database
from tracewell.kernel.merkle import Span, nodes_of
from tracewell.kernel.signing import VerificationKeys
from tracewell.main.settings import Settings
from tracewell.main.signing import open_signing

LEAVES_AT_ONCE = 10_000


class AuditRefused(Exception):  # noqa: N818 - a sentence: "the request was refused"
    """There is no log here, or nothing of it to export."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What is exported: all leaves from `first` on."""

    form: ExportFormat
    product: Product
    first: int = 0


@dataclass(frozen=True, slots=True)
class AuditAccess:
    """The log of one deployment."""

    database: Database
    tree: AuditTree
    clock: Clock
    keys: VerificationKeys

    async def check(self, outside: Outside, on_progress: OnProgress) -> CheckedLog:
        """Checks every row. Raises DatabaseFailed."""
        async with self.database.snapshot() as tx:
            return await check_log(tx, outside, on_progress)

    async def list_leaf_hashes(self, first: int, end: int) -> list[bytes]:
        """The hashes of leaves, as many as there are."""
        async with self.database.statement() as tx:
            return await tree_store.list_leaf_hashes(tx, Span(first, end))

    async def export(
        self, plan: ExportPlan, on_progress: OnProgress
    ) -> AsyncIterator[Sequence[bytes]]:
        """The lines of an export, chunk by chunk; the head that it ends with is signed first.

        Raises AuditRefused, LogAltered, DatabaseFailed, SigningFailed.
        """
        head = await self.tree.head()
        size = head.checkpoint.size
        if plan.first > size:
            raise AuditRefused(f"the log has {size} leaves, none from {plan.first} on")
        now = format_utc(self.clock())
        before = nodes_of(Span(0, plan.first))
        async with self.database.statement() as tx:
            nodes = await tree_store.fetch_nodes(tx, before)
        begin = ExportBegin(head.checkpoint.origin, plan.first, tuple(nodes[n] for n in before))
        yield [render_begin(begin, plan.form, plan.product, now)]
        for first in range(plan.first, size, leaf_store.CHUNK_LEAVES):
            span = Span(first, min(first + leaf_store.CHUNK_LEAVES, size))
            yield await self._export_span(span, plan, now)
            on_progress(span.end - plan.first, size - plan.first)
        yield [render_end(head.note, plan.form, plan.product, now)]

    async def _export_span(self, span: Span, plan: ExportPlan, now: str) -> list[bytes]:
        async with self.database.snapshot() as tx:
            rows = await leaf_store.list_leaf_rows(tx, span)
            hashes = await tree_store.list_leaf_hashes(tx, span)
        lines = []
        for row in rows:
            place = row.leaf - span.first
            if place < len(hashes):  # what is no leaf of the tree is for `verify` to tell
                leaf = ExportedLeaf(row.leaf, row.kind, hashes[place], row.entry)
                lines.append(render_leaf(leaf, plan.form, plan.product, now))
        return lines

    async def head(self) -> TreeHead:
        """The signed head as of now. Raises as `AuditTree.head`."""
        return await self.tree.head()


def require_database(settings: Settings) -> None:
    """Raises AuditRefused where no server has made a database yet."""
    if settings.database_url is None and not (settings.data / "tracewell.db").exists():
        raise AuditRefused(f"there is no database in {settings.data}; name its folder with --data")


@asynccontextmanager
async def open_audit(settings: Settings, clock: Clock = system_clock) -> AsyncIterator[AuditAccess]:
    """Opens the log where it is; no table is made or changed. Raises AuditRefused, DatabaseFailed,
    SigningFailed.

    The commands that only read need no right to write but for signing a new head.
    """
    require_database(settings)
    signing = open_signing(settings)
    database = await open_database(settings.database)
    try:
        tree = AuditTree(database, clock, signing, settings.organization_id)
        yield AuditAccess(database, tree, clock, signing.verification_keys())
    finally:
        await database.close()
