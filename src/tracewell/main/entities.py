"""Merges and splits of entities as the operator sees and undoes them, past the HTTP server."""

from __future__ import annotations

import getpass
import os
from typing import Any

from tracewell.intrace.audit.model import AuditPrincipal, Caller
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.entities import store
from tracewell.intrace.entities.service import Entities
from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import open_database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.main.audit_access import AuditRefused, require_database
from tracewell.main.settings import Settings


class EntityRefused(Exception):  # noqa: N818 - a sentence: "the entity command is refused"
    """There is no such merge or split."""


async def list_events(settings: Settings, entity_id: str) -> list[dict[str, Any]]:
    """The merges and splits of an entity, the oldest first.

    Raises EntityRefused without a database, and DatabaseFailed.
    """
    _require_database(settings)
    database = await open_database(settings.database)
    try:
        async with database.snapshot() as tx:
            events = await store.read_events(tx, {entity_id})
    finally:
        await database.close()
    return [dict(event.to_wire()) for event in events]


def _require_database(settings: Settings) -> None:
    """Without it a mistyped folder would get an empty database."""
    try:
        require_database(settings)
    except AuditRefused as error:
        raise EntityRefused(str(error)) from None


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return f"uid {os.getuid()}"


async def undo(settings: Settings, event_id: str, *, dry_run: bool) -> dict[str, Any]:
    """Undoes a merge or split; the audit log names the operator's account on this machine.

    Raises EntityRefused and DatabaseFailed.
    """
    new_id = IdFactory()
    operator = _operator()
    _require_database(settings)
    principal = AuditPrincipal(service_account_name=f"operator {operator}")
    caller = Caller(new_id("req"), f"operator:{operator}", principal, None)
    database = await open_database(settings.database)
    try:
        audit = Audit(database, system_clock, settings.organization_id)
        if dry_run:
            async with database.snapshot() as tx:
                event = await store.find_event(tx, event_id)
            if event is None:
                raise EntityRefused(f"there is no merge or split {event_id}")
        else:
            service = Entities(database, system_clock, new_id, audit)
            event = await service.undo(caller, event_id, is_operator=True)
    except ApiError:
        raise EntityRefused(f"there is no merge or split {event_id}") from None
    finally:
        await database.close()
    return dict(event.to_wire())
