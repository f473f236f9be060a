"""Deployments and servers that the tests of the running server share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import DIALECTS, NoPostgresql, fresh_database
from tests.server.deployment import Deployment
from tests.servers import SERVER_DIALECTS, Server, Servers, servers

__all__ = ["servers"]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A deployment of the test's own, on SQLite."""
    return Deployment(tmp_path / "data")


@pytest.fixture(params=DIALECTS)
def deployment_on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of the test's own, on each database in turn."""
    with deployment_on(request.param, tmp_path) as made:
        yield made


SHARED_COMPANIES = 12
SHARED_SETTINGS = {
    "CONNECTOR_TIMEOUT_SECONDS": "2",
    "RATE_LIMIT_DEEP_LOOKUPS_PER_MINUTE": "100000",
    "TRACE_REQUESTS_PER_MINUTE": "100000",
}


@pytest.fixture(scope="session", params=SERVER_DIALECTS)
def shared(request: pytest.FixtureRequest, servers: Servers) -> tuple[Deployment, Server]:
    """A server of both products for tests that leave it as it was, on each database."""
    server = servers.get(request.param, environment=SHARED_SETTINGS)
    url = None if request.param == "sqlite" else server.database_url
    deployment = Deployment(server.data, url)
    deployment.add_companies(SHARED_COMPANIES)
    return deployment, server


@pytest.fixture(scope="session")
def shared_deployment(shared: tuple[Deployment, Server]) -> Deployment:
    """The shared server's deployment, with companies `c0.example` and on."""
    return shared[0]


@pytest.fixture(scope="session")
def shared_server(shared: tuple[Deployment, Server]) -> Server:
    """The shared server."""
    return shared[1]


@pytest.fixture(scope="module")
def nothing_failed(shared_server: Server) -> Iterator[None]:
    """The server logs no failure while the module's tests run."""
    before = len(shared_server.log())
    yield
    told = shared_server.log()[before:]
    assert "failed" not in told, told
    assert "Traceback" not in told, told


@contextlib.contextmanager
def deployment_on(dialect: str, folder: Path) -> Iterator[Deployment]:
    """A deployment on the named database; skips where PostgreSQL cannot be run."""
    if dialect == "sqlite":
        yield Deployment(folder / "data")
        return
    try:
        with fresh_database(dialect, folder) as url:
            yield Deployment(folder / "data", url)
    except NoPostgresql as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
