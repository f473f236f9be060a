"""`tracewell admin`: orgs, users and keys, for the operator; credits and flags have modules."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from tracewell.cli.lazy import LazyGroup
from tracewell.cli.on_ground import run_on_ground
from tracewell.cli.options import Moment, Span, data_option, json_option, show, show_all
from tracewell.kernel.clock import format_utc_or_none
from tracewell.kernel.identity.model import ApiKey, Org, User
from tracewell.kernel.identity.service import MintedKey
from tracewell.kernel.mail import MailFailed
from tracewell.main import operations
from tracewell.main.ground import Ground
from tracewell.main.role_watch import known_roles
from tracewell.main.settings import load_settings


def _times(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: format_utc_or_none(value) if name.endswith("_at") else value
        for name, value in values.items()
    }


def _shown(value: Org | User | ApiKey) -> dict[str, Any]:
    return _times(dataclasses.asdict(value))


def _minted(minted: MintedKey) -> dict[str, Any]:
    return {"key": minted.text, **_shown(minted.key)}


def _tell_once(as_json: bool) -> None:
    if not as_json:
        click.echo("\nThe key is shown this once; only a keyed hash of it is kept.", err=True)


_ELSEWHERE = {
    "credits": ("tracewell.cli.credits", "credits_group"),
    "flags": ("tracewell.cli.flags", "flags"),
}


@click.group(cls=LazyGroup, lazy=_ELSEWHERE)
def admin() -> None:
    """Orgs, users, keys, credits and flags.

    \b
    Examples:
      tracewell admin org create "Acme" --plan starter
      tracewell admin user create jane@acme.example --org Acme --verified
      tracewell admin key create --user jane@acme.example
      tracewell admin key create --service crm --roles analyst --expires 90d --json
      tracewell admin credits grant Acme 500 --reason "pilot"
      tracewell admin flags list --status queued
    """


@admin.group()
def org() -> None:
    """Orgs.

    \b
    Examples:
      tracewell admin org create "Acme" --plan starter
      tracewell admin org set-plan Acme pro
      tracewell admin org list
    """


@org.command("create")
@click.argument("name")
@click.option("--plan", help="One of PLANS; the first of them if not said.")
@data_option
@json_option
def org_create(name: str, plan: str | None, data: Path | None, as_json: bool) -> None:
    """Makes an org and books its plan's first credits.

    \b
    Example:
      tracewell admin org create "Acme" --plan starter
    """
    made = run_on_ground(data, lambda ground: operations.create_org(ground, name, plan))
    show(_shown(made), as_json=as_json)


@org.command("set-plan")
@click.argument("org_name", metavar="ORG")
@click.argument("plan")
@data_option
@json_option
def org_set_plan(org_name: str, plan: str, data: Path | None, as_json: bool) -> None:
    """Puts an org on another plan.

    A larger plan brings at once what this month's grant lacks of it; a smaller one takes nothing
    back. The next month's grant is the new plan's.

    \b
    Example:
      tracewell admin org set-plan Acme pro
    """
    done = run_on_ground(data, lambda ground: operations.set_plan(ground, org_name, plan))
    show(done, as_json=as_json)


@org.command("list")
@data_option
@json_option
def org_list(data: Path | None, as_json: bool) -> None:
    """Lists the orgs and their balances.

    \b
    Example:
      tracewell admin org list --json
    """
    rows = run_on_ground(data, operations.list_orgs)
    show_all([_times(row) for row in rows], as_json=as_json)


@admin.group()
def user() -> None:
    """Users.

    \b
    Examples:
      tracewell admin user create jane@acme.example --org Acme --verified
      tracewell admin user set-password jane@acme.example
    """


@user.command("create")
@click.argument("email")
@click.option("--org", "org_name", required=True, help="The org's name or number.")
@click.option("--verified", is_flag=True, help="The address is known to be the user's.")
@data_option
@json_option
def user_create(
    email: str, org_name: str, verified: bool, data: Path | None, as_json: bool
) -> None:
    """Makes a user; without --verified sends (or prints) a link that proves the address.

    The same link lets the user set a password.

    \b
    Examples:
      tracewell admin user create jane@acme.example --org Acme
      tracewell admin user create jane@acme.example --org Acme --verified --json
    """

    async def work(ground: Ground) -> dict[str, Any]:
        made = await ground.identity.create_user(
            email, await ground.identity.get_org(org_name), verified=verified
        )
        try:
            sent = None if verified else await operations.send_email_link(ground, made)
        except MailFailed as error:
            raise MailFailed(
                f"{error}; the user is made: "
                f"`tracewell admin user send-link {made.email}` tries again"
            ) from error
        return {**_shown(made), "verification_link": sent}

    show(run_on_ground(data, work), as_json=as_json)


@user.command("send-link")
@click.argument("email")
@data_option
@json_option
def user_send_link(email: str, data: Path | None, as_json: bool) -> None:
    """Sends (or prints) the link that proves the address again.

    \b
    Example:
      tracewell admin user send-link jane@acme.example
    """

    async def work(ground: Ground) -> dict[str, Any]:
        found = await ground.identity.get_user(email)
        sent = await operations.send_email_link(ground, found)
        return {**_shown(found), "verification_link": sent}

    show(run_on_ground(data, work), as_json=as_json)


@user.command("set-password")
@click.argument("email")
@data_option
@json_option
def user_set_password(email: str, data: Path | None, as_json: bool) -> None:
    """Sets a password, asked for on a terminal, else read from standard input.

    \b
    Examples:
      tracewell admin user set-password jane@acme.example
      tracewell admin user set-password jane@acme.example < password.txt
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline(1024).rstrip("\r\n")

    async def work(ground: Ground) -> User:
        found = await ground.identity.get_user(email)
        await ground.identity.set_password(found, password)
        return found

    show(_shown(run_on_ground(data, work)), as_json=as_json)


@user.command("detach")
@click.argument("email")
@data_option
@json_option
def user_detach(email: str, data: Path | None, as_json: bool) -> None:
    """Takes a user out of the org; the user's keys answer key_missing_org_association.

    \b
    Example:
      tracewell admin user detach jane@acme.example
    """

    async def work(ground: Ground) -> User:
        await ground.identity.detach_user(await ground.identity.get_user(email))
        return await ground.identity.get_user(email)

    show(_shown(run_on_ground(data, work)), as_json=as_json)


@admin.group()
def key() -> None:
    """API keys.

    \b
    Examples:
      tracewell admin key create --user jane@acme.example
      tracewell admin key list
    """


@key.command("create")
@click.option("--user", "user_email", help="A Trace key of this user.")
@click.option("--org", "org_name", help="A Trace key of this org, of no user.")
@click.option("--service", "service_name", help="An Intrace key of a service account.")
@click.option("--roles", default="", help="Roles of a service account, comma-separated.")
@click.option("--expires", type=Moment(), help="When it ends: a time, or a span like 90d.")
@click.option("--per-minute", type=click.IntRange(1, 1_000_000), help="A rate limit of its own.")
@data_option
@json_option
def key_create(
    user_email: str | None,
    org_name: str | None,
    service_name: str | None,
    roles: str,
    expires: int | None,
    per_minute: int | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Mints a key for a user, an org or a service account. It is shown once.

    \b
    Examples:
      tracewell admin key create --user jane@acme.example
      tracewell admin key create --org Acme --per-minute 1200
      tracewell admin key create --service crm --roles analyst --expires 90d --json
    """
    if sum(owner is not None for owner in (user_email, org_name, service_name)) != 1:
        raise click.UsageError("say one of --user, --org and --service")
    named = tuple(role for role in (part.strip() for part in roles.split(",")) if role)
    if service_name is None and named:
        raise click.UsageError("--roles belong to a service account's key (--service)")
    if service_name is not None:
        known = known_roles(load_settings(data=data))
        if not named or not known.issuperset(named):
            raise click.UsageError(f"--service needs --roles out of {', '.join(sorted(known))}")

    async def work(ground: Ground) -> MintedKey:
        identity = ground.identity
        if user_email is not None:
            owner = await identity.get_user(user_email)
            return await identity.create_key(
                "user", user=owner, expires_at=expires, requests_per_minute=per_minute
            )
        if org_name is not None:
            of = await identity.get_org(org_name)
            return await identity.create_key(
                "org", org=of, expires_at=expires, requests_per_minute=per_minute
            )
        return await identity.create_key(
            "service",
            service_name=service_name,
            roles=named,
            expires_at=expires,
            requests_per_minute=per_minute,
        )

    show(_minted(run_on_ground(data, work)), as_json=as_json)
    _tell_once(as_json)


@key.command("list")
@data_option
@json_option
def key_list(data: Path | None, as_json: bool) -> None:
    """Lists what may be shown of the keys.

    \b
    Example:
      tracewell admin key list --json
    """

    async def work(ground: Ground) -> list[ApiKey]:
        keys = page = await ground.identity.list_keys()
        while page:
            page = await ground.identity.list_keys(after=page[-1].key_id)
            keys += page
        return keys

    show_all([_shown(each) for each in run_on_ground(data, work)], as_json=as_json)


@key.command("revoke")
@click.argument("key_id")
@data_option
@json_option
def key_revoke(key_id: str, data: Path | None, as_json: bool) -> None:
    """Ends a key; every server refuses it within a second.

    \b
    Example:
      tracewell admin key revoke key_01JD8XN0000000000000000000
    """
    show(
        _shown(run_on_ground(data, lambda ground: ground.identity.revoke_key(key_id))),
        as_json=as_json,
    )


@key.command("rotate")
@click.argument("key_id")
@click.option("--grace", type=Span(), default="24h", show_default=True, help="The old key's rest.")
@data_option
@json_option
def key_rotate(key_id: str, grace: int, data: Path | None, as_json: bool) -> None:
    """Mints a successor with the same rights; the old key works on for the grace period.

    \b
    Example:
      tracewell admin key rotate key_01JD8XN0000000000000000000 --grace 7d
    """
    minted = run_on_ground(data, lambda ground: ground.identity.rotate_key(key_id, grace))
    show(_minted(minted), as_json=as_json)
    _tell_once(as_json)
