"""Segments as the companies that they are: lists are computed first, trees evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyroaring import BitMap

from tracewell.trace.computations.model import RECORDS_BELOW, ListSegment, Segment
from tracewell.trace.filters.evaluation import evaluate
from tracewell.trace.filters.sources import Sources
from tracewell.trace.lists.members import Members


@dataclass(frozen=True, slots=True)
class Segments:
    """Reads segments; `members` computes those of lists."""

    members: Members

    async def prepare(self, segments: Sequence[Segment | None]) -> None:
        """Computes the lists among them, where what is kept is not good enough.

        It writes, so that it must come before the snapshot in which `read` is called. Raises
        ApiError (list_not_found, stale_registry_version).
        """
        for segment in segments:
            if isinstance(segment, ListSegment):
                await self.members.materialize(segment.member, segment.list_id, force=False)

    async def read(self, sources: Sources, segment: Segment | None) -> BitMap:
        """The companies of a segment, all without one. Raises ApiError (list_not_found)."""
        if segment is None:
            return await sources.all()
        if isinstance(segment, ListSegment):
            return await self.members.read_whole(sources.tx, segment.member, segment.list_id)
        return await evaluate(segment, sources)


def records(*segments: BitMap) -> tuple[int, ...]:
    """The companies that are told of one by one, because their segment is so small."""
    told = [companies for companies in segments if len(companies) < RECORDS_BELOW]
    return tuple(BitMap.union(*told)) if told else ()
