"""One process that writes: writer.py URL NAME COUNT, each row in a transaction of its own.

Four tasks share the rows, so that groups and the other processes' transactions interleave.
"""

from __future__ import annotations

import asyncio
import sys

from tracewell.kernel.database import open_database

TASKS = 4


async def main(url: str, name: str, count: str) -> None:
    database = await open_database(url)

    async def write(first: int) -> None:
        for number in range(first, int(count), TASKS):
            async with database.transaction() as tx:
                await tx.execute(
                    "INSERT INTO things (name, amount) VALUES (:name, 1)", name=f"{name} {number}"
                )
                await tx.execute("UPDATE things SET amount = amount + 1 WHERE name = 'shared'")
            print(f"{name} {number}", flush=True)

    await asyncio.gather(*(write(first) for first in range(TASKS)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
