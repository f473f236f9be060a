"""Pages, over every endpoint that has them: walked to their ends, both ways, while rows are added.

What is promised for `page` and `limit` is written in docs/trace.md. These tests add companies, so
that they stand behind the others of this folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.contract.growing import FIRST_ROWS, Growth, Side
from tests.contract.recipes import endpoints
from tests.contract.stage import Stage
from tests.contract.walking import AWKWARD, PLANS, WALK_LIMIT, Walker, paged

Keys = list[tuple[Any, ...]]
# From one page to the last there is always something else that has not come to its end.
_STEPS_MAX = 60


@pytest.fixture(scope="module")
def growth(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Growth:
    """Rows for every endpoint to page over."""
    folder = tmp_path_factory.mktemp("growing")
    made = Growth(stage, stage.new_customer(), stage.new_customer(), folder)
    made.begin()
    return made


def test_every_paged_endpoint_has_a_plan() -> None:
    assert set(PLANS) == set(paged()), "tests/contract/walking.py says how rows are told apart"


@pytest.fixture(params=paged())
def walker(request: pytest.FixtureRequest, growth: Growth) -> Walker:
    """Each paged endpoint."""
    return Walker(growth, endpoints()[request.param])


def rows_at_most(walker: Walker) -> tuple[int, int]:
    """How many rows there are, and a limit with which they lie on a few pages."""
    total = walker.get(limit=1)["pagination"]["total_results"]
    assert total >= FIRST_ROWS - 1  # a company is not its own look-alike
    return total, min(100, max(WALK_LIMIT, -(-total // 5)))


def test_pages_walked_both_ways_are_the_whole_in_one_order(walker: Walker) -> None:
    total, limit = rows_at_most(walker)
    pages = list(walker.forwards(limit))
    rows = [row for page in pages for row in page]
    assert len(pages) > 1
    assert len(rows) == len(set(rows)) == total
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert list(walker.backwards(limit)) == pages[::-1]


def test_the_pagination_object_tells_where_a_page_stands(walker: Walker) -> None:
    total, limit = rows_at_most(walker)
    body = walker.get(limit=limit, **AWKWARD)
    seen = 0
    while True:
        told = body["pagination"]
        is_last = seen + limit >= total
        assert (told["limit"], told["total_results"]) == (limit, total)
        assert (told["has_prev"], told["has_next"]) == (seen > 0, not is_last)
        if walker.by_offset:
            assert told["offset"] == seen
        else:
            assert (told["page"], told["total_pages"]) == (seen // limit + 1, -(-total // limit))
        if is_last:
            assert told["next_url"] is None
            return
        check_address(walker, told["next_url"], limit, seen + limit)
        body, seen = walker.get(told["next_url"]), seen + limit


def check_address(walker: Walker, url: str, limit: int, offset: int) -> None:
    """The next page's address is absolute, at this server, and repeats every other parameter."""
    found, server = urlsplit(url), urlsplit(walker.growth.stage.server.trace)
    assert (found.scheme, found.netloc) == (server.scheme, server.netloc)
    assert found.path.startswith(f"{server.path}/v1/")
    place = ("offset", offset) if walker.by_offset else ("page", offset // limit + 1)
    # A list's members also name the computation that the walk began with.
    sent = parse_qsl(found.query, keep_blank_values=True)
    query = sorted(one for one in sent if not (walker.by_offset and one[0] == "as_of"))
    wanted = {**walker.plan.query, **AWKWARD, "limit": limit, place[0]: place[1]}
    assert query == sorted((name, str(value)) for name, value in wanted.items())


def test_a_page_past_the_end_is_empty(walker: Walker) -> None:
    total, _ = rows_at_most(walker)
    past: dict[str, Any] = {"offset": total} if walker.by_offset else {"page": total + 1}
    body = walker.get(limit=1, **past)
    assert body["data"] == []
    told = body["pagination"]
    assert (told["has_prev"], told["has_next"], told["next_url"]) == (True, False, None)
    assert told["total_results"] == total


@pytest.mark.parametrize("limit", ["0", "-1", "101", "many", "1.5", ""])
def test_a_limit_out_of_bounds_is_refused(walker: Walker, limit: str) -> None:
    answer = walker.ask(limit=limit)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "limit"]


def sorts_of(walker: Walker) -> list[str]:
    """Every sort that the endpoint declares, as the server's document tells."""
    operation = walker.growth.stage.document["paths"][walker.endpoint.path]
    operation = operation[walker.endpoint.method.lower()]
    schemas = [one["schema"] for one in operation["parameters"] if one["name"] == "sort"]
    choices = [one for schema in schemas for one in schema.get("anyOf", [schema])]
    return [sort for choice in choices for sort in choice.get("enum", ())]


def test_some_endpoints_sort(growth: Growth) -> None:
    sorting = [name for name in paged() if sorts_of(Walker(growth, endpoints()[name]))]
    assert len(sorting) >= 5


def test_every_sort_is_one_order_on_all_pages(walker: Walker) -> None:
    sorts, (total, limit) = sorts_of(walker), rows_at_most(walker)
    orders = {}
    for sort in sorts:
        orders[sort] = [row for page in walker.forwards(limit, sort=sort) for row in page]
        assert len(set(orders[sort])) == total, sort
        assert orders[sort][:100] == walker.keys(walker.get(limit=100, sort=sort)), sort
    for sort in sorts:
        if sort.startswith("-") and sort[1:] in orders:
            assert orders[sort] == orders[sort[1:]][::-1], f"{sort} is {sort[1:]} turned round"


@pytest.fixture(scope="module", params=["front", "end"])
def walked(
    request: pytest.FixtureRequest, growth: Growth
) -> tuple[Side, dict[str, tuple[Keys, Keys, Keys]]]:
    """For each endpoint what stood at first, and what walks forwards and backwards saw while a row
    was added at one side between any two pages."""
    side: Side = request.param
    stood: dict[str, Keys] = {}
    walks: dict[tuple[str, bool], Iterator[Keys]] = {}
    for name in paged():
        walker = Walker(growth, endpoints()[name])
        query = walker.plan.sides.get(side)
        if query is not None:
            _, limit = rows_at_most(walker)
            stood[name] = [row for page in walker.forwards(limit, **query) for row in page]
            walks[name, True] = walker.forwards(limit, **query)
            walks[name, False] = walker.backwards(limit, **query)
    seen: dict[tuple[str, bool], Keys] = {one: [] for one in walks}
    for _ in range(_STEPS_MAX):
        for one in list(walks):
            page = next(walks[one], None)
            if page is None:
                del walks[one]
            else:
                seen[one] += page
        if not walks:
            break
        growth.add(side)
    assert not walks, "a walk comes to its end though rows are added"
    return side, {name: (rows, seen[name, True], seen[name, False]) for name, rows in stood.items()}


Walked = tuple[Side, dict[str, tuple[Keys, Keys, Keys]]]


@pytest.mark.parametrize("name", paged())
def test_a_walk_misses_no_row_that_stood_when_it_began(walked: Walked, name: str) -> None:
    side, walks = walked
    if name not in walks:
        assert side not in PLANS[name].sides
        return
    stood, forwards, backwards = walks[name]
    assert set(stood) <= set(forwards)
    if side == "end":
        # Rows that are added behind all others move none: nothing is seen twice, either way.
        assert forwards[: len(stood)] == stood
        assert len(forwards) == len(set(forwards))
        assert sorted(backwards) == sorted(set(backwards))
        assert set(stood) <= set(backwards)
    else:
        # Rows that are added before all others move the rest on: a row may be seen again.
        assert list(dict.fromkeys(forwards)) == stood
