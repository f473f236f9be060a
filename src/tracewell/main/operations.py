"""What an operator does that needs more than one service of the ground."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tracewell.kernel.clock import format_utc
from tracewell.kernel.credits import Account, Booking, Call
from tracewell.kernel.identity import store as identity_store
from tracewell.kernel.identity.model import Org, User
from tracewell.kernel.identity.service import IdentityRefused
from tracewell.main.ground import Ground

REASON_CHARS_MAX = 500
ORGS_LISTED_MAX = 10_000


async def list_orgs(ground: Ground) -> list[dict[str, Any]]:
    """The orgs with their balances, what is due to them included."""
    await ground.ledger.settle_all(ground.database)
    async with ground.database.snapshot() as tx:
        orgs = await identity_store.list_orgs(tx, ORGS_LISTED_MAX)
        return [
            {
                "org_id": org.org_id,
                "name": org.name,
                "plan": org.plan,
                "balance": (await ground.ledger.get_account(tx, org.org_id)).balance,
                "created_at": org.created_at,
            }
            for org in orgs
        ]


async def grant_credits(
    ground: Ground, org: Org, credits: int, reason: str, request_id: str | None
) -> tuple[Call, Booking]:
    """Books a grant, once for each request id; None makes one. Raises BookedOtherwise."""
    call = Call(org.org_id, "app", None, "credits grant", request_id or ground.new_id("req"))
    async with ground.database.transaction() as tx:
        return call, await ground.ledger.book(tx, call, "grant", credits, reason)


async def create_org(ground: Ground, name: str, plan: str | None) -> Org:
    """A new org with its plan's first credits, on the first plan if none is said.

    Raises IdentityRefused.
    """
    chosen = next(iter(ground.settings.plan_table)) if plan is None else _known_plan(ground, plan)
    return await ground.identity.create_org(name, chosen, ground.open_org)


async def set_plan(ground: Ground, reference: str, plan: str) -> dict[str, Any]:
    """Puts an org on another plan: what the old one owes is booked first, then what the new one
    brings this month beyond it. Raises IdentityRefused."""
    _known_plan(ground, plan)
    org_id = (await ground.identity.get_org(reference)).org_id
    async with ground.database.transaction() as tx:
        await ground.ledger.settle(tx, [org_id])
        # Read under the account's lock: of two changes at once the second one sees the first.
        org = await identity_store.find_org_by_id(tx, org_id)
        assert org is not None, "orgs are never removed"
        credits = 0
        if org.plan != plan:
            await identity_store.set_plan(tx, org_id, plan)
            # Servers keep the plan with each key, for its rate.
            await identity_store.raise_epoch(tx)
            credits = await ground.ledger.top_up(tx, org_id, org.plan, plan)
        account = await ground.ledger.get_account(tx, org_id)
    return {"org": org.name, "plan_before": org.plan, "topped_up": credits, **shown(account)}


def _known_plan(ground: Ground, plan: str) -> str:
    plans = ground.settings.plan_table
    if plan not in plans:
        raise IdentityRefused(f"there is no plan of that name; PLANS has {', '.join(plans)}")
    return plan


async def show_credits(ground: Ground, reference: str) -> dict[str, Any]:
    """An org's account. Raises IdentityRefused."""
    org = await ground.identity.get_org(reference)
    account = await ground.ledger.get_settled_account(ground.database, org.org_id)
    return {"org": org.name, **shown(account)}


def shown(account: Account) -> dict[str, Any]:
    """An account as an operator reads it."""
    return {
        "plan": account.plan,
        "balance": account.balance,
        "next_grant_at": format_utc(account.next_grant_at),
        "next_grant_credits": account.next_credits,
    }


async def send_email_link(ground: Ground, user: User) -> str | None:
    """Mails the link that proves the address; without a mail server returns it to be shown.

    Raises MailFailed.
    """
    token = ground.identity.email_token(user).text
    settings = ground.settings
    prefix = "/trace" if settings.product == "both" else ""
    base = (settings.public_url or "http://127.0.0.1:8000").rstrip("/")
    link = f"{base}{prefix}/auth/verify-email?token={quote(token)}"
    if ground.mail is None:
        return link
    await ground.mail.send(
        user.email,
        "Verify your e-mail address",
        f"Open this link to verify your address:\n\n{link}\n\n"
        "To set a password, send the link's token with the password to /auth/password.\n"
        "The link works for three days. If you did not expect it, ignore this mail.\n",
    )
    return None
