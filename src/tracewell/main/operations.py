"""What an operator does that needs more than one service of the ground."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tracewell.kernel.credits import Call
from tracewell.kernel.identity import store as identity_store
from tracewell.kernel.identity.model import Org, User
from tracewell.main.ground import Ground

REASON_CHARS_MAX = 500
ORGS_LISTED_MAX = 10_000


async def list_orgs(ground: Ground) -> list[dict[str, Any]]:
    """The orgs with their balances."""
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


async def grant_credits(ground: Ground, org: Org, credits: int, reason: str) -> int:
    """Books a grant; returns the new balance."""
    call = Call(org.org_id, "app", None, "credits grant", ground.new_id("req"))
    async with ground.database.transaction() as tx:
        return await ground.ledger.book(tx, call, "grant", credits, reason)


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
