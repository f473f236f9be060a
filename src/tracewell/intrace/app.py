"""Gathers the features of Intrace: services from the kernel's parts, endpoints from services."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial

from tracewell.intrace.access import AccessBook
from tracewell.intrace.analysis.kinds import Instruments, TechnologyDirectory
from tracewell.intrace.analysis.routes import analysis_endpoints
from tracewell.intrace.analysis.service import Analyses
from tracewell.intrace.audit.routes import audit_endpoints
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.audit.tree import AuditTree
from tracewell.intrace.audit.tree_routes import audit_tree_endpoints
from tracewell.intrace.connectors.means import Means
from tracewell.intrace.connectors.planning import find_closed
from tracewell.intrace.connectors.routes import ConnectorRoutes, connector_endpoints
from tracewell.intrace.connectors.sources.watchlists import Watchlists
from tracewell.intrace.entities.routes import entity_endpoints
from tracewell.intrace.entities.service import Entities
from tracewell.intrace.lookups.deep_limit import DeepLimit
from tracewell.intrace.lookups.model import LookupRules
from tracewell.intrace.lookups.planning_routes import planning_endpoints
from tracewell.intrace.lookups.routes import lookup_endpoints
from tracewell.intrace.lookups.service import Lookups
from tracewell.intrace.provenance.routes import provenance_endpoints
from tracewell.intrace.provenance.service import Provenance
from tracewell.intrace.reports.authority import TimestampAuthority
from tracewell.intrace.reports.model import Signer
from tracewell.intrace.reports.pdf.exporting import PdfExporter
from tracewell.intrace.reports.routes import report_endpoints
from tracewell.intrace.reports.service import Reports
from tracewell.intrace.reports.stamping import Stamping
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.kernel.http.endpoint import Endpoint
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.limits.model import Limiter, Quota


@dataclass(frozen=True, slots=True)
class Intrace:
    """The services of the product and its endpoints."""

    audit: Audit
    tree: AuditTree
    reports: Reports
    stamping: Stamping | None
    lookups: Lookups
    analyses: Analyses
    entities: Entities
    means: Means
    endpoints: tuple[Endpoint, ...]


def build_intrace(
    *,
    database: Database,
    clock: Clock,
    new_id: IdFactory,
    signer: Signer,
    limiter: Limiter,
    deep_quota: Quota,
    rules: LookupRules,
    organization_id: str,
    exporter: PdfExporter,
    authority: TimestampAuthority | None = None,
    access: AccessBook | None = None,
    technologies: TechnologyDirectory | None = None,
) -> Intrace:
    """Puts the product together.

    `signer` is the kernel's `Keyring` (a key file with rotation); `deep_quota` bounds deep lookups
    beside the gate's own limit; `access` are the gate's rules; `technologies` is where analyses
    find what companies run, None where nobody knows.
    """
    access = access if access is not None else AccessBook()
    audit = Audit(database, clock, organization_id)
    tree = AuditTree(database, clock, signer, organization_id)
    stamping = _build_stamping(database, clock, authority)
    stamps = stamping is not None
    reports = Reports(
        database, clock, signer, audit, tree, exporter, stamps=stamps, sealer=rules.sealer
    )
    entities = Entities(database, clock, new_id, audit)
    lookups = Lookups(database, clock, new_id, audit, reports, entities, rules)
    instruments = Instruments(_find_watchlists(rules), technologies)
    analyses = Analyses(database, clock, new_id, audit, instruments, rules)
    sources = ConnectorRoutes(
        rules.connectors, rules.enabled, clock, rules.connector_timeout_s, rules.means
    )
    return Intrace(
        audit,
        tree,
        reports,
        stamping,
        lookups,
        analyses,
        entities,
        rules.means,
        (
            *lookup_endpoints(lookups, DeepLimit(limiter, deep_quota, access), access),
            *planning_endpoints(lookups),
            *analysis_endpoints(analyses, access),
            *entity_endpoints(entities, access),
            *provenance_endpoints(Provenance(database, clock, rules), access),
            *report_endpoints(reports, access),
            *connector_endpoints(sources),
            *audit_tree_endpoints(tree),
            *audit_endpoints(audit),
        ),
    )


def _build_stamping(
    database: Database, clock: Clock, authority: TimestampAuthority | None
) -> Stamping | None:
    """What has reports dated, where an authority is configured."""
    if authority is None:
        return None
    return Stamping(database, clock, authority, new_nonce=partial(secrets.randbits, 64))


def _find_watchlists(rules: LookupRules) -> Watchlists | None:
    """The connector of watchlists, unless the deployment keeps it from running."""
    for connector in rules.connectors:
        if isinstance(connector, Watchlists) and find_closed(connector, rules.enabled) is None:
            return connector
    return None
