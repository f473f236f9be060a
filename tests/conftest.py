"""Fixtures that every test may use."""

from __future__ import annotations

from tests.databases import anyio_backend, database, database_url, dialect, empty_database_url

__all__ = ["anyio_backend", "database", "database_url", "dialect", "empty_database_url"]
