"""Runs the server: uvicorn with a bounded protocol and a shutdown that cuts nobody off."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

import uvicorn

from tracewell.intrace import wire as intrace_wire
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.failures import GateFailure
from tracewell.kernel.http.protocol import bounded_protocol
from tracewell.kernel.ids import IdFactory
from tracewell.main.asgi import Root
from tracewell.main.settings import Settings, environment_of
from tracewell.main.supervisor import Supervisor
from tracewell.trace import errors as trace_errors
from tracewell.trace import wire as trace_wire

DRAIN_S = 1.0
"""How long a leaving server still answers on open connections before it closes idle ones."""
SHUTDOWN_S = 30
BACKLOG = 2048
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_log = logging.getLogger("tracewell")


class Server(uvicorn.Server):
    """uvicorn's server, with a drain before its shutdown.

    While it drains no connection is accepted any more, and every answer says `Connection: close`,
    so that no client is in the middle of sending on a connection that is then closed.
    """

    def __init__(self, config: uvicorn.Config, root: Root) -> None:
        super().__init__(config)
        self._root = root

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains, then finishes what runs."""
        self._root.drain.begun = True
        # What has connected already, but was not accepted yet, is let in first.
        await asyncio.sleep(0.05)
        for server in getattr(self, "servers", []):
            server.close()
        await asyncio.sleep(DRAIN_S)
        await super().shutdown(sockets)


def describe_unparsed(product: str) -> type:
    """The protocol class that answers in the product's shape what never reached a gate."""
    new_id = IdFactory()

    def describe(path: str, failure: GateFailure) -> Answer:
        is_intrace = product == "intrace" or (product == "both" and path.startswith("/intrace/"))
        request_id = new_id("req")
        if is_intrace:
            known = intrace_wire.as_api_error(failure)
            assert known is not None
            answer = intrace_wire.render(known, request_id)
        else:
            answer = trace_wire.render(
                trace_wire.as_api_error(failure) or ApiError(trace_errors.BAD_REQUEST)
            )
        headers = {**answer.headers, "X-Request-Id": request_id}
        return Answer(answer.status, answer.body, headers, answer.media_type)

    return bounded_protocol(describe)


def serve(settings: Settings, host: str, port: int, workers: int) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises OSError for a port in use."""
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    _log.info("listening on http://%s:%d", shown, listening.getsockname()[1])
    if workers == 1:
        return run_server(settings, listening)
    os.environ.update(environment_of(settings))
    return Supervisor(listening, workers).run()


def run_server(settings: Settings, listening: socket.socket) -> int:
    """Runs one process's server on a listening socket."""
    root = Root(settings)
    config = uvicorn.Config(
        root,
        http=describe_unparsed(settings.product),
        loop="auto",
        lifespan="on",
        # The access log would hold paths, and a path may name whom somebody looks for.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_S,
        # Forwarded headers are claims of whoever sends them.
        proxy_headers=False,
    )
    server = Server(config, root)
    server.run([listening])
    return 0 if server.started else 3


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening
