"""What a company's pages say of its partners, said anew: what they said before is taken back.

Times and counts of a partnership that both sides tell are kept: they are those of both together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tracewell.kernel.database import Transaction
from tracewell.trace.partnerships.model import Claim, Side, Sight
from tracewell.trace.partnerships.rules import add_claims, company_key, keep_sights
from tracewell.trace.partnerships.store import (
    fetch_sights,
    keys_of,
    list_sides,
    save_claims,
    write_sights,
)

_OF_SIDE = """company_id = :company_id AND partner_key = :partner_key
      AND partnership_type = :partnership_type"""
_FIRST = f"""
    UPDATE partnerships SET first_observed_at = :first
    WHERE {_OF_SIDE} AND first_observed_at > :first"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class _Told:
    """A partnership that the company's pages told, and the sights in captures that are gone."""

    side: Side
    kept: tuple[Sight, ...]


async def replace_claims(
    tx: Transaction,
    company_id: int,
    publisher: tuple[str, str],
    claims: Sequence[Claim],
    gone: Collection[str],
) -> set[int]:
    """Puts the claims in the place of what the company's captures said before, those excepted that
    are `gone`: what they said stays as far as its evidence was kept.

    Returns the partners among our companies: their counts may have changed.
    """
    told = [
        _Told(
            side,
            tuple(one for one in await fetch_sights(tx, side) if one.capture in gone),
        )
        for side in await list_sides(tx, company_id)
        if side.is_listed
    ]
    said: dict[tuple[str, str], list[Claim]] = {}
    for key, claim in await keys_of(tx, claims):
        said.setdefault((key, claim.partnership_type), []).append(claim)
    fresh = list(claims)
    touched = {one.side.partner_id for one in told if one.side.partner_id is not None}
    for one in told:
        side = one.side
        if not side.is_listed_by:
            await _drop(tx, side)
            if one.kept:
                fresh.append(_claim(side, one.kept))
            continue
        again = said.get((side.partner_key, side.partnership_type), [])
        fresh = [claim for claim in fresh if claim not in again]
        sights = keep_sights((*one.kept, *(sight for claim in again for sight in claim.sights)))
        await write_sights(tx, side, sights)
        if not sights:
            await _unlist(tx, side)
    touched |= await save_claims(tx, company_id, publisher, add_claims(fresh))
    if gone:
        for one in told:
            await _keep_first(tx, one.side)
    return touched


def _claim(side: Side, sights: tuple[Sight, ...]) -> Claim:
    return Claim(side.partner_name, side.partner_domain, side.partnership_type, sights)


def _mirrored(side: Side) -> dict[str, object]:
    return {
        "company_id": side.partner_id,
        "partner_key": company_key(side.company_id),
        "partnership_type": side.partnership_type,
    }


def _keyed(side: Side) -> dict[str, object]:
    return {
        "company_id": side.company_id,
        "partner_key": side.partner_key,
        "partnership_type": side.partnership_type,
    }


async def _drop(tx: Transaction, side: Side) -> None:
    """Nobody but the company tells it: it goes, here and at the partner."""
    await write_sights(tx, side, ())
    for key in (_keyed(side), _mirrored(side)):
        if key["company_id"] is not None:
            await tx.execute(f"DELETE FROM partnerships WHERE {_OF_SIDE}", **key)  # noqa: S608


async def _unlist(tx: Transaction, side: Side) -> None:
    """The partner alone tells it from now on."""
    for key, column in ((_keyed(side), "is_listed"), (_mirrored(side), "is_listed_by")):
        await tx.execute(f"UPDATE partnerships SET {column} = 0 WHERE {_OF_SIDE}", **key)  # noqa: S608


async def _keep_first(tx: Transaction, side: Side) -> None:
    """Some of the captures that told it cannot be read: it was seen no later than is known."""
    for key in (_keyed(side), _mirrored(side)):
        if key["company_id"] is not None:
            await tx.execute(_FIRST, first=side.first_observed_at, **key)
