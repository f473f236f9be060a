"""All connectors, in the order in which coverage names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracewell.intrace.connectors.email_domain import EmailDomain
from tracewell.intrace.connectors.ip_location import IpLocation
from tracewell.intrace.connectors.model import Clock, Connector
from tracewell.intrace.connectors.own_records import OwnRecords
from tracewell.intrace.connectors.phone_plan import PhonePlan
from tracewell.intrace.connectors.trace import CompanyDirectory, Trace


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """What connectors need from a deployment; None leaves one unconfigured, and it says so."""

    clock: Clock
    own_records_directory: Path | None = None
    mmdb_directory: Path | None = None
    company_directory: CompanyDirectory | None = None


def build_connectors(settings: ConnectorSettings) -> tuple[Connector, ...]:
    """One of each connector; they live as long as the process."""
    return (
        OwnRecords(settings.own_records_directory, clock=settings.clock),
        Trace(settings.company_directory),
        PhonePlan(),
        EmailDomain(),
        IpLocation(settings.mmdb_directory, clock=settings.clock),
    )
