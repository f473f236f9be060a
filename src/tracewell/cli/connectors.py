"""`tracewell connectors`: the sources of this deployment: list, plan, try, write new ones."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click

from tracewell.cli.errors import REFUSED, USAGE, fail
from tracewell.cli.options import data_option, json_option, show, show_all
from tracewell.intrace.connectors.declared.loading import ConnectorFileError
from tracewell.intrace.connectors.declared.model import ManifestError
from tracewell.intrace.connectors.model import Connector, OutcomeStatus
from tracewell.intrace.connectors.planning import find_obstacle, plan_run
from tracewell.intrace.connectors.runner import RunResult, check_connector, run_connectors
from tracewell.intrace.connectors.testing import load_connector
from tracewell.intrace.identifiers import Identifier, IdentifierError, parse_identifiers
from tracewell.kernel.clock import format_utc, system_clock
from tracewell.main.connector_scaffold import KINDS, ScaffoldRefused, write_connector
from tracewell.main.connectors import wire_connectors, wire_means
from tracewell.main.settings import Settings, load_settings

_SOUND = (OutcomeStatus.ANSWERED, OutcomeStatus.EMPTY)

identifier_option = click.option(
    "--identifier", "identifiers", multiple=True, required=True, metavar="TYPE:VALUE",
    help="What to ask about, such as email:ada@example.com. May be given up to 20 times.",
)  # fmt: skip


@click.group()
def connectors() -> None:
    """The sources that lookups ask: list them, plan a lookup, try one, write a new one.

    \b
    Begin with:
      tracewell connectors list
      tracewell connectors new acme
    """


@connectors.command("list")
@data_option
@json_option
def list_connectors(data: Path | None, as_json: bool) -> None:
    """Lists every connector, and why one cannot be asked here.

    \b
    Example:
      tracewell connectors list --json
    """
    settings = load_settings(data=data)
    means = wire_means(settings, system_clock)
    rows = []
    for connector in wire_connectors(settings, system_clock):
        spec = connector.spec
        obstacle = find_obstacle(connector, enabled=settings.enabled_connectors, means=means)
        rows.append(
            {
                "id": spec.id,
                "name": spec.name,
                "accepts": sorted(spec.accepts),
                "configured": obstacle is None,
                "reason": obstacle,
                "sends_out": spec.sends_out,
                "cost_class": str(spec.cost_class),
                "terms_url": spec.terms_url,
                "licence": spec.licence,
            }
        )
    show_all(rows, as_json=as_json)


@connectors.command()
@identifier_option
@click.option("--connector", "requested", multiple=True, help="Ask only these; all if not given.")
@data_option
@json_option
def plan(
    identifiers: tuple[str, ...], requested: tuple[str, ...], data: Path | None, as_json: bool
) -> None:
    """Tells which connectors a lookup would ask, which not and why. Asks nobody.

    \b
    Example:
      tracewell connectors plan --identifier email:ada@example.com --identifier domain:example.com
    """
    settings = load_settings(data=data)
    parsed = _parse(identifiers)
    wired = wire_connectors(settings, system_clock)
    for name in requested:
        _require_known(name, [connector.spec.id for connector in wired])
    plans = plan_run(
        wired,
        parsed,
        enabled=settings.enabled_connectors,
        requested=requested or None,
        means=wire_means(settings, system_clock),
    )
    rows: list[dict[str, Any]] = [
        {
            "connector_id": planned.connector_id,
            "will_run": planned.will_run,
            "status": planned.status and str(planned.status),
            "reason": planned.reason,
            "identifiers": list(planned.identifiers),
        }
        for planned in plans
    ]
    show_all(rows, as_json=as_json)


@connectors.command("test")
@click.argument("name")
@identifier_option
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1, 120), help="Seconds.")
@click.option("--health", is_flag=True, help="Make its live check as well.")
@data_option
@json_option
def try_one(
    name: str,
    identifiers: tuple[str, ...],
    timeout_s: float | None,
    health: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Asks the connector NAME (its id, or a .yaml or .py file) and shows what it states.

    The question really goes out, also where CONNECTOR_ENABLED does not name the connector.
    Codes: 0 it answered (also: nothing found), 1 it did not, or not in full.

    \b
    Examples:
      tracewell connectors test email_domain --identifier email:ada@example.com
      tracewell connectors test ./acme.yaml --identifier username:ada --json
    """
    settings = load_settings(data=data)
    parsed = _parse(identifiers)
    connector = _find(settings, name)
    told = asyncio.run(
        _try(settings, connector, parsed, timeout_s or settings.connector_timeout_seconds, health)
    )
    _show_tried(told, as_json=as_json)
    sys.exit(0 if told["status"] in _SOUND else REFUSED)


@connectors.command()
@click.argument("name")
@click.option("--kind", type=click.Choice((*KINDS, "both")), default="both", show_default=True,
              help="A YAML manifest, a Python file, or one of each to choose from.")  # fmt: skip
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path),
              help="Where to.  [default: CONNECTORS_PATH, or DATA/connectors]")  # fmt: skip
@data_option
@json_option
def new(name: str, kind: str, folder: Path | None, data: Path | None, as_json: bool) -> None:
    """Writes a connector NAME with its tests, which pass as they are.

    A server loads what lies in its folder when it starts. Nothing that is there is overwritten.

    \b
    Examples:
      tracewell connectors new acme
      tracewell connectors new acme --kind yaml --folder ./connectors && pytest ./connectors
    """
    settings = load_settings(data=data)
    target = folder or settings.connectors_path or settings.data / "connectors"
    try:
        written = write_connector(target, name, KINDS if kind == "both" else (kind,))
    except ScaffoldRefused as error:
        fail(str(error), REFUSED)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", REFUSED)
    show({"written": [str(path) for path in written]}, as_json=as_json)


def _parse(texts: Sequence[str]) -> tuple[Identifier, ...]:
    pairs = []
    for text in texts:
        kind, colon, value = text.partition(":")
        if not colon:
            fail(f"--identifier {text}: reads TYPE:VALUE, such as email:ada@example.com", USAGE)
        pairs.append((kind.strip(), value))
    try:
        return parse_identifiers(pairs)
    except IdentifierError as error:
        fail("; ".join(f"{p.field}: {p.issue}" for p in error.problems), USAGE)


def _find(settings: Settings, name: str) -> Connector:
    if name.endswith((".yaml", ".yml", ".py")):
        try:
            return load_connector(Path(name))
        except (ManifestError, ConnectorFileError) as error:
            fail(f"{name}: {error}", REFUSED)
    known = {c.spec.id: c for c in wire_connectors(settings, system_clock)}
    _require_known(name, known)
    return known[name]


def _require_known(name: str, known: Collection[str]) -> None:
    if name not in known:
        fail(f"there is no connector {name!r}; there are {', '.join(known)}", USAGE)


async def _try(
    settings: Settings,
    connector: Connector,
    identifiers: Sequence[Identifier],
    timeout_s: float,
    wants_health: bool,
) -> dict[str, Any]:
    means = wire_means(settings, system_clock)
    numbers = itertools.count(1)
    try:
        result = await run_connectors(
            [connector],
            identifiers,
            clock=system_clock,
            new_source_id=lambda: f"src_{next(numbers)}",
            timeout_s=timeout_s,
            enabled=(connector.spec.id,),
            means=means,
        )
        told = _describe(result)
        if wants_health:
            health = await check_connector(
                connector, clock=system_clock, timeout_s=timeout_s, means=means
            )
            told["health"] = {
                "status": str(health.status),
                "latency_ms": health.latency_ms,
                "error": health.error,
            }
    finally:
        await means.close()
    return told


def _describe(result: RunResult) -> dict[str, Any]:
    [outcome] = result.coverage
    return {
        "connector_id": outcome.connector_id,
        "status": str(outcome.status),
        "reason": outcome.reason,
        "latency_ms": outcome.latency_ms,
        "observations": [
            {
                "subject": sourced.observation.subject,
                "predicate": sourced.observation.predicate,
                "value": sourced.observation.value,
                "source_url": sourced.observation.source_url,
                "record_hash": sourced.observation.record_hash,
                "observed_at": format_utc(sourced.observation.observed_at),
            }
            for sourced in result.observations
        ],
    }


def _show_tried(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show(told, as_json=True)
        return
    show({key: told[key] for key in ("connector_id", "status", "reason", "latency_ms")},
         as_json=False)  # fmt: skip
    if "health" in told:
        show({f"health {key}": value for key, value in told["health"].items()}, as_json=False)
    subject = None
    for observation in told["observations"]:
        if observation["subject"] != subject:
            subject = observation["subject"]
            click.echo(f"\n{subject}  ({observation['source_url']})")
        click.echo(f"  {observation['predicate']:<26} {observation['value']}")
