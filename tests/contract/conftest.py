"""The servers of these tests, one on each database."""

from __future__ import annotations

import pytest
from tests.contract.stage import PER_MINUTE, Stage, sample_captures, switch_captures
from tests.server.deployment import Deployment
from tests.servers import SERVER_DIALECTS, Servers, servers

__all__ = ["servers"]


@pytest.fixture(scope="session", params=SERVER_DIALECTS)
def stage(request: pytest.FixtureRequest, servers: Servers) -> Stage:
    """A server of both products over the sample web, for tests that leave its companies alone."""
    return _new_stage(servers, request.param)


def _new_stage(servers: Servers, dialect: str) -> Stage:
    environment = {
        "TRACE_REQUESTS_PER_MINUTE": str(PER_MINUTE),
        "REQUEST_ARRIVAL_TIMEOUT_SECONDS": "15",
    }
    server = servers.get(dialect, environment=environment)
    url = None if dialect == "sqlite" else server.database_url
    made = Stage(server, Deployment(server.data, url))
    made.take_in([*sample_captures(), *switch_captures()])
    return made
