"""Many partnerships at once, as they stand after `store.save_claims` of each publisher.

For companies between which, and partners of whom, nothing is written yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from tracewell.kernel.database import Transaction
from tracewell.trace.partnerships.model import Claim, Side, Sight
from tracewell.trace.partnerships.rules import (
    add_sides,
    company_key,
    keep_sights,
    key_of,
    sides_of,
)

_SIDE_COLUMNS = tuple(one.name for one in fields(Side))
_SIGHT = tuple(one.name for one in fields(Sight))
_SIGHT_COLUMNS = ("company_id", "partner_key", "partnership_type", "place", *_SIGHT)
_side_values = attrgetter(*_SIDE_COLUMNS)
_sight_values = attrgetter(*_SIGHT)


@dataclass(frozen=True, slots=True)
class Publication:
    """What the pages of a company, with that name and domain, say of a partner; `partner_id` where
    the partner is another company of ours. Of a partner and kind a company says one thing."""

    company_id: int
    company_name: str
    company_domain: str
    claim: Claim
    partner_id: int | None


async def insert_publications(tx: Transaction, publications: Sequence[Publication]) -> None:
    """Writes partnerships at both ends, and their evidence.

    The companies are there already, and the caller has locked them. Both publications of two
    companies that name each other belong into one call. Raises DatabaseFailed when a partnership
    is there already.
    """
    sides = add_sides(
        side
        for one in publications
        for side in sides_of(
            one.company_id, (one.company_name, one.company_domain), one.claim, one.partner_id
        )
    )
    await tx.copy_rows("partnerships", _SIDE_COLUMNS, map(_side_row, sides))
    await tx.copy_rows("partnership_evidence", _SIGHT_COLUMNS, _sight_rows(publications))


def _side_row(side: Side) -> tuple[object, ...]:
    return tuple(int(value) if isinstance(value, bool) else value for value in _side_values(side))


def _sight_rows(publications: Iterable[Publication]) -> Iterator[tuple[object, ...]]:
    for one in publications:
        claim = one.claim
        key = (
            key_of(claim.partner_name, claim.partner_domain) or ""
            if one.partner_id is None
            else company_key(one.partner_id)
        )
        for place, sight in enumerate(keep_sights(claim.sights)):
            yield (one.company_id, key, claim.partnership_type, place, *_sight_values(sight))
