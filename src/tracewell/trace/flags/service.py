"""The use cases of flags: an org puts one, the operator decides it. No company changes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracewell.kernel.clock import Clock
from tracewell.kernel.credits import Call
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.trace import errors
from tracewell.trace.companies.heads import get_head
from tracewell.trace.flags import store
from tracewell.trace.flags.model import Flag, FlagRefused, FlagRow, FlagStatus, Verdict
from tracewell.trace.texts import storable

_ID = re.compile(r"flg_[0-9A-Z]{26}")


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags of a deployment."""

    database: Database
    clock: Clock
    new_id: IdFactory

    async def create_flag(self, call: Call, identifier: str, description: str | None) -> Flag:
        """Queues a flag about a company; a blank description is none.

        Raises ApiError (company_not_found, in this endpoint's own words).
        """
        async with self.database.transaction() as tx:
            try:
                head = await get_head(tx, identifier)
            except ApiError as error:
                raise ApiError(errors.FLAGGED_COMPANY_NOT_FOUND, identifier=identifier) from error
            flag = Flag(
                flag_id=self.new_id("flg"),
                company_id=head.company_id,
                org_id=call.org_id,
                key_id=call.key_id,
                description=_text(description),
                status="queued",
                created_at=self.clock(),
                decided_at=None,
                note=None,
            )
            await store.add_flag(tx, flag)
        return flag

    async def get_flag(self, org_id: int, flag_id: str) -> Flag:
        """A flag of the org. Raises ApiError (flag_not_found)."""
        row = await self.find_flag(flag_id)
        if row is None or row.flag.org_id != org_id:
            raise ApiError(errors.FLAG_NOT_FOUND)
        return row.flag

    async def find_flag(self, flag_id: str) -> FlagRow | None:
        """A flag of whomever, for the operator."""
        # What is no id of ours may hold what a database cannot compare (NUL).
        if _ID.fullmatch(flag_id) is None:
            return None
        async with self.database.snapshot() as tx:
            return await store.find_flag(tx, flag_id)

    async def list_flags(
        self,
        *,
        limit: int,
        status: FlagStatus | None = None,
        company: str | None = None,
        before: str | None = None,
    ) -> list[FlagRow]:
        """The newest flags before the id `before`, for the operator. Raises FlagRefused."""
        if before is not None and _ID.fullmatch(before) is None:
            raise FlagRefused(f"{before!r} is no flag's id")
        async with self.database.snapshot() as tx:
            company_id = None
            if company is not None:
                try:
                    company_id = (await get_head(tx, company)).company_id
                except ApiError as error:
                    raise FlagRefused(error.message) from error
            return await store.list_flags(
                tx, status=status, company_id=company_id, before=before, limit=limit
            )

    async def decide_flag(self, flag_id: str, verdict: Verdict, note: str | None) -> FlagRow:
        """Resolves or rejects a flag that waits; the same verdict again changes nothing.

        Raises FlagRefused for a flag that is none or was decided otherwise.
        """
        row = await self.find_flag(flag_id)
        if row is not None:
            async with self.database.transaction() as tx:
                await store.decide_flag(tx, flag_id, verdict, _text(note), self.clock())
                row = await store.find_flag(tx, flag_id)
        if row is None:
            raise FlagRefused(f"there is no flag {flag_id}")
        if row.flag.status != verdict:
            raise FlagRefused(f"{flag_id} is {row.flag.status} already")
        return row


def _text(text: str | None) -> str | None:
    return storable(text).strip() or None if text is not None else None
