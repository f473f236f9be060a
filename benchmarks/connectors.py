"""`python -m benchmarks connectors`: fan-out, a hung source, screening, own records at size.

Upstreams are real HTTP servers on the loopback address, in a process of their own; CPU figures are
of this process. Sizes can be lowered: `CONNECTOR_ROWS=1000000 python -m benchmarks.connectors`.
`--own-records` measures those alone, and how often the process had to leave its core meanwhile:
with a handful of times the machine was idle and the clock's figures hold.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import uvloop
from aiohttp import web

from tracewell.intrace.connectors.declared.connector import DeclaredConnector
from tracewell.intrace.connectors.declared.model import parse_manifest
from tracewell.intrace.connectors.failures import PartialAnswerError
from tracewell.intrace.connectors.means import Means
from tracewell.intrace.connectors.model import AskContext, Connector
from tracewell.intrace.connectors.network.client import HttpClient
from tracewell.intrace.connectors.network.network import Network
from tracewell.intrace.connectors.network.secrecy import SourceOptions
from tracewell.intrace.connectors.runner import RunResult, run_connectors
from tracewell.intrace.connectors.screening import load_watchlist
from tracewell.intrace.connectors.sources.own_records import OwnRecords
from tracewell.intrace.identifiers import parse_identifier, parse_identifiers
from tracewell.kernel.clock import system_clock
from tracewell.resolution import Kind

CONNECTORS, IDENTIFIERS, UPSTREAM_S, ROUNDS = 12, 20, 0.05, 30
ROWS = int(os.environ.get("CONNECTOR_ROWS", "10000000"))
NAMED_ROWS = min(ROWS, 1_000_000)
LISTED = 100_000
QUESTIONS = 2_000
SEED = 20_261_122

_MANIFEST = """
id: source_{n}
name: Source {n}
terms_url: https://source.example/terms
licence: CC0-1.0
base_url: http://source-{n}.example
rate: {{requests: 10000, per_s: 1}}
requests: {{username: {{path: "users/{{value}}"}}}}
answer:
  found: id
  subject: id
  observations: [{{predicate: username.handle, value: id}}]
health: {{path: status}}
"""


def _serve(told: Connection) -> None:
    """One server for all hosts: `/users/X` after 50 ms, never where X is `hung`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        await asyncio.sleep(3600 if name == "hung" else UPSTREAM_S)
        return web.json_response({"id": name})

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/users/{name}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(run())


async def _fan_out(port: int) -> None:
    connectors: list[Connector] = [
        DeclaredConnector(parse_manifest(_MANIFEST.format(n=n))) for n in range(CONNECTORS)
    ]
    options = {c.spec.id: SourceOptions() for c in connectors}
    client = HttpClient(
        clock=system_clock,
        contact_url="http://127.0.0.1/",
        allow=[f"*.example=127.0.0.1:{port}"],
    )
    means = Means(Network(client, options=options))

    async def look_up(names: Sequence[str], timeout_s: float) -> tuple[float, RunResult]:
        numbers = itertools.count()
        identifiers = parse_identifiers([("username", name) for name in names])
        started = time.perf_counter()
        result = await run_connectors(
            connectors,
            identifiers,
            clock=system_clock,
            new_source_id=lambda: f"src_{next(numbers)}",
            timeout_s=timeout_s,
            enabled=[c.spec.id for c in connectors],
            means=means,
        )
        return time.perf_counter() - started, result

    names = [f"user{n}" for n in range(IDENTIFIERS)]
    await look_up(names, 10)
    times, busy = [], []
    for _ in range(ROUNDS):
        cpu = time.process_time()
        took, result = await look_up(names, 10)
        busy.append(time.process_time() - cpu)
        assert len(result.observations) == CONNECTORS * IDENTIFIERS, result.coverage
        times.append(took)
    _print_row(f"{IDENTIFIERS} identifiers x {CONNECTORS} connectors, 50 ms upstreams", times)
    _print_row("the same, CPU of the client", busy)
    late = []
    for deadline in (0.5, 1.0):
        for _ in range(5):
            took, _ = await look_up([*names[1:], "hung"], deadline)
            late.append(took - deadline)
    _print_row("a hung source: answered after its deadline by", late)
    await means.close()


def _screen(folder: Path) -> None:
    chance = random.Random(SEED)
    names = _invent_names(LISTED, chance)
    path = folder / "list.ftm.json"
    with path.open("w") as file:
        for n, name in enumerate(names):
            entity = {"id": f"Q{n}", "schema": "Person", "properties": {"name": [name]}}
            file.write(json.dumps(entity) + "\n")
    started = time.process_time()
    watchlist = load_watchlist(path)
    print(f"| loading {LISTED:,} entities | {time.process_time() - started:.1f} s of CPU | |")
    asked = [_damage(name, chance) for name in chance.sample(names, QUESTIONS)]
    _time_row(f"screening one name against {LISTED:,} entities",
              asked, lambda name: watchlist.screen(name, Kind.PERSON))  # fmt: skip


async def _own_records(folder: Path, rows: int, *, with_names: bool) -> None:
    chance = random.Random(SEED)
    names = _invent_names(rows, chance) if with_names else []
    columns: dict[str, Any] = {"mail": [f"person{n}@mail{n % 997}.example" for n in range(rows)]}
    if with_names:
        columns["name"] = names
    directory = folder / f"records-{rows}-{with_names}"
    directory.mkdir()
    pq.write_table(pa.table(columns), directory / "people.parquet")
    meaning = "mail: email.address" + (", name: person.name" if with_names else "")
    (directory / "records.yaml").write_text(
        f"files:\n  - file: people.parquet\n    columns: {{{meaning}}}\n"
    )
    connector = OwnRecords(directory, clock=system_clock)
    started = time.process_time()
    await connector.load_reports()
    took = time.process_time() - started
    print(f"| loading {rows:,} own records{' with names' if with_names else ''} |"
          f" {took:.0f} s of CPU | {took / rows * 1e6:.1f} us a row |", flush=True)  # fmt: skip
    context = AskContext(system_clock, 0)

    async def time_all(label: str, kind: str, values: Sequence[str]) -> None:
        times, busy, left = [], [], _times_off_core()
        for value in values:
            identifier = parse_identifier(kind, value)
            started, cpu = time.perf_counter(), time.process_time()
            try:
                found = await connector.ask(identifier, context)
            except PartialAnswerError as cut_short:  # a name of more than a hundred
                found = cut_short.observations
            busy.append(time.process_time() - cpu)
            times.append(time.perf_counter() - started)
            assert found or kind == "name"
        _print_row(label, times)
        _print_row(f"the same, CPU; left its core {_times_off_core() - left} times", busy)

    some = [f"person{n}@mail{n % 997}.example" for n in chance.sample(range(rows), QUESTIONS)]
    await time_all(f"identifier among {rows:,} own records", "email", some)
    if with_names:
        damaged = [_damage(name, chance) for name in chance.sample(names, QUESTIONS)]
        await time_all(f"near names among {rows:,} own records", "name", damaged)


def _times_off_core() -> int:
    """How often another process took this one's core."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _invent_names(count: int, chance: random.Random) -> list[str]:
    """Names as skewed as people's: few first names are many people's."""
    syllables = ["ka", "ra", "mi", "no", "el", "an", "to", "sha", "vi", "ber", "lin", "do", "mar",
                 "ju", "ste", "pol", "gri", "hu", "zen", "wa", "fe", "ri", "os", "tam"]  # fmt: skip
    given = ["".join(chance.choices(syllables, k=2 + n % 2)) for n in range(3_000)]
    family = ["".join(chance.choices(syllables, k=2 + n % 3)) for n in range(60_000)]
    weights = [1 / (n + 3) for n in range(len(given))]
    first = chance.choices(given, weights, k=count)
    last = chance.choices(family, [1 / (n + 30) for n in range(len(family))], k=count)
    return [f"{a} {b}".title() for a, b in zip(first, last, strict=True)]


def _damage(name: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(name) - 1)
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _time_row(label: str, asked: Sequence[str], work: Callable[[str], Any]) -> None:
    times = []
    for value in asked:
        started = time.perf_counter()
        work(value)
        times.append(time.perf_counter() - started)
    _print_row(label, times)


def _print_row(label: str, times: Sequence[float]) -> None:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"| {label} | p50 {statistics.median(ordered) * 1e3:.2f} ms |"
          f" p99 {p99 * 1e3:.2f} ms |", flush=True)  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Prints all figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connectors")
    parser.add_argument("--own-records", action="store_true", help="only the own records")
    only_records = parser.parse_args(arguments).own_records
    print("| | | |\n| --- | --- | --- |")
    if not only_records:
        _ask_upstreams()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if not only_records:
            _screen(folder)
        asyncio.run(_own_records(folder, NAMED_ROWS, with_names=True))
        if ROWS > NAMED_ROWS:
            asyncio.run(_own_records(folder, ROWS, with_names=False))


def _ask_upstreams() -> None:
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    upstream = context.Process(target=_serve, args=(theirs,), daemon=True)
    upstream.start()
    try:
        # The loop that a server runs on.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_fan_out(ours.recv()))
    finally:
        upstream.terminate()


if __name__ == "__main__":
    main(sys.argv[1:])
