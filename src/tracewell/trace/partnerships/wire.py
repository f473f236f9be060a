"""The wire models of partnerships and how they are filled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from tracewell.extraction import PARTNERSHIP_TYPES, PartnershipType, SourceKind
from tracewell.kernel.clock import format_utc
from tracewell.trace.companies.heads import Head
from tracewell.trace.paging import Pagination
from tracewell.trace.partnerships.graph import Edge, Graph, GraphNode
from tracewell.trace.partnerships.reading import PartnerRow, Published, SharedPartner
from tracewell.trace.partnerships.service import Pair, Partner


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PartnershipCompany(_Model):
    """The company that the rows are about."""

    slug: str
    name: str
    primary_domain: str
    partnership_count: int


class TypeCounts(_Model):
    """Partnerships of each type, without the request's filters."""

    technology: int
    channel: int
    generic: int


class PartnershipAnswer(_Model):
    """A partnership; slug and domain are null where the partner is known by name alone."""

    partner_name: str
    partner_domain: str | None
    partner_slug: str | None
    partnership_type: PartnershipType
    first_observed_at: datetime
    last_observed_at: datetime
    observation_count: int


class CompanyPartnerships(_Model):
    """A page of a company's partnerships, whichever side told them."""

    company: PartnershipCompany
    type_counts: TypeCounts
    data: list[PartnershipAnswer]
    pagination: Pagination


class PartnerAnswer(_Model):
    """A partner; `slug` and `partnership_count` are null for one that is not tracked."""

    slug: str | None
    name: str
    primary_domain: str | None
    partnership_count: int | None


class PublisherAnswer(_Model):
    """A company whose pages name the partner."""

    company_name: str
    company_domain: str
    company_slug: str
    partnership_type: PartnershipType
    first_observed_at: datetime
    last_observed_at: datetime
    observation_count: int


class PartnerCompanies(_Model):
    """A page of the companies that name the partner."""

    partner: PartnerAnswer
    type_counts: TypeCounts
    data: list[PublisherAnswer]
    pagination: Pagination


class PairEvidence(_Model):
    """A page that tells of the partnership; bytes `start_byte` to `end_byte` of the capture's body
    hold the excerpt. `published_by` is the slug of the company whose page it is."""

    source_url: str
    source_kind: SourceKind
    partnership_type: PartnershipType
    published_by: str
    excerpt: str
    capture: str
    start_byte: int | None
    end_byte: int | None
    observed_at: datetime


class PairAnswer(_Model):
    """What there is between two; dates are null and the count 0 where they are no partners."""

    partnered: bool
    companies: tuple[PartnerAnswer, PartnerAnswer]
    partnership_types: list[PartnershipType]
    first_observed_at: datetime | None
    last_observed_at: datetime | None
    observation_count: int
    evidence: list[PairEvidence]


class SharedAnswer(_Model):
    """A partner of both, and the kinds of partnership with the first and with the second."""

    partner_name: str
    partner_domain: str | None
    partner_slug: str | None
    partnership_types: tuple[list[PartnershipType], list[PartnershipType]]


class SharedPartners(_Model):
    """A page of the partners that two companies share."""

    companies: tuple[PartnershipCompany, PartnershipCompany]
    data: list[SharedAnswer]
    pagination: Pagination


class NodeAnswer(_Model):
    """A node; `id` is the slug, or the domain or name of a partner that is not tracked."""

    id: str
    name: str
    domain: str | None
    slug: str | None
    depth: int
    partnership_count: int | None


class EdgeAnswer(_Model):
    """A partnership between two nodes, by their ids."""

    source: str
    target: str
    partnership_type: PartnershipType
    first_observed_at: datetime
    last_observed_at: datetime
    observation_count: int


class GraphAnswer(_Model):
    """The partnerships around a company; `root` is its node's id."""

    root: str
    nodes: list[NodeAnswer]
    edges: list[EdgeAnswer]
    truncated: bool


def company(head: Head) -> dict[str, Any]:
    """A company as answers about its partnerships name it."""
    return {
        "slug": head.slug,
        "name": head.name,
        "primary_domain": head.primary_domain,
        "partnership_count": head.partnership_count,
    }


def partner(partner: Partner) -> dict[str, Any]:
    """A partner, tracked or not."""
    if partner.head is not None:
        return company(partner.head)
    return {
        "slug": None,
        "name": partner.name,
        "primary_domain": partner.domain,
        "partnership_count": None,
    }


def counts(counts: dict[str, int]) -> dict[str, int]:
    """Every type with its count."""
    return {one: counts.get(one, 0) for one in PARTNERSHIP_TYPES}


def row(side: str, row: PartnerRow) -> dict[str, Any]:
    """A partnership; `side` names the other end: `partner` or `company`."""
    return {
        f"{side}_name": row.name,
        f"{side}_domain": row.domain,
        f"{side}_slug": row.slug,
        "partnership_type": row.partnership_type,
        "first_observed_at": format_utc(row.first_observed_at),
        "last_observed_at": format_utc(row.last_observed_at),
        "observation_count": row.observation_count,
    }


def pair(pair: Pair) -> dict[str, Any]:
    """What there is between two."""
    slugs = {end.head.company_id: end.head.slug for end in (pair.first, pair.second) if end.head}
    rows: Sequence[PartnerRow] = pair.rows
    return {
        "partnered": bool(rows),
        "companies": [partner(pair.first), partner(pair.second)],
        "partnership_types": [row.partnership_type for row in rows],
        "first_observed_at": format_utc(min(r.first_observed_at for r in rows)) if rows else None,
        "last_observed_at": format_utc(max(r.last_observed_at for r in rows)) if rows else None,
        "observation_count": sum(row.observation_count for row in rows),
        "evidence": [_evidence(one, slugs) for one in pair.published],
    }


def _evidence(one: Published, slugs: dict[int, str]) -> dict[str, Any]:
    return {
        "source_url": one.sight.source_url,
        "source_kind": one.sight.source_kind,
        "partnership_type": one.partnership_type,
        "published_by": slugs[one.publisher_id],
        "excerpt": one.sight.excerpt,
        "capture": one.sight.capture,
        "start_byte": one.sight.start_byte,
        "end_byte": one.sight.end_byte,
        "observed_at": format_utc(one.sight.observed_at),
    }


def shared(row: SharedPartner) -> dict[str, Any]:
    """A shared partner."""
    return {
        "partner_name": row.name,
        "partner_domain": row.domain,
        "partner_slug": row.slug,
        "partnership_types": [row.types_with_first, row.types_with_second],
    }


def graph(graph: Graph) -> dict[str, Any]:
    """The graph with ids in place of keys."""
    ids = {node.key: _node_id(node) for node in graph.nodes}
    return {
        "root": ids[graph.nodes[0].key],
        "nodes": [
            {
                "id": ids[node.key],
                "name": node.name,
                "domain": node.domain,
                "slug": node.head.slug if node.head else None,
                "depth": node.depth,
                "partnership_count": node.head.partnership_count if node.head else None,
            }
            for node in graph.nodes
        ],
        "edges": [_edge(edge, ids) for edge in graph.edges],
        "truncated": graph.is_truncated,
    }


def _edge(edge: Edge, ids: dict[str, str]) -> dict[str, Any]:
    return {
        "source": ids[edge.source],
        "target": ids[edge.target],
        "partnership_type": edge.partnership_type,
        "first_observed_at": format_utc(edge.first_observed_at),
        "last_observed_at": format_utc(edge.last_observed_at),
        "observation_count": edge.observation_count,
    }


def _node_id(node: GraphNode) -> str:
    # A slug has no dot and no colon, a domain has a dot, and the key of a name has a colon.
    return node.head.slug if node.head else node.domain or node.key
