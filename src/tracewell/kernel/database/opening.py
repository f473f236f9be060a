"""From a database URL to a database."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tracewell.kernel.database.model import Database, DatabaseFailed
from tracewell.kernel.database.postgresql import PostgresqlDatabase
from tracewell.kernel.database.sqlite import SqliteDatabase

URL_FORMS = "sqlite:///path/to/file.db or postgresql://user:password@host:5432/name"


async def open_database(url: str) -> Database:
    """Opens `sqlite:///FILE` (four slashes: absolute) or `postgresql://...`.

    Raises DatabaseFailed when it cannot be opened and ValueError on any other URL.
    """
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        try:
            return await PostgresqlDatabase.connect(url)
        except (ValueError, OverflowError) as error:
            # The driver's text may quote the password.
            raise DatabaseFailed(
                "PostgreSQL: the URL names no server; it is postgresql://user:password@host:5432/name"
            ) from error
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        path = Path(unquote(parts.path[1:]))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseFailed(f"SQLite: the folder cannot be made: {error.strerror}") from error
        return SqliteDatabase(path)
    raise ValueError(f"a database URL is {URL_FORMS}")
