"""What the kernel's tests share: a small table, a database with it, a clock that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tracewell.kernel.database import Database, open_database

CREATE = (
    "CREATE TABLE things (name TEXT PRIMARY KEY,"
    " amount BIGINT NOT NULL CHECK (amount >= 0), body TEXT)"
)


@pytest.fixture
async def things(empty_database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """A database with the one table `things`, on each dialect."""
    opened = await open_database(empty_database_url)
    try:
        async with opened.transaction() as tx:
            await tx.execute(CREATE)
        yield opened
    finally:
        await opened.close()


class StandingClock:
    """A clock that moves only when it is told to. Milliseconds since the epoch."""

    def __init__(self, now: int = 1_780_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> StandingClock:
    """A clock that stands."""
    return StandingClock()
