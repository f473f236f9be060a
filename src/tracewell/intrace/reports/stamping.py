"""Has reports stamped, after they were answered: a silent authority delays no lookup.

What is missing is told in the bundle and in the PDF, and asked for again until the report expires.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

from tracewell.intrace.reports import timestamp_store
from tracewell.intrace.reports.authority import AuthoritySilent, TimestampAuthority
from tracewell.intrace.reports.timestamp_store import Due
from tracewell.kernel.clock import SECOND_MS, Clock
from tracewell.kernel.database import Database, DatabaseFailed
from tracewell.kernel.http.metrics import REGISTRY
from tracewell.kernel.signing import TimestampMissing
from tracewell.kernel.signing.timestamps import TimestampInvalid, TimestampRefused

LOOK_EVERY_S: Final = 1.0
AT_ONCE_MAX: Final = 4
ROUND_MAX: Final = 20
RETRY_FIRST_MS: Final = 5 * SECOND_MS
RETRY_LONGEST_MS: Final = 3_600 * SECOND_MS
_LEASE_MS: Final = 120 * SECOND_MS

_log = logging.getLogger("tracewell")
_stamps = Counter(
    "tracewell_report_timestamps_total",
    "Requests to the time-stamp authority by outcome.",
    ("outcome",),
    registry=REGISTRY,
)


class Stamping:
    """Asks one authority for the stamps that are due."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        authority: TimestampAuthority,
        new_nonce: Callable[[], int],
    ) -> None:
        self._database = database
        self._clock = clock
        self._authority = authority
        self._new_nonce = new_nonce
        self.problem: str | None = None
        """What kept the last request from bringing a stamp."""

    async def stamp_regularly(self) -> None:
        """Runs until it is cancelled."""
        while True:
            try:
                tried = await self.stamp_due()
            except DatabaseFailed as error:
                _log.warning("reports were not time-stamped: %s", error)
                tried = 0
            if not tried:
                await asyncio.sleep(LOOK_EVERY_S)

    async def stamp_due(self) -> int:
        """One round; how many requests were made. Raises DatabaseFailed."""
        now = self._clock()
        async with self._database.transaction() as tx:
            due = await timestamp_store.claim_due(tx, now, now + _LEASE_MS, ROUND_MAX)
        places = asyncio.Semaphore(AT_ONCE_MAX)

        async def stamp(each: Due) -> None:
            async with places:
                await self._stamp(each)

        await asyncio.gather(*map(stamp, due))
        return len(due)

    async def _stamp(self, due: Due) -> None:
        failure: TimestampMissing | None = None
        try:
            response = await self._authority.stamp(due.signature.encode(), self._new_nonce())
        except AuthoritySilent as error:
            failure, told = TimestampMissing.NOT_ANSWERED, f"the authority is silent: {error}"
        except TimestampRefused as error:
            failure, told = TimestampMissing.REFUSED, f"the authority refuses: {error}"
        except TimestampInvalid as error:
            failure, told = TimestampMissing.INVALID, f"{error}"
        _stamps.labels(str(failure or "stamped")).inc()
        async with self._database.transaction() as tx:
            if failure is None:
                await timestamp_store.keep_response(tx, due.request_id, response)
            else:
                wait = min(RETRY_FIRST_MS << min(due.tries, 20), RETRY_LONGEST_MS)
                next_at = self._clock() + wait
                await timestamp_store.record_failure(tx, due.request_id, failure, next_at)
        self.problem = None if failure is None else told
        if failure is not None:
            _log.warning("no time stamp for %s: %s", due.request_id, told)
