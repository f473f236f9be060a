"""Fixtures that every test may use."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

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

# A busy machine is no fault of a test: how long an example takes says nothing here.
settings.register_profile("tracewell", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tracewell")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Names bytes and long texts by their argument: short, and the same in every process."""
    is_long = isinstance(val, str) and len(val) > 80
    return argname if isinstance(val, bytes) or is_long else None
