"""The paid reads of companies: lookup by group commit, search in one transaction each."""

from __future__ import annotations

from tracewell.kernel.credits import Call, Charge, ChargeBatcher, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.gate import Passed
from tracewell.trace import errors
from tracewell.trace.companies import store
from tracewell.trace.companies.domains import parse_identifier
from tracewell.trace.companies.model import Query, Summary
from tracewell.trace.metering import call_of, charge_headers, metered
from tracewell.trace.paging import Page


class Companies:
    """Lookups and searches, each company charged once in its window."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        self._lookups: ChargeBatcher[str, bytes] = ChargeBatcher(
            database, ledger, store.read_profiles
        )

    async def lookup_answer(self, passed: Passed) -> Answer:
        """The answer of GET /v1/companies/{identifier}, for the route and the gate alike.

        Raises ApiError (company_not_found), CreditsExhausted, DatabaseFailed.
        """
        profile, charge = await self.get_profile(call_of(passed), passed.params["identifier"])
        return Answer(200, profile, charge_headers(charge))

    async def get_profile(self, call: Call, identifier: str) -> tuple[bytes, Charge]:
        """The profile as JSON, and what it cost. Raises like `lookup_answer`."""
        try:
            served = await self._lookups.serve(call, parse_identifier(identifier))
        except ValueError:
            served = None
        if served is None:
            raise ApiError(errors.COMPANY_NOT_FOUND, f"No company found for '{identifier}'")
        return served

    async def search(
        self, call: Call, query: Query, page: Page
    ) -> tuple[tuple[list[Summary], int], Charge]:
        """A page of companies and how many fit in all; charged for the page's companies."""

        async def read(tx: Transaction) -> Found[tuple[list[Summary], int]]:
            rows, total = await store.search_companies(
                tx, query, limit=page.limit, offset=page.offset
            )
            return Found((rows, total), tuple(row.company_id for row in rows))

        return await metered(self._database, self._ledger, call, read)
