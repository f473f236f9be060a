"""The servers that the conformance suite talks to, one set on each database."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.table import MARKER, attach_cases
from tests.conformance.world import World
from tests.oidc.provider import AUDIENCE, OidcProvider, oidc_provider, other_oidc_provider
from tests.servers import SERVER_DIALECTS, Servers, servers

from tracewell.kernel.signing import ensure_signing_key

__all__ = ["oidc_provider", "other_oidc_provider", "servers"]


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker of this suite known."""
    config.addinivalue_line("markers", MARKER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a test proves goes with its report."""
    attach_cases(item)


@pytest.fixture(scope="session", params=SERVER_DIALECTS)
def server_dialect(request: pytest.FixtureRequest) -> str:
    """The database of the server, each in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that SIGNING_PRIVATE_KEY_PATH names: a key of the operator's own."""
    return ensure_signing_key(tmp_path_factory.mktemp("signing"))


@pytest.fixture(scope="session")
def world(server_dialect: str, servers: Servers, signing_key: Path) -> World:
    """Both products on one port, with the default limits, and companies to pay for."""
    environment = {
        "SIGNING_PRIVATE_KEY_PATH": str(signing_key),
        "REQUEST_ARRIVAL_TIMEOUT_SECONDS": "15",
    }
    made = World(servers.get(server_dialect, environment=environment))
    made.add_companies()
    return made


@pytest.fixture(scope="session")
def unfinished(world: World) -> Iterator[dict[str, socket.socket]]:
    """For each product a request whose body never comes, on its way since the first test."""
    service, customer = world.new_service(), world.new_customer()
    with contextlib.ExitStack() as stack:
        yield {
            product: stack.enter_context(
                world.open_raw(
                    f"POST /{product}/v1/{path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
                )
            )
            for product, path, key in (
                ("trace", "lists", customer),
                ("intrace", "lookup", service),
            )
        }


@pytest.fixture(autouse=True)
def _send_early(request: pytest.FixtureRequest) -> None:
    # The server waits half a minute for a body: that time passes beside the other tests.
    if "world" in request.fixturenames:
        request.getfixturevalue("unfinished")


@pytest.fixture(scope="session")
def federated(server_dialect: str, servers: Servers, oidc_provider: OidcProvider) -> World:
    """A server that takes the tokens of a real identity provider as well as keys."""
    environment = {
        "AUTH_MODE": "both",
        "OIDC_ISSUER_URL": oidc_provider.issuer,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_CLIENT_ID": oidc_provider.browser_client_id,
        "PUBLIC_URL": "https://intrace.example",
    }
    return World(servers.get(server_dialect, environment=environment))


@pytest.fixture(scope="session")
def half_minute(server_dialect: str, servers: Servers) -> World:
    """A server whose limits count half a minute: whoever is refused at once waits 30 seconds."""
    return World(servers.get(server_dialect, environment={"RATE_LIMIT_WINDOW_SECONDS": "30"}))
