"""The SQL of entities over lookups."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from tracewell.intrace.entities.model import Event, Key
from tracewell.kernel.database import Transaction

_CHUNK: Final = 100
_EVENT_COLUMNS = (
    "event_id, kind, entity_id, other_id, request_id, decided_by, decided_at, evidence,"
    " undone_by, undone_at"
)
_ADD_SIGHTING = """
    INSERT INTO entity_sightings (entity_id, request_id, owner, seen_at)
    VALUES (:entity_id, :request_id, :owner, :seen_at)
"""
_ADD_KEY = """
    INSERT INTO entity_keys (entity_id, request_id, kind, key)
    VALUES (:entity_id, :request_id, :kind, :key)
"""
_ADD_EVENT = f"""
    INSERT INTO entity_events ({_EVENT_COLUMNS})
    VALUES (:event_id, :kind, :entity_id, :other_id, :request_id, :decided_by, :decided_at,
      :evidence, NULL, NULL)
    ON CONFLICT (kind, entity_id, other_id) DO NOTHING
"""  # noqa: S608 - a constant list of columns
_FIND_EVENT = f"SELECT {_EVENT_COLUMNS} FROM entity_events WHERE event_id = :event_id"  # noqa: S608
_UNDO = """
    UPDATE entity_events SET undone_by = :by, undone_at = :at
    WHERE event_id = :event_id AND undone_at IS NULL
"""


async def _select(
    tx: Transaction, statement: str, column: str, values: Collection[str], **params: Any
) -> list[Sequence[Any]]:
    """Rows whose column is one of the values, in chunks: `statement` ends before its condition."""
    rows: list[Sequence[Any]] = []
    wanted = sorted(values)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        names = ", ".join(f":v{place}" for place in range(len(chunk)))
        given = {f"v{place}": value for place, value in enumerate(chunk)}
        rows += await tx.fetch_all(f"{statement} {column} IN ({names})", **params, **given)
    return rows


async def find_holders(tx: Transaction, digests: Collection[str]) -> set[str]:
    """The entities, under the ids they had, that were met with any of the keys."""
    statement = "SELECT DISTINCT entity_id FROM entity_keys WHERE"
    return {row[0] for row in await _select(tx, statement, "key", digests)}


async def read_keys(tx: Transaction, entity_ids: Collection[str]) -> list[tuple[str, Key]]:
    """(entity, key) of these entities."""
    statement = "SELECT DISTINCT entity_id, kind, key FROM entity_keys WHERE"
    rows = await _select(tx, statement, "entity_id", entity_ids)
    return [(row[0], Key(row[1], row[2])) for row in rows]


async def read_sightings(
    tx: Transaction, entity_ids: Collection[str]
) -> list[tuple[str, str, str, int]]:
    """(entity, request, owner, time) of these entities."""
    statement = "SELECT entity_id, request_id, owner, seen_at FROM entity_sightings WHERE"
    rows = await _select(tx, statement, "entity_id", entity_ids)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def read_events(tx: Transaction, entity_ids: Collection[str]) -> list[Event]:
    """Every event of these entities and of those they are connected with through events."""
    events: dict[str, Event] = {}
    asked: set[str] = set()
    wanted = set(entity_ids)
    while wanted:
        asked |= wanted
        for column in ("entity_id", "other_id"):
            statement = f"SELECT {_EVENT_COLUMNS} FROM entity_events WHERE"  # noqa: S608
            for row in await _select(tx, statement, column, wanted):
                events[row[0]] = Event(*row)
        wanted = {i for e in events.values() for i in (e.entity_id, e.other_id)} - asked
    return sorted(events.values(), key=lambda event: (event.decided_at, event.event_id))


async def find_event(tx: Transaction, event_id: str) -> Event | None:
    """An event."""
    row = await tx.fetch_one(_FIND_EVENT, event_id=event_id)
    return None if row is None else Event(*row)


async def add_sighting(
    tx: Transaction, entity_id: str, request_id: str, owner: str, seen_at: int
) -> None:
    """That a lookup has met an entity."""
    await tx.execute(
        _ADD_SIGHTING, entity_id=entity_id, request_id=request_id, owner=owner, seen_at=seen_at
    )


async def add_keys(tx: Transaction, entity_id: str, request_id: str, keys: Collection[Key]) -> None:
    """With which keys."""
    rows = [
        {"entity_id": entity_id, "request_id": request_id, "kind": key.kind, "key": key.digest}
        for key in sorted(keys, key=lambda key: (key.kind, key.digest))
    ]
    await tx.execute_many(_ADD_KEY, rows)


async def add_event(tx: Transaction, event: Event) -> None:
    """Records a merge or a split; one that is recorded already stays as it is."""
    await tx.execute(
        _ADD_EVENT,
        event_id=event.event_id,
        kind=event.kind,
        entity_id=event.entity_id,
        other_id=event.other_id,
        request_id=event.request_id,
        decided_by=event.decided_by,
        decided_at=event.decided_at,
        evidence=event.evidence,
    )


async def undo_event(tx: Transaction, event_id: str, by: str, at: int) -> bool:
    """False where it was undone before."""
    return await tx.execute(_UNDO, event_id=event_id, by=by, at=at) > 0
