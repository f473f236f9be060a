"""Fixtures that every test may use."""

from __future__ import annotations

# The hook must stand in the root's conftest: pytest-xdist's controller loads no other.
from tests.conformance.table import pytest_terminal_summary
from tests.databases import anyio_backend, database, database_url, dialect, empty_database_url

__all__ = [
    "anyio_backend",
    "database",
    "database_url",
    "dialect",
    "empty_database_url",
    "pytest_terminal_summary",
]
