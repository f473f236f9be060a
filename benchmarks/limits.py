"""What one admission costs: shared files from one process and four, Redis coalesced and one by one.

python benchmarks/limits.py [--seconds N]: prints a table. Starts its own redis-server if there is
one. Nothing is asserted: machines differ, the ratios travel.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tracewell.kernel.limits import Limiter, Quota, open_limiter

ROOMY = Quota(1_000_000)
FULL = Quota(600)
PROCESSES = 4
IN_FLIGHT = 64


async def one_after_the_other(limiter: Limiter, principal: str, quota: Quota, end: float) -> int:
    done = 0
    while time.perf_counter() < end:
        for _ in range(50):
            await limiter.admit(principal, quota)
        done += 50
    return done


async def many_in_flight(limiter: Limiter, principal: str, quota: Quota, end: float) -> int:
    async def client() -> int:
        done = 0
        while time.perf_counter() < end:
            await limiter.admit(principal, quota)
            done += 1
        return done

    return sum(await asyncio.gather(*(client() for _ in range(IN_FLIGHT))))


async def over_many_principals(limiter: Limiter, principal: str, quota: Quota, end: float) -> int:
    done = 0
    while time.perf_counter() < end:
        for number in range(2_000):
            await limiter.admit(f"{principal} {number}", quota)
        done += 2_000
    return done


Load = Callable[[Limiter, str, Quota, float], Awaitable[int]]


def measure(load: Load, place: str, principal: str, quota: Quota, seconds: float) -> float:
    """Microseconds of wall time per call."""

    async def run() -> float:
        limiter = open_limiter(place if "://" in place else None, Path(place))
        await limiter.admit(principal, quota)
        begin = time.perf_counter()
        done = await load(limiter, principal, quota, begin + seconds)
        elapsed = time.perf_counter() - begin
        await limiter.close()
        return elapsed / done * 1e6

    return asyncio.run(run())


def _measure_apart(
    barrier: Barrier,
    results: multiprocessing.SimpleQueue[float],
    load: Load,
    place: str,
    principal: str,
    seconds: float,
) -> None:
    barrier.wait()
    results.put(measure(load, place, principal, ROOMY, seconds))


def measure_processes(load: Load, place: str, *, same: bool, seconds: float) -> float:
    """Wall microseconds per call of all processes together."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    results: multiprocessing.SimpleQueue[float] = context.SimpleQueue()
    workers = [
        context.Process(
            target=_measure_apart,
            args=(barrier, results, load, place, "hot" if same else f"own {number}", seconds),
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    costs = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return 1 / sum((1 / cost for cost in costs), 0.0)


@contextmanager
def redis_server(directory: str) -> Iterator[str | None]:
    """The URL of a server without persistence; None where there is no redis-server."""
    binary = shutil.which("redis-server")
    if binary is None:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", directory, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each line (default 1)")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as place, redis_server(place) as redis_url:
        files = f"{place}/limits"

        def show(what: str, microseconds: float) -> None:
            print(f"{what:<58}{microseconds:>10.2f} us{1e6 / microseconds:>14,.0f}/s", flush=True)

        show("files, 1 process, admitted", measure(one_after_the_other, files, "a", ROOMY, seconds))
        show("files, 1 process, refused", measure(one_after_the_other, files, "b", FULL, seconds))
        show(
            "files, 1 process, 2,000 principals in turn",
            measure(over_many_principals, files, "c", FULL, seconds),
        )
        for same in (False, True):
            show(
                f"files, {PROCESSES} processes, {'one principal' if same else 'a principal each'}",
                measure_processes(one_after_the_other, files, same=same, seconds=seconds),
            )
        if redis_url is None:
            print("redis-server is not installed: no lines for Redis")
            return
        show(
            "Redis, one call each",
            measure(one_after_the_other, redis_url, "d", ROOMY, seconds),
        )
        show(
            f"Redis, coalesced, {IN_FLIGHT} in flight",
            measure(many_in_flight, redis_url, "e", ROOMY, seconds),
        )
        show(
            f"Redis, coalesced, {PROCESSES} processes with {IN_FLIGHT} in flight each",
            measure_processes(many_in_flight, redis_url, same=True, seconds=seconds),
        )


if __name__ == "__main__":
    main()
