"""The graph of partnerships over companies that have more partners than are followed."""

from __future__ import annotations

import pytest

from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies.bulk import insert_companies
from tracewell.trace.companies.heads import get_head
from tracewell.trace.companies.model import Company, Domain
from tracewell.trace.partnerships.bulk import Publication, insert_publications
from tracewell.trace.partnerships.graph import PARTNERS_MAX, Graph, read_graph
from tracewell.trace.partnerships.model import Claim, Sight

pytestmark = pytest.mark.anyio

AT = 1_770_000_000_000


def company(company_id: int, name: str, partners: int) -> Company:
    """A company of which little else is known."""
    domain = f"{name}.example"
    return Company(
        company_id, name, domain, (Domain(domain, True, AT, AT),), (), (), partners, 0, AT, AT, AT,
        (), ("generic",),
    )  # fmt: skip


def publication(publisher: Company, partner: str, partner_id: int | None, at: int) -> Publication:
    """The publisher's page names the partner."""
    domain = publisher.primary_domain
    sight = Sight(f"https://{domain}/", "partner_page", "x", "a.warc.gz:1", 0, 1, at)
    claim = Claim(partner, f"{partner}.example", "generic", (sight,))
    return Publication(publisher.company_id, publisher.slug, domain, claim, partner_id)


async def two_hubs(tx: Transaction) -> Company:
    """A company with two partners, which have each other long since and very many others."""
    count = PARTNERS_MAX + 3
    root = company(1, "root", 2)
    first, second = company(2, "first", count), company(3, "second", count)
    await insert_companies(tx, [root, first, second])
    told = [publication(root, "first", 2, AT), publication(root, "second", 3, AT)]
    told.append(publication(first, "second", 3, AT - 5_000))
    for hub in (first, second):
        told += [publication(hub, f"{hub.slug}-{n}", None, AT + n) for n in range(count - 2)]
    told += [publication(hub, "shared", None, AT - 9_000) for hub in (first, second)]
    await insert_publications(tx, told)
    return root


async def read(database: Database, depth: int, nodes_max: int) -> Graph:
    async with database.transaction() as tx:
        root = await two_hubs(tx)
    async with database.snapshot() as tx:
        head = await get_head(tx, root.slug)
        return await read_graph(tx, head, depth=depth, nodes_max=nodes_max)


async def test_two_nodes_with_very_many_partners_have_their_edge(database: Database) -> None:
    graph = await read(database, 1, 500)
    assert [node.name for node in graph.nodes] == ["root.example", "first.example",
                                                   "second.example"]  # fmt: skip
    assert [(edge.source, edge.target) for edge in graph.edges] == [
        ("company:1", "company:2"), ("company:1", "company:3"), ("company:2", "company:3"),
    ]  # fmt: skip


async def test_a_graph_that_is_full_says_so_and_has_every_edge_between_its_nodes(
    database: Database,
) -> None:
    graph = await read(database, 2, 100)
    assert len(graph.nodes) == 100
    assert graph.is_truncated
    # 97 strangers of the first hub, and the three edges between root and hubs.
    assert len(graph.edges) == 100
    assert {node.depth for node in graph.nodes} == {0, 1, 2}
