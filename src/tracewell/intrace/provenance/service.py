"""The use case of provenance: finds what an id names among the caller's results, and traces it."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from tracewell.intrace import errors
from tracewell.intrace.analysis.material import Material, parse_result, read_material
from tracewell.intrace.analysis.model import PAYLOAD_BYTES_MAX, RESULTS_MAX, AnalysisFailed
from tracewell.intrace.audit.model import Caller
from tracewell.intrace.entities import store as entity_store
from tracewell.intrace.entities.model import Event
from tracewell.intrace.entities.service import find_aliases
from tracewell.intrace.lookups import store as lookup_store
from tracewell.intrace.lookups.model import LookupRules
from tracewell.intrace.provenance.lineage import (
    Traced,
    trace_entity,
    trace_full,
    trace_point,
    trace_source,
)
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError

_ENTITY: Final = re.compile(r"(ent_[0-9A-Z]{1,40})(\.[A-Z2-7]{16})?", re.ASCII)
_SOURCE: Final = re.compile(r"src_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)

Json = dict[str, Any]
Stored = list[tuple[bytes, int]]


class Provenance:
    """Lineages over the caller's own stored results."""

    def __init__(self, database: Database, clock: Clock, rules: LookupRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    async def trace(self, caller: Caller, node_id: str, depth_max: int | None = None) -> Json:
        """The lineage of `ent_...`, of a data point `ent_... .XXXX` or of `src_...`.

        With `depth_max` also of what it was made of. Raises ApiError (`not_found`), DatabaseFailed.
        """
        entity = _ENTITY.fullmatch(node_id)
        if entity is None and _SOURCE.fullmatch(node_id) is None:
            raise ApiError(errors.NOT_FOUND)
        entity_id = entity.group(1) if entity else None
        aliases: frozenset[str] = frozenset()
        events: list[Event] = []
        async with self._database.snapshot() as tx:
            if entity_id is not None:
                aliases = await find_aliases(tx, entity_id)
                events = await entity_store.read_events(tx, {entity_id})
            found, is_cut = await lookup_store.list_payloads(
                tx,
                caller.owner,
                self._clock(),
                self._rules.sealer,
                results_max=RESULTS_MAX,
                bytes_max=PAYLOAD_BYTES_MAX,
            )
        stored = list(found)
        if entity_id is None:
            return await asyncio.to_thread(_trace_source, stored, node_id, caller.owner, depth_max)

        def trace() -> Json:
            material = _read(entity_id, stored, aliases, is_cut=is_cut)
            names = {entity_id, *aliases}
            own = [e for e in events if e.entity_id in names or e.other_id in names]
            traced = Traced(material, own, caller.owner, self._rules.entity_id_key)
            return _trace_entity(traced, node_id, depth_max)

        return await asyncio.to_thread(trace)


def _read(entity_id: str, stored: Stored, aliases: frozenset[str], *, is_cut: bool) -> Material:
    try:
        return read_material(entity_id, stored, reads_others=False, is_cut=is_cut, aliases=aliases)
    except AnalysisFailed:
        raise ApiError(errors.NOT_FOUND) from None


def _trace_entity(traced: Traced, node_id: str, depth_max: int | None) -> Json:
    if node_id == traced.material.entity_id:
        top = trace_entity(traced)
    else:
        point = traced.find_point(node_id)
        if point is None:
            raise ApiError(errors.NOT_FOUND)
        top = trace_point(traced, point)
    return top if depth_max is None else trace_full(traced, top, depth_max)


def _trace_source(stored: Stored, source_id: str, owner: str, depth_max: int | None) -> Json:
    for payload, expires_at in stored:
        if source_id.encode() not in payload:
            continue
        result = parse_result(payload, expires_at, {})
        source = result.sources.get(source_id)
        if source is not None:
            top = trace_source(result, source, owner)
            if depth_max is None:
                return top
            return {**top, "depth": 0, "upstream": [], "is_cut": False}
    raise ApiError(errors.NOT_FOUND)
