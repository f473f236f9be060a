"""The databases of these tests, each in turn."""

from __future__ import annotations

from tests.databases import anyio_backend, database, database_url, dialect

__all__ = ["anyio_backend", "database", "database_url", "dialect"]
