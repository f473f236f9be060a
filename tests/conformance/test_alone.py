"""A product that is served alone: at /v1, in its own shape, also where nothing else would tell."""

from __future__ import annotations

import pytest
from tests.conformance.shapes import check_envelope, check_flat, check_nested
from tests.conformance.world import World
from tests.servers import Servers

pytestmark = pytest.mark.parametrize("server_dialect", ["sqlite"], indirect=True)


def test_trace_alone_is_at_v1(server_dialect: str, servers: Servers) -> None:
    world = World(servers.get(server_dialect, product="trace"))
    assert world.server.trace == world.server.url
    client = world.trace(world.new_customer())
    credits = client.get("/v1/credits").json()
    assert (credits["balance"], credits["plan"]) == (10_000, "pro")
    assert credits["next_grant"]["credits"] == 10_000
    check_flat(world.trace().get("/v1/credits"), 401, "authentication_required", known=False)
    check_nested(client.get("/v1/lookup"), 404, "route_not_found")
    check_nested(world.raw(b"NONSENSE\r\n\r\n"), 400, "bad_request", known=False)


def test_intrace_alone_is_at_v1(server_dialect: str, servers: Servers) -> None:
    world = World(servers.get(server_dialect, product="intrace"))
    assert world.server.intrace == world.server.url
    assert world.intrace(world.new_service()).get("/v1/connectors").status_code == 200
    check_envelope(world.intrace().get("/v1/connectors"), 401, "credentials_missing")
    check_envelope(world.intrace().get("/v1/companies"), 404, "not_found")
    check_envelope(world.raw(b"NONSENSE\r\n\r\n"), 400, "request_malformed")
