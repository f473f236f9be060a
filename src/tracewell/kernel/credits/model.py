"""What a charge is. No SQL, no HTTP.

What each call makes anew is a named tuple: a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

EntryKind = Literal["grant", "charge", "refund", "adjustment"]


class Call(NamedTuple):
    """Who is charged for what kind of call: the columns of the ledger entry."""

    org_id: int
    channel: str
    key_id: str | None
    endpoint: str
    request_id: str


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One call and the items that its answer would hold; items may repeat."""

    call: Call
    items: tuple[int, ...]


class Charge(NamedTuple):
    """What a call cost: `credits` charged now (0 when all was unlocked), `remaining` after it."""

    credits: int
    remaining: int


class CreditsExhausted(Exception):  # noqa: N818 - the contract's word
    """The balance cannot cover the call: nothing was charged and nothing may be told.

    `requested`: the credits that the call needs. `shortfall`: how many of them are missing.
    """

    def __init__(self, requested: int, shortfall: int) -> None:
        super().__init__(requested, shortfall)
        self.requested = requested
        self.shortfall = shortfall


class AccountNotFound(LookupError):  # noqa: N818
    """The org has no credit account."""


class BookedOtherwise(Exception):  # noqa: N818
    """The request id was booked already, with other credits; nothing was booked now."""

    def __init__(self, request_id: str, credits: int) -> None:
        super().__init__(f"{request_id} was booked already, with {credits} credits")


class Standing(NamedTuple):
    """A balance, and the month whose grant it has had (see `months`)."""

    balance: int
    grant_month: int


class Booking(NamedTuple):
    """The balance after a booking; `is_new` is False where the request id was booked before."""

    balance: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Account:
    """An org's balance and what it waits for: `next_credits` at `next_grant_at`.

    `is_grant_due`: a month's grant is still to be booked.
    """

    org_id: int
    balance: int
    plan: str
    next_grant_at: int
    next_credits: int
    is_grant_due: bool


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger; `credits` is signed, the sum of them is the balance."""

    entry_id: str
    org_id: int
    kind: EntryKind
    credits: int
    channel: str
    key_id: str | None
    endpoint: str
    item_count: int
    request_id: str
    reason: str | None
    created_at: int


UsageGroup = Literal["day", "endpoint", "key", "channel"]


class Usage(NamedTuple):
    """What was charged and refunded in one group of entries.

    `group`: the day (in days since the epoch), endpoint, key id ("" for none) or channel; None for
    all of them together.
    """

    group: int | str | None
    charge_count: int
    item_count: int
    credits_charged: int
    credits_refunded: int
