"""Figures of a running server over HTTP: latencies at a few connections, and the export."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import aiohttp

from benchmarks.scale import asking
from benchmarks.scale.asking import Ask
from benchmarks.scale.drawing import Ints
from benchmarks.scale.server import MemoryWatch, Server

CONNECTIONS = (1, 4)
EXPORTED = 100_000


@dataclass(frozen=True, slots=True)
class Figure:
    """Latencies of one kind of request with so many in flight, medians of the rounds, in
    milliseconds; CPU milliseconds of the server process a request; and what the aims are."""

    name: str
    connections: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    aim: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request, how many of them are a round."""

    name: str
    draw: Callable[[random.Random], Iterator[Ask]]
    count: int
    aim: str


def kinds(companies: int, partners: Ints) -> tuple[Kind, ...]:
    """Everything that is asked, in its order."""
    return (
        Kind("lookup", lambda chance: asking.lookups(companies, chance), 4_000,
             "p50 <= 3, p99 <= 15"),
        Kind("search, three filters", asking.searches, 400, "p50 <= 30, p99 <= 150"),
        Kind("search, text and two filters", asking.text_searches, 400, "p50 <= 30, p99 <= 150"),
        Kind("companies of a technology, pages 1 to 100", asking.users_of_technologies, 400,
             "p99 <= 100"),
        Kind("preview count, 8 leaves", asking.previews, 400, "p50 <= 50, p99 <= 250"),
        Kind("graph, depth 2, 500 nodes", lambda chance: asking.graphs(partners, chance), 200,
             "p99 <= 150"),
    )  # fmt: skip


async def measure_kind(
    server: Server, kind: Kind, rounds: int, seed: int, connections: int
) -> Figure:
    """Every round asks what was not asked before: what companies are told is charged."""
    chance = random.Random(seed)
    asks = kind.draw(chance)
    p50s, p99s, cpus = [], [], []
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections), auto_decompress=False
    ) as session:
        await _round(server, session, list(islice(asks, 20)), connections)
        for _ in range(rounds):
            wanted = list(islice(asks, kind.count))
            began = server.cpu_s()
            taken = sorted(await _round(server, session, wanted, connections))
            cpus.append((server.cpu_s() - began) * 1000 / len(taken))
            p50s.append(taken[len(taken) // 2] * 1000)
            p99s.append(taken[int(len(taken) * 0.99)] * 1000)
    return Figure(
        kind.name, connections, statistics.median(p50s), statistics.median(p99s),
        statistics.median(cpus), kind.aim,
    )  # fmt: skip


async def _round(
    server: Server, session: aiohttp.ClientSession, wanted: list[Ask], connections: int
) -> list[float]:
    waiting = iter(wanted)
    taken: list[float] = []

    async def ask_on() -> None:
        for one in waiting:
            began = time.perf_counter()
            async with session.request(
                "GET" if one.body is None else "POST",
                server.url + one.path,
                json=one.body,
                headers={"X-API-Key": server.user_key if one.by_user else server.org_key},
            ) as answer:
                body = await answer.read()
            taken.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{one.path}: {answer.status} {body[:300]!r}")

    await asyncio.gather(*(ask_on() for _ in range(connections)))
    return taken


async def measure_export(server: Server, companies: int) -> list[str]:
    """A list of as near to 100,000 members as a technology gives, exported in each format."""
    headers = {"X-API-Key": server.user_key}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def call(method: str, path: str, body: Any = None) -> Any:
            async with session.request(method, server.url + path, json=body) as answer:
                text = await answer.read()
                if answer.status >= 300:
                    raise RuntimeError(f"{path}: {answer.status} {text[:300]!r}")
                return json.loads(text)

        root: dict[str, Any] = {"field": "technology_count", "operator": "gte", "value": 0}
        if companies > EXPORTED:
            listed = (await call("GET", "/v1/technologies?limit=100"))["data"]
            nearest = min(listed, key=lambda one: abs(one["company_count"] - EXPORTED))
            root = {"field": "technology", "operator": "any_of", "value": [nearest["slug"]]}
        made = await call("POST", "/v1/lists", {"name": "Scale"})
        path = f"/v1/lists/{made['list_id']}"
        await call("PUT", f"{path}/definition", {"registry_version": 1, "root": root})
        members = (await call("POST", f"{path}/materialize"))["counts"]["total"]
        lines = [f"export of {members:,} members, {server.resident_mib():.0f} MiB before"]
        for label, file_format in (
            ("charged", "csv"), ("free", "csv"), ("free", "jsonl"), ("free", "parquet")
        ):  # fmt: skip
            began, began_cpu = time.perf_counter(), server.cpu_s()
            before, first, size = server.resident_mib(), 0.0, 0
            with MemoryWatch(server.pid) as memory:
                async with session.get(
                    f"{server.url}{path}/export?format={file_format}", timeout=None
                ) as answer:
                    assert answer.status == 200
                    async for part in answer.content.iter_any():
                        first = first or time.perf_counter() - began
                        size += len(part)
            took, cpu = time.perf_counter() - began, server.cpu_s() - began_cpu
            lines.append(
                f"{file_format:8} {label:8} {members / took:9,.0f} rows/s"
                f" {members / cpu:9,.0f} rows/CPU-s  first byte {first:5.2f} s"
                f"  {size / 2**20:5.1f} MiB  peak {memory.peak_mib - before:+5.0f} MiB"
                f" ({memory.peak_mib - server.idle_mib:+.0f} above start)"
            )
    return lines
