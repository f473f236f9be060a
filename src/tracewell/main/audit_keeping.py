"""What a server does for the audit log unasked: signs its head, purges what retention has ended."""

from __future__ import annotations

import asyncio
import logging

from tracewell.intrace.app import Intrace
from tracewell.intrace.audit.proofs import LogAltered
from tracewell.kernel.database import DatabaseFailed
from tracewell.kernel.signing import SigningFailed

SIGN_EVERY_S = 10.0
PURGE_EVERY_S = 3600.0

_log = logging.getLogger("tracewell")


async def keep_audit_log(intrace: Intrace, retention_days: int) -> None:
    """Runs until it is cancelled; what fails is told in the log and tried again."""
    loop = asyncio.get_running_loop()
    purge_at = loop.time()
    while True:
        try:
            if loop.time() >= purge_at:
                await _purge(intrace, retention_days)
                purge_at = loop.time() + PURGE_EVERY_S
            await intrace.tree.head()
        except (DatabaseFailed, SigningFailed) as error:
            _log.warning("the audit log's head was not signed: %s", error)
        except LogAltered as error:
            _log.error("THE AUDIT LOG WAS ALTERED: %s; see `tracewell audit verify`", error)
        await asyncio.sleep(SIGN_EVERY_S)


async def _purge(intrace: Intrace, retention_days: int) -> None:
    purge = await intrace.audit.purge_expired(retention_days)
    while purge is not None:
        _log.info("the content of %d expired audit records was purged", purge.record_count)
        purge = await intrace.audit.purge_expired(retention_days)
