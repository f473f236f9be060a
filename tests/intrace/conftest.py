"""A running Intrace for each test, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.intrace.serving import Server, serve


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A started server over a database of its own."""
    with serve(database_url, tmp_path) as started:
        yield started


@pytest.fixture
def analyst(server: Server) -> Iterator[httpx.Client]:
    """A service account that makes lookups."""
    with server.client() as client:
        yield client


@pytest.fixture
def auditor(server: Server) -> Iterator[httpx.Client]:
    """A service account that reads the audit log."""
    with server.client("auditor") as client:
        yield client
