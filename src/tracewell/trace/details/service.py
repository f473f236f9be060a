"""The paid reads of a company's details; each costs what the company's profile costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies.domains import parse_domain
from tracewell.trace.companies.heads import Head, find_heads, get_head
from tracewell.trace.companies.store import read_profiles
from tracewell.trace.details import store
from tracewell.trace.details.model import Event, PostingRow, UseFilter, UseRow
from tracewell.trace.metering import metered
from tracewell.trace.paging import Page

Rows = TypeVar("Rows")


@dataclass(frozen=True, slots=True)
class Details:
    """Reads of one company, and of many. All raise CreditsExhausted and DatabaseFailed."""

    database: Database
    ledger: Ledger

    async def list_uses(
        self, call: Call, identifier: str, wanted: UseFilter, page: Page
    ) -> tuple[tuple[Head, tuple[list[UseRow], int]], Charge]:
        """A page of technologies. Raises ApiError (company_not_found)."""

        async def read(tx: Transaction, company_id: int) -> tuple[list[UseRow], int]:
            return await store.list_uses(
                tx, company_id, wanted, limit=page.limit, offset=page.offset
            )

        return await self._of_company(call, identifier, read)

    async def list_events(
        self, call: Call, identifier: str, page: Page
    ) -> tuple[tuple[Head, tuple[list[Event], int]], Charge]:
        """A page of history. Raises ApiError (company_not_found)."""

        async def read(tx: Transaction, company_id: int) -> tuple[list[Event], int]:
            events = await store.list_events(tx, company_id)
            return events[page.offset : page.offset + page.limit], len(events)

        return await self._of_company(call, identifier, read)

    async def list_postings(
        self, call: Call, identifier: str, technology: str | None, page: Page
    ) -> tuple[tuple[Head, tuple[list[PostingRow], int]], Charge]:
        """A page of postings. Raises ApiError (company_not_found)."""

        async def read(tx: Transaction, company_id: int) -> tuple[list[PostingRow], int]:
            return await store.list_postings(
                tx, company_id, technology, limit=page.limit, offset=page.offset
            )

        return await self._of_company(call, identifier, read)

    async def get_profiles(
        self, call: Call, domains: Sequence[str]
    ) -> tuple[list[bytes | None], Charge]:
        """The profiles of domains, in their order; None for one that is not tracked."""
        keys = [_key(domain) for domain in domains]

        async def read(tx: Transaction) -> Found[list[bytes | None]]:
            asked = [key for key in keys if key is not None]
            heads = await find_heads(tx, asked)
            profiles = dict(zip(asked, await read_profiles(tx, asked), strict=True))
            found = [profiles[key] if key is not None else None for key in keys]
            ids = dict.fromkeys(heads[key].company_id for key in asked if key in heads)
            return Found([one.answer if one is not None else None for one in found], tuple(ids))

        return await metered(self.database, self.ledger, call, read)

    async def _of_company(
        self, call: Call, identifier: str, read: Callable[[Transaction, int], Awaitable[Rows]]
    ) -> tuple[tuple[Head, Rows], Charge]:
        async def found(tx: Transaction) -> Found[tuple[Head, Rows]]:
            head = await get_head(tx, identifier)
            return Found((head, await read(tx, head.company_id)), (head.company_id,))

        return await metered(self.database, self.ledger, call, found)


def _key(domain: str) -> str | None:
    try:
        return parse_domain(domain.strip())
    except ValueError:
        return None
