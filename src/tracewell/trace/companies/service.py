"""The paid reads of companies: lookups by group commit."""

from __future__ import annotations

from tracewell.kernel.credits import Call, Charge, ChargeBatcher, Ledger
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.gate import Passed
from tracewell.trace import errors
from tracewell.trace.companies import store
from tracewell.trace.companies.domains import parse_identifier
from tracewell.trace.metering import call_of, charge_headers


class Companies:
    """Lookups, each company charged once in its window."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
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
