"""The graph of partnerships over companies that have more partners than are followed."""

from __future__ import annotations

from itertools import product

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


async def test_edges_are_all_partnerships_between_the_nodes_and_each_once(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        root = await two_hubs(tx)
        # One with few partners, whom the hub has had for longer than those that are followed.
        small = company(4, "small", 2)
        await insert_companies(tx, [small])
        named = [publication(small, "root", 1, AT), publication(small, "first", 2, AT - 7_000)]
        await insert_publications(tx, named)
        rows = await tx.fetch_all(
            "SELECT company_id, partner_key, partnership_type, first_observed_at,"
            " last_observed_at, observation_count FROM partnerships"
        )
    told = [(f"company:{row[0]}", *list(row)[1:]) for row in rows]
    async with database.snapshot() as tx:
        for slug in (root.slug, "first"):
            head = await get_head(tx, slug)
            for depth, nodes_max in product((1, 2, 3), (2, 3, 40, 498, 499, 500)):
                graph = await read_graph(tx, head, depth=depth, nodes_max=nodes_max)
                keys = {node.key for node in graph.nodes}
                between = [one for one in told if {one[0], one[1]} <= keys]
                assert {frozenset(edge[:2]) for edge in graph.edges} == {
                    frozenset(one[:2]) for one in between
                }
                assert {edge[2:] for edge in graph.edges} == {one[2:] for one in between}
                assert len(graph.edges) == len({frozenset(edge[:2]) for edge in graph.edges})


async def test_a_graph_of_some_types_says_that_partners_were_not_looked_at(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await two_hubs(tx)
    async with database.snapshot() as tx:
        hub = await get_head(tx, "first")
        graph = await read_graph(tx, hub, depth=1, nodes_max=500, types=("technology",))
    assert len(graph.nodes) == 1
    assert graph.is_truncated
