"""Computations over the seeded data, over HTTP, with what they take of the server's memory.

    python -m benchmarks.scale.computing [--database postgresql] [--companies 100000]

Over the data of the scale benchmark, which are loaded when they are not there.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.scale import words
from benchmarks.scale.__main__ import FOLDER, SIZES, ensure_loaded, open_target
from benchmarks.scale.asking import Ask, category_slug, draw_technology, technology_slug
from benchmarks.scale.companies import name_and_domain
from benchmarks.scale.measuring import CONNECTIONS, Kind, measure_kind
from benchmarks.scale.server import Server, serve

ROUNDS = 3
SEED = 7
_PATH = "/v1/computations"


def draw_segment(chance: random.Random) -> dict[str, Any]:
    """Companies by a technology, by a property, or by both."""
    drawn = {
        "technology": technology_slug(draw_technology(chance)),
        "country": chance.choice(words.COUNTRIES[:12])[0],
        "industry": chance.choice(words.INDUSTRIES[:15]),
        "employee_range": chance.choice(words.EMPLOYEE_RANGES[:5])[0],
    }
    leaves = [
        {"field": field, "operator": "any_of", "value": [drawn[field]]}
        for field in chance.sample(sorted(drawn), chance.randint(1, 2))
    ]
    return {"registry_version": 1, "root": {"op": "and", "children": leaves}}


def pairs(companies: int, chance: random.Random) -> Iterator[Ask]:
    """Any two companies."""
    while True:
        (_, a), (_, b) = (name_and_domain(chance.randrange(companies)) for _ in range(2))
        yield Ask(f"{_PATH}/overlap/{a}/{b}")


def segments(chance: random.Random) -> Iterator[Ask]:
    """Two segments, all technologies, the most significant first."""
    while True:
        body = {"a": draw_segment(chance), "b": draw_segment(chance)}
        yield Ask(f"{_PATH}/overlap?technologies=all&sort=p_value", body)


def look_alikes(companies: int, chance: random.Random) -> Iterator[Ask]:
    """Any of the first four pages of any company, half of them in a segment."""
    while True:
        _, domain = name_and_domain(chance.randrange(companies))
        page = chance.randint(1, 4)
        if chance.randrange(2):
            yield Ask(f"{_PATH}/look-alikes/{domain}?page={page}")
        else:
            body = {"company": domain, "segment": draw_segment(chance)}
            yield Ask(f"{_PATH}/look-alikes?page={page}", body)


def adoptions(chance: random.Random) -> Iterator[Ask]:
    """A technology over two to ten years, as a whole, by a property or by own segments."""
    while True:
        body: dict[str, Any] = {
            "technology": technology_slug(draw_technology(chance)),
            "from_month": f"{chance.randint(2017, 2024)}-12",
            "to_month": "2026-11",
        }
        told = chance.randrange(3)
        if told == 1:
            body["group_by"] = chance.choice(("country", "industry", "employee_range"))
        elif told == 2:
            body["segments"] = [
                {"name": str(number), "segment": draw_segment(chance)} for number in range(5)
            ]
        yield Ask(f"{_PATH}/adoption", body)


def churns_of_technologies(chance: random.Random) -> Iterator[Ask]:
    """What followed a technology in a year or two, among all of its category."""
    while True:
        yield Ask(f"{_PATH}/churn", _churn(chance, {"technology": _technology(chance)}))


def churns_of_categories(chance: random.Random) -> Iterator[Ask]:
    """The matrix of a category."""
    while True:
        yield Ask(f"{_PATH}/churn", _churn(chance, {"category": category_slug(chance)}))


def switchers(chance: random.Random) -> Iterator[Ask]:
    """The companies that left a technology for another of a category."""
    while True:
        body = _churn(chance, {"technology": _technology(chance)})
        body["adopted"] = {"category": category_slug(chance)}
        yield Ask(f"{_PATH}/churn/companies", body)


def _technology(chance: random.Random) -> str:
    return technology_slug(draw_technology(chance))


def _churn(chance: random.Random, dropped: dict[str, str]) -> dict[str, Any]:
    months = {"from_month": f"2025-{chance.randint(1, 12):02}", "to_month": "2026-11"}
    return {"dropped": dropped, **months}


def kinds(companies: int) -> tuple[Kind, ...]:
    """Every computation, and what it may take."""
    few, aim = 100, "p99 <= 250"
    return (
        Kind("overlap of two companies", lambda chance: pairs(companies, chance), 400, aim),
        Kind("overlap of two segments", segments, few, aim),
        Kind("look-alikes", lambda chance: look_alikes(companies, chance), few, "p99 <= 150"),
        Kind("adoption by month", adoptions, few, aim),
        Kind("churn of a technology", churns_of_technologies, few, aim),
        Kind("churn of a category", churns_of_categories, few, aim),
        Kind("companies behind churn", switchers, few, aim),
    )


async def measure_first(server: Server) -> str:
    """What the first computation waits for, and what stays in memory of it."""
    before, began, began_cpu = server.resident_mib(), time.perf_counter(), server.cpu_s()
    ask = next(segments(random.Random(SEED)))
    async with (
        aiohttp.ClientSession(headers={"X-API-Key": server.org_key}) as session,
        session.post(server.url + ask.path, json=ask.body) as answer,
    ):
        assert answer.status == 200, await answer.read()
    took, cpu = time.perf_counter() - began, server.cpu_s() - began_cpu
    memory = server.resident_mib() - before
    return f"the first one: {took:.2f} s, {cpu:.2f} s of CPU, {memory:+.0f} MiB that stay"


async def measure(server: Server, companies: int) -> None:
    """Prints a row for each kind of question."""
    print(await measure_first(server))
    print("| | p50 | p99 | CPU of the server | aim |\n| --- | --- | --- | --- | --- |")
    for kind in kinds(companies):
        figure = await measure_kind(server, kind, ROUNDS, SEED, max(CONNECTIONS))
        print(
            f"| {figure.name} | {figure.p50_ms:.0f} ms | {figure.p99_ms:.0f} ms |"
            f" {figure.cpu_ms:.1f} ms | {figure.aim} |",
            flush=True,
        )


def main() -> None:
    """Measures one database of one size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.computing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the data are kept")
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    parser.add_argument("--companies", type=int, default=SIZES[-1])
    parser.add_argument("--jobs", type=int, default=2, help="processes that load")
    asked = parser.parse_args()
    with open_target(asked.database, asked.companies, asked.folder) as target:
        ensure_loaded(target, asked.jobs)
        with serve(target.folder, target.url) as server:
            asyncio.run(measure(server, asked.companies))


if __name__ == "__main__":
    main()
