"""Pages of companies that fit a tree: counted, sorted, read and charged in one transaction."""

from __future__ import annotations

from pyroaring import BitMap

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies import store
from tracewell.trace.companies.model import Summary
from tracewell.trace.companies.views import SortColumn
from tracewell.trace.filters.evaluation import evaluate
from tracewell.trace.filters.model import Leaf, Node
from tracewell.trace.filters.sources import CompanyMemory, Sources
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page
from tracewell.trace.search.model import CompanyQuery, Sort
from tracewell.trace.search.rules import tree_of

Rows = tuple[list[Summary], int]
"""A page of rows, and how many there are in all."""

_COLUMNS: dict[str, SortColumn] = {
    "name": "name",
    "last_observed_at": "last_observed_at",
    "technology_count": "technology_count",
    "partnership_count": "partnership_count",
}


class Search:
    """Searches of companies. `memory` is shared by all of a process."""

    def __init__(self, database: Database, ledger: Ledger, memory: CompanyMemory) -> None:
        self._database = database
        self._ledger = ledger
        self._memory = memory

    async def warm(self) -> None:
        """Reads the columns, so that the first search does not wait for them; then names and
        domains, without which searches by text take longer."""
        async with self._database.snapshot() as tx:
            await self._memory.sources(tx)
        await self._memory.columns.read_lines(self._database)

    async def search(
        self, call: Call, query: CompanyQuery, page: Page, *further: Node
    ) -> tuple[Rows, Charge]:
        """A page of companies and how many fit in all; charged for the page's companies.

        Raises CreditsExhausted (nothing was charged) and DatabaseFailed.
        """

        async def read(tx: Transaction) -> Found[Rows]:
            rows, total = await self.read_page(tx, query, page, *further)
            return Found((rows, total), tuple(row.company_id for row in rows))

        return await metered(self._database, self._ledger, call, read)

    async def read_page(
        self, tx: Transaction, query: CompanyQuery, page: Page, *further: Node
    ) -> Rows:
        """A page without its charge."""
        sources = await self.sources(tx)
        tree = tree_of(query, *further)
        found = await sources.all() if tree is None else await evaluate(tree, sources)
        sort: Sort = query.sort or ("relevance" if query.q else "name")
        ids = await self._sorted(sources, found, sort, query.q, page)
        return await store.fetch_summaries(tx, ids), len(found)

    async def sources(self, tx: Transaction) -> Sources:
        """What trees are evaluated over, in the state of this transaction."""
        return await self._memory.sources(tx)

    async def _sorted(
        self, sources: Sources, found: BitMap, sort: Sort, q: str | None, page: Page
    ) -> list[int]:
        if sort != "relevance":
            return await sources.columns.page(
                sources.tx,
                found,
                _COLUMNS[sort.removeprefix("-")],
                descending=sort.startswith("-"),
                limit=page.limit,
                offset=page.offset,
            )
        # First those whose name, slug or domain begins with the text, then those that hold it.
        begins = BitMap()
        if q:
            begins = await evaluate(Leaf("name", "starts_with", q), sources, among=found)
        ids: list[int] = []
        offset = page.offset
        for group in (found & begins, found - begins):
            if len(ids) < page.limit:
                ids += await sources.columns.page(
                    sources.tx,
                    group,
                    "technology_count" if q else "name",
                    descending=bool(q),
                    limit=page.limit - len(ids),
                    offset=max(0, offset),
                )
            offset -= len(group)
        return ids
