"""One process that asks for admissions as fast as it can and writes down each that it is given.

hammer.py PLACE LIMIT WINDOW_S SECONDS OUTPUT GO: PLACE is a directory or a Redis URL; begins when
the file GO exists. A line of OUTPUT: monotonic clock before, stamp, monotonic clock after.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from tracewell.kernel.limits import Limiter, LimiterUnavailable, Quota, open_limiter

TASKS = 8
ATTEMPTS_MAX = 2_000_000


async def hammer(limiter: Limiter, quota: Quota, deadline: float, output: int) -> None:
    for _ in range(ATTEMPTS_MAX // TASKS):
        before = time.monotonic_ns()
        if before > deadline:
            return
        try:
            decision = await limiter.admit("the hot one", quota)
        except LimiterUnavailable:
            continue
        if decision.admitted:
            row = f"{before} {decision.admitted_at} {time.monotonic_ns()}\n"
            os.write(output, row.encode())
        else:
            await asyncio.sleep(0)


async def main(place: str, limit: str, window_s: str, seconds: str, out: str, go: str) -> None:
    redis_url = place if "://" in place else None
    limiter = open_limiter(redis_url, Path(place))
    output = os.open(out, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    while not Path(go).exists():
        time.sleep(0.005)
    deadline = time.monotonic_ns() + float(seconds) * 1e9
    quota = Quota(int(limit), window_s=int(window_s))
    await asyncio.gather(*(hammer(limiter, quota, deadline, output) for _ in range(TASKS)))
    await limiter.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
