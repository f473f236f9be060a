"""The filter language: wrong trees told by path, and every tree against plain Python."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pyroaring import BitMap
from tests.trace.conftest import World
from tests.trace.trees import DOMAINS, captures, draw_trees, fits, naive_rows

from tracewell.kernel.database import Transaction
from tracewell.trace.companies.indexing import rebuild_index
from tracewell.trace.companies.properties import TIERS
from tracewell.trace.filters.evaluation import evaluate
from tracewell.trace.filters.kinds import UseValue, is_version, version_key
from tracewell.trace.filters.model import TreeWrong
from tracewell.trace.filters.parsing import DEPTH_MAX, NODES_MAX, parse_tree
from tracewell.trace.filters.sources import CompanyMemory
from tracewell.trace.technologies.store import fetch_catalogue

pytestmark = pytest.mark.anyio

NGINX = {"field": "technology", "operator": "any_of", "value": ["nginx"]}


@pytest.mark.parametrize(
    "tree, path, words",
    [
        (None, "root", "object"),
        ([], "root", "object"),
        ({}, "root", "must have"),
        ({"op": "xor", "children": [NGINX]}, "root.op", "`and`"),
        ({"op": "and"}, "root.children", "at least one"),
        ({"op": "and", "children": []}, "root.children", "at least one"),
        ({"op": "not", "children": [NGINX, NGINX]}, "root.children", "exactly one"),
        ({"op": "and", "children": [NGINX], "x": 1}, "root", "unknown key `x`"),
        ({"op": "or", "children": [NGINX, {"field": "x"}]}, "root.children[1].field", "one of"),
        ({"field": []}, "root.field", "one of"),
        ({**NGINX, "operator": "gte"}, "root.operator", "any_of, all_of, none_of"),
        ({**NGINX, "operator": {}}, "root.operator", "any_of, all_of, none_of"),
        ({"field": "technology", "operator": "any_of"}, "root.value", "missing"),
        ({**NGINX, "value": []}, "root.value", "at least 1"),
        ({**NGINX, "value": ["nginx", "a b"]}, "root.value[1]", "pattern"),
        ({"field": "founded_year", "operator": "gte", "value": True}, "root.value", "integer"),
        ({"field": "founded_year", "operator": "between", "value": [2, 1]}, "root.value", "first"),
        ({"field": "hiring", "operator": "is", "value": 1}, "root.value", "boolean"),
        ({"field": "last_crawled_at", "operator": "gte", "value": 5}, "root.value", "2026-06-01"),
        ({"field": "partner", "operator": "any_of", "value": ["."]}, "root.value[0]", "domain"),
        (
            {**NGINX, "field": "technology_use", "operator": "matches", "value": {"v": 1}},
            "root.value.technology", "required",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_tree_is_told_by_the_path_of_its_wrong_node(
    tree: Any, path: str, words: str
) -> None:
    with pytest.raises(TreeWrong) as caught:
        parse_tree(tree)
    problem = caught.value.problems[0]
    assert problem.path == path
    assert words in problem.message


def test_all_wrong_nodes_are_told_at_once() -> None:
    with pytest.raises(TreeWrong) as caught:
        parse_tree({"op": "and", "children": [{"field": "x"}, 5, NGINX]})
    assert [one.path for one in caught.value.problems] == [
        "root.children[0].field", "root.children[1]",
    ]  # fmt: skip


def test_depth_and_size_are_bounded() -> None:
    deep: Any = NGINX
    for _ in range(DEPTH_MAX):
        deep = {"op": "not", "children": [deep]}
    with pytest.raises(TreeWrong, match="levels"):
        parse_tree(deep)
    with pytest.raises(TreeWrong, match="nodes"):
        parse_tree({"op": "or", "children": [NGINX] * NODES_MAX})


def test_versions_compare_as_versions() -> None:
    assert version_key("1.10") > version_key("1.9")

    def fits(told: str, **asked: str) -> bool:
        return is_version(told, UseValue.model_validate({"technology": "x", **asked}))

    assert fits("6.1.3", version="6.1")
    assert not fits("6.10", version="6.1")
    assert fits("6.1", version_gte="6.1.0")
    assert fits("6.1.0", version_lte="6.1")
    assert not fits("6.1-beta", version_gte="6.1")


@pytest.mark.parametrize("has_lines", [False, True], ids=["by the database", "by lines in memory"])
async def test_every_tree_finds_what_plain_python_finds(world: World, has_lines: bool) -> None:
    await world.ingest(captures())
    memory = CompanyMemory()
    async with world.database.transaction() as tx:
        # Confidences of every tier, which captures alone do not give.
        await tx.execute("UPDATE technology_uses SET confidence = 30 + 23 * (company_id % 4)")
        for row in await tx.fetch_all("SELECT company_id, profile FROM companies"):
            body = orjson.loads(row[1])
            for use in body["technologies"]:
                use["confidence"] = 30 + 23 * (row[0] % 4)
            await tx.execute(
                "UPDATE companies SET profile = :profile WHERE company_id = :id",
                profile=orjson.dumps(body).decode(),
                id=row[0],
            )
        await rebuild_index(tx, (await fetch_catalogue(tx)).values())
    if has_lines:
        await memory.columns.read_lines(world.database)
    async with world.database.snapshot() as tx:
        sources = await memory.sources(tx)
        assert sources.columns.has_lines is has_lines
        rows = await naive_rows(tx)
        assert len(rows) == len(DOMAINS)
        found_some = 0
        for tree in draw_trees(400):
            for tier in TIERS:
                found = await evaluate(tree, sources.at(tier))
                meant = {one["company_id"] for one in rows if fits(tree, one, tier)}
                assert set(found) == meant, (tree, tier)
                few = BitMap(list(meant)[:2]) | BitMap([rows[0]["company_id"]])
                assert await evaluate(tree, sources.at(tier), among=few) == found & few
                found_some += 0 < len(meant) < len(rows)
        assert found_some > 100


async def test_the_index_kept_by_writers_is_the_one_made_anew(world: World) -> None:
    await world.ingest(captures())
    for capture in captures()[:4]:
        await world.ingest([capture])

    async def read(tx: Transaction) -> list[tuple[Any, ...]]:
        rows = await tx.fetch_all("SELECT facet, value, chunk, bits FROM company_bitmaps")
        return sorted((r[0], r[1], r[2], tuple(BitMap.deserialize(r[3]))) for r in rows)

    async with world.database.transaction() as tx:
        kept = await read(tx)
        await rebuild_index(tx, (await fetch_catalogue(tx)).values())
        assert await read(tx) == kept
    assert {row[0] for row in kept} >= {"all", "technology_0", "category_90", "gram", "version"}
