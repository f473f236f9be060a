"""All connectors of a deployment, in the order in which coverage names them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tracewell.intrace.connectors.declared.loading import load_folder, load_shipped
from tracewell.intrace.connectors.model import Clock, Connector
from tracewell.intrace.connectors.sources.certificates import Certificates
from tracewell.intrace.connectors.sources.dns_records import DnsRecords
from tracewell.intrace.connectors.sources.email_domain import EmailDomain
from tracewell.intrace.connectors.sources.ip_location import IpLocation
from tracewell.intrace.connectors.sources.own_records import OwnRecords
from tracewell.intrace.connectors.sources.phone_plan import PhonePlan
from tracewell.intrace.connectors.sources.postal_address import PostalAddress
from tracewell.intrace.connectors.sources.rdap import Rdap
from tracewell.intrace.connectors.sources.sql_records import SqlRecords
from tracewell.intrace.connectors.sources.trace import CompanyDirectory, Trace
from tracewell.intrace.connectors.sources.watchlists import Watchlists
from tracewell.intrace.connectors.sources.web_page import WebPage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """What connectors need from a deployment; None leaves one unconfigured, and it says so."""

    clock: Clock
    own_records_directory: Path | None = None
    mmdb_directory: Path | None = None
    company_directory: CompanyDirectory | None = None
    connectors_directory: Path | None = None
    watchlist_directory: Path | None = None


def build_connectors(settings: ConnectorSettings) -> tuple[Connector, ...]:
    """One of each connector; they live as long as the process.

    Those of the deployment's folder come last; one with an id that is taken is left out, and told.
    """
    ours: tuple[Connector, ...] = (
        OwnRecords(settings.own_records_directory, clock=settings.clock),
        SqlRecords(settings.own_records_directory),
        Watchlists(settings.watchlist_directory, clock=settings.clock),
        Trace(settings.company_directory),
        PhonePlan(),
        EmailDomain(),
        PostalAddress(),
        IpLocation(settings.mmdb_directory, clock=settings.clock),
        DnsRecords(),
        Rdap(),
        Certificates(),
        WebPage(),
        *load_shipped(),
    )
    if settings.connectors_directory is None:
        return ours
    found, problems = load_folder(settings.connectors_directory)
    for problem in problems:
        _log.warning("connector file %s is not used: %s", problem.file, problem.reason)
    return ours + _without_taken(ours, found)


def _without_taken(ours: Sequence[Connector], found: Sequence[Connector]) -> tuple[Connector, ...]:
    taken = {connector.spec.id for connector in ours}
    kept = []
    for connector in found:
        if connector.spec.id in taken:
            _log.warning("connector %s is not used: its id is taken", connector.spec.id)
            continue
        taken.add(connector.spec.id)
        kept.append(connector)
    return tuple(kept)
