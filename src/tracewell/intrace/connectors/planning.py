"""The dry run: which connectors would be asked about these identifiers, which not, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tracewell.intrace.connectors.means import NO_MEANS, Means
from tracewell.intrace.connectors.model import Connector, OutcomeStatus
from tracewell.intrace.identifiers.model import Identifier

LOCAL: Final = "local"
"""Stands in a deployment's choice for every connector that tells nobody anything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Whether one connector would be asked, about which identifiers, and why not."""

    connector_id: str
    will_run: bool
    status: OutcomeStatus | None
    reason: str
    identifiers: tuple[int, ...]


def plan_run(
    connectors: Sequence[Connector],
    identifiers: Sequence[Identifier],
    *,
    enabled: Collection[str] | None = None,
    requested: Collection[str] | None = None,
    means: Means = NO_MEANS,
) -> tuple[Plan, ...]:
    """One plan for each connector; asks nobody.

    `enabled` is the deployment's choice: None means all that keep identifiers in the house.
    `requested` is the caller's; None means all that may run.
    """
    return tuple(
        _plan(connector, identifiers, enabled, requested, means) for connector in connectors
    )


def _plan(
    connector: Connector,
    identifiers: Sequence[Identifier],
    enabled: Collection[str] | None,
    requested: Collection[str] | None,
    means: Means,
) -> Plan:
    spec = connector.spec
    fitting = tuple(i.index for i in identifiers if i.type in spec.accepts)

    def leave_out(status: OutcomeStatus, reason: str) -> Plan:
        return Plan(spec.id, False, status, reason, ())

    closed = find_obstacle(connector, enabled=enabled, means=means)
    if closed is not None and closed == find_closed(connector, enabled):
        return leave_out(OutcomeStatus.NOT_CONFIGURED, closed)
    if requested is not None and spec.id not in requested:
        return leave_out(OutcomeStatus.SKIPPED, "not among the connectors of the request")
    if closed is not None:
        return leave_out(OutcomeStatus.NOT_CONFIGURED, closed)
    if not fitting:
        accepted = ", ".join(sorted(spec.accepts))
        return leave_out(OutcomeStatus.SKIPPED, f"no identifier of a type it accepts: {accepted}")
    return Plan(spec.id, True, None, f"accepts {len(fitting)} of the identifiers", fitting)


def find_obstacle(
    connector: Connector, *, enabled: Collection[str] | None = None, means: Means = NO_MEANS
) -> str | None:
    """Why this deployment cannot ask the connector, or None."""
    closed = find_closed(connector, enabled)
    if closed is not None:
        return closed
    try:
        return connector.find_obstacle() or means.find_obstacle(connector.spec)
    except Exception as error:  # noqa: BLE001 -- the runner's edge: no connector fails a lookup
        return f"its configuration could not be read ({type(error).__name__})"


def find_closed(connector: Connector, enabled: Collection[str] | None) -> str | None:
    """Why the deployment's choice keeps a connector from running, or None."""
    spec = connector.spec
    if enabled is None:
        if spec.sends_out:
            return "it tells identifiers to others: CONNECTOR_ENABLED must name it"
        return None
    if spec.id in enabled or (LOCAL in enabled and not spec.sends_out):
        return None
    return "not enabled in this deployment"
