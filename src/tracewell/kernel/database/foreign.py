"""Reading databases of others: one query at a time, read-only, bounded in rows and time.

Nothing is ever written there, whatever the query says; our own databases are opened in `opening`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import apsw
import asyncpg

from tracewell.kernel.database.model import DatabaseFailed
from tracewell.kernel.database.sql import bind, positional

POOL_MAX: Final = 4
CONNECT_TIMEOUT_S: Final = 5.0
_INSTRUCTIONS_BETWEEN_LOOKS: Final = 10_000

Record = Mapping[str, Any]


class ForeignDatabase:
    """A database that belongs to somebody else, by its URL (as in `opening.open_database`).

    It is connected to at the first query. Raises ValueError for a URL that names none.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path: Path | None = None
        if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
            self._path = Path(unquote(parts.path[1:]))
        elif parts.scheme not in ("postgresql", "postgres"):
            raise ValueError("a database URL begins with sqlite:/// or postgresql://")
        self._url = url
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def read(
        self, query: str, params: Mapping[str, Any], *, rows_max: int, timeout_s: float
    ) -> list[Record]:
        """The first `rows_max` rows by column name; `:name` in the query is a parameter.

        Raises DatabaseFailed, whose text holds neither a value nor the URL, and TimeoutError.
        """
        try:
            if self._path is not None:
                return await self._read_sqlite(query, params, rows_max, timeout_s)
            async with asyncio.timeout(timeout_s):
                return await self._read_postgresql(query, params, rows_max)
        except KeyError:
            raise DatabaseFailed("the query names a parameter that there is not") from None

    async def close(self) -> None:
        """Closes the connections, if any were opened."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _read_sqlite(
        self, query: str, params: Mapping[str, Any], rows_max: int, timeout_s: float
    ) -> list[Record]:
        path = self._path
        assert path is not None
        deadline = time.monotonic() + timeout_s
        # Somebody else's query may take long: not in the event loop, and stopped from inside.
        return await asyncio.to_thread(
            _read_file, path, query, params, rows_max, lambda: time.monotonic() > deadline
        )

    async def _read_postgresql(
        self, query: str, params: Mapping[str, Any], rows_max: int
    ) -> list[Record]:
        sql, names = positional(query, "$")
        try:
            pool = await self._ensure_pool()
            async with pool.acquire() as connection, connection.transaction(readonly=True):
                cursor = await connection.cursor(sql, *bind(names, params))
                rows = await cursor.fetch(rows_max)
        except asyncpg.PostgresError as error:
            # The class and the SQLSTATE only: PostgreSQL's details quote the row.
            told = f"PostgreSQL: {type(error).__name__} {error.sqlstate}"
            raise DatabaseFailed(told) from None
        except (asyncpg.InterfaceError, OSError, ValueError) as error:
            raise DatabaseFailed(f"PostgreSQL: {type(error).__name__}") from None
        return [dict(row) for row in rows]

    async def _ensure_pool(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=POOL_MAX,
                    timeout=CONNECT_TIMEOUT_S,
                    server_settings={"default_transaction_read_only": "on"},
                )
        return self._pool


def _read_file(
    path: Path, query: str, params: Mapping[str, Any], rows_max: int, is_late: Callable[[], bool]
) -> list[Record]:
    sql, names = positional(query, "?")
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        with contextlib.closing(connection):
            connection.execute("PRAGMA query_only = ON")
            connection.set_progress_handler(is_late, _INSTRUCTIONS_BETWEEN_LOOKS)
            cursor = connection.execute(sql, bind(names, params))
            rows: list[Record] = []
            for row in cursor:
                columns = [column[0] for column in cursor.get_description()]
                rows.append(dict(zip(columns, row, strict=True)))
                if len(rows) == rows_max:
                    break
            return rows
    except apsw.InterruptError:
        raise TimeoutError from None
    except apsw.Error as error:
        # The class alone: a message may quote the query's own text.
        raise DatabaseFailed(f"SQLite: {type(error).__name__}") from None
