"""The wire models and routes of credits. Free of charge."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from tracewell.kernel.clock import format_utc
from tracewell.kernel.credits import Account, LedgerEntry, Usage, UsageGroup
from tracewell.kernel.http.answer import as_response, json_answer
from tracewell.kernel.http.app import passed
from tracewell.kernel.http.endpoint import Access, Endpoint
from tracewell.trace.credits.service import Credits, UsagePage, day_of
from tracewell.trace.filters.kinds import Day
from tracewell.trace.metering import call_of
from tracewell.trace.paging import LIMIT_DEFAULT, Page, Paged, PageLimit, PageNumber, Pager

_TAG = "Credits"


class NextGrantAnswer(BaseModel):
    """When the plan's next credits are booked, and how many."""

    model_config = ConfigDict(extra="forbid")

    due_at: datetime
    credits: int


class CreditsAnswer(BaseModel):
    """What the org has left, its plan, and the next grant of it (null where it grants none)."""

    model_config = ConfigDict(extra="forbid")

    balance: int
    plan: str
    next_grant: NextGrantAnswer | None


class LedgerEntryAnswer(BaseModel):
    """One line of the ledger. `credits` is signed: the sum of all lines is the balance.

    `key` is the id of the key that was used, null for a signed-in user and for the operator.
    """

    model_config = ConfigDict(extra="forbid")

    entry_id: str
    kind: Literal["grant", "charge", "refund", "adjustment"]
    credits: int
    channel: str
    key: str | None
    endpoint: str
    company_count: int
    request_id: str
    created_at: datetime


class UsageRow(BaseModel):
    """One group: a day, an endpoint, a key's id (null where none was used) or a channel.

    `charge_count` counts calls that were charged, `company_count` the companies that they paid for.
    """

    model_config = ConfigDict(extra="forbid")

    group: str | None
    charge_count: int
    company_count: int
    credits_charged: int
    credits_refunded: int


class UsageWindowAnswer(BaseModel):
    """Days of UTC, both included."""

    model_config = ConfigDict(extra="forbid")

    first_day: date
    last_day: date


class UsageTotals(BaseModel):
    """All groups of the window together, also those on other pages."""

    model_config = ConfigDict(extra="forbid")

    charge_count: int
    company_count: int
    credits_charged: int
    credits_refunded: int


class UsageAnswer(Paged[UsageRow]):
    """What was charged in a window: days the newest first, other groups by credits."""

    group_by: UsageGroup
    window: UsageWindowAnswer
    totals: UsageTotals


_FirstDay = Annotated[
    Day | None, Query(alias="from", description="First day, UTC; 30 days up to `to` by default.")
]
_LastDay = Annotated[Day | None, Query(alias="to", description="Last day, UTC; today by default.")]


def credit_endpoints(service: Credits, pager: Pager) -> tuple[Endpoint, ...]:
    """The endpoints of credits."""

    async def get_credits(request: Request) -> Response:
        """The balance and the plan of the caller's org, and when it gets how many credits."""
        found = await service.get_account(call_of(passed(request)).org_id)
        return as_response(json_answer(_account(found)))

    async def list_ledger(
        request: Request, page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
    ) -> Response:
        """Every grant, charge, refund and adjustment of the caller's org, the newest first."""
        wanted = Page(page, limit)
        found, total = await service.list_entries(call_of(passed(request)).org_id, wanted)
        rows = [_entry(entry) for entry in found]
        return as_response(json_answer(pager.envelope(request.scope, wanted, rows, total)))

    async def get_usage(
        request: Request,
        group_by: UsageGroup = "day",
        first: _FirstDay = None,
        last: _LastDay = None,
        page: PageNumber = 1,
        limit: PageLimit = LIMIT_DEFAULT,
    ) -> Response:
        """What the caller's org was charged by day, endpoint, key or channel: the ledger's sums."""
        wanted = Page(page, limit)
        org_id = call_of(passed(request)).org_id
        found = await service.get_usage(org_id, group_by, first, last, wanted)
        rows = [_usage_row(row) for row in found.rows]
        envelope = pager.envelope(request.scope, wanted, rows, found.group_count)
        return as_response(json_answer({**_usage_head(found, group_by), **envelope}))

    return (
        Endpoint(
            "GET", "/v1/credits", get_credits, Access(), "Get the balance", CreditsAnswer, _TAG
        ),
        Endpoint(
            "GET", "/v1/credits/ledger", list_ledger, Access(), "List the ledger",
            Paged[LedgerEntryAnswer], _TAG,
        ),
        Endpoint(
            "GET", "/v1/credits/usage", get_usage, Access(), "Get the usage", UsageAnswer, _TAG,
        ),
    )  # fmt: skip


def _account(account: Account) -> dict[str, Any]:
    due_at, credits = format_utc(account.next_grant_at), account.next_credits
    return {
        "balance": account.balance,
        "plan": account.plan,
        "next_grant": {"due_at": due_at, "credits": credits} if credits else None,
    }


def _usage_head(found: UsagePage, group_by: UsageGroup) -> dict[str, Any]:
    window = found.window
    return {
        "group_by": group_by,
        "window": {
            "first_day": window.first.isoformat(),
            "last_day": window.last.isoformat(),
        },
        "totals": _usage(found.totals),
    }


def _usage_row(row: Usage) -> dict[str, Any]:
    group = day_of(row.group).isoformat() if isinstance(row.group, int) else row.group or None
    return {"group": group, **_usage(row)}


def _usage(row: Usage) -> dict[str, int]:
    return {
        "charge_count": row.charge_count,
        "company_count": row.item_count,
        "credits_charged": row.credits_charged,
        "credits_refunded": row.credits_refunded,
    }


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "kind": entry.kind,
        "credits": entry.credits,
        "channel": entry.channel,
        "key": entry.key_id,
        "endpoint": entry.endpoint,
        "company_count": entry.item_count,
        "request_id": entry.request_id,
        "created_at": format_utc(entry.created_at),
    }
