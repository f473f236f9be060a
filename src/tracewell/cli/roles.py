"""`tracewell roles`: looks at a role file before it is put in force."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from tracewell.cli.errors import REFUSED
from tracewell.cli.options import json_option
from tracewell.intrace.access import DEFAULT_ROLES, AccessBook, AccessRules, scopes_of
from tracewell.intrace.role_file import RoleFileWrong
from tracewell.main.role_watch import load_role_file


@click.group()
def roles() -> None:
    """Roles, scopes and limits of Intrace.

    \b
    Examples:
      tracewell roles check roles.yaml
      tracewell roles check roles.yaml --groups intel-desk,managers
    """


@roles.command("check")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--groups", default="", help="Also tell what a person of these groups may do.")
@json_option
def roles_check(file: Path, groups: str, as_json: bool) -> None:
    """Tells whether FILE can be used as ROLE_FILE, and what it means. Changes nothing.

    Exit codes: 0 it can be used, 1 it cannot.

    \b
    Examples:
      tracewell roles check /etc/tracewell/roles.yaml
      tracewell roles check roles.yaml --groups intel-desk,managers --json
    """
    try:
        rules = load_role_file(file)
    except RoleFileWrong as error:
        if as_json:
            click.echo(orjson.dumps({"usable": False, "problems": error.problems}).decode())
        else:
            click.echo(f"{file} cannot be used:", err=True)
            for problem in error.problems:
                click.echo(f"  {problem}", err=True)
        sys.exit(REFUSED)
    told: dict[str, Any] = {"usable": True, "problems": [], **_told(rules)}
    asked = [group for group in (part.strip() for part in groups.split(",")) if group]
    if asked:
        book = AccessBook(rules)
        person = book.roles_of(asked)
        told["person"] = {"roles": list(person), "scopes": sorted(scopes_of(person, book))}
    if as_json:
        click.echo(orjson.dumps(told).decode())
        return
    click.echo(f"{file} can be used.")
    for name, scopes in rules.roles.items():
        own = "" if name in DEFAULT_ROLES and scopes == DEFAULT_ROLES[name] else "  (this file's)"
        click.echo(f"  role {name}: {', '.join(sorted(scopes)) or 'nothing'}{own}")
    if rules.groups is None:
        click.echo("  no groups: a group is the role of the same name")
    for group, named in (rules.groups or {}).items():
        click.echo(f"  group {group}: {', '.join(named) or 'no role'}")
    for principal in rules.limits:
        click.echo(f"  own limits: {principal}")
    if asked:
        click.echo(f"  of {', '.join(asked)}: {', '.join(told['person']['scopes']) or 'nothing'}")


def _told(rules: AccessRules) -> dict[str, object]:
    limits = {
        principal: {
            "requests_per_minute": own.requests_per_minute,
            "burst": own.burst,
            "deep_lookups_per_minute": own.deep_lookups_per_minute,
        }
        for principal, own in rules.limits.items()
    }
    groups = None if rules.groups is None else {k: list(v) for k, v in rules.groups.items()}
    return {
        "roles": {name: sorted(scopes) for name, scopes in rules.roles.items()},
        "groups": groups,
        "rate_limits": limits,
    }
