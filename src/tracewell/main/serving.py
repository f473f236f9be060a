"""Runs the server: uvicorn with a bounded protocol and a shutdown that cuts nobody off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import tempfile
import time
from collections.abc import Iterator

import uvicorn

from tracewell.intrace import wire as intrace_wire
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer
from tracewell.kernel.http.failures import GateFailure
from tracewell.kernel.http.gate import rate_headers
from tracewell.kernel.http.protocol import bounded_protocol
from tracewell.kernel.ids import IdFactory
from tracewell.main.asgi import Root
from tracewell.main.ground import open_ground
from tracewell.main.job_process import job_process
from tracewell.main.listening import iter_waiting, listen, turn_away
from tracewell.main.settings import Settings, environment_of
from tracewell.main.supervisor import Supervisor
from tracewell.trace import errors as trace_errors
from tracewell.trace import wire as trace_wire

HANDSHAKE_S = 0.2
"""How long what has begun to connect has to come to its end before nothing is accepted."""
DRAIN_S = 1.0
"""How long a leaving server still answers on open connections before it closes idle ones."""
SHUTDOWN_S = 30
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_log = logging.getLogger("tracewell")


class StartFailed(Exception):  # noqa: N818
    """The address cannot be listened on or the data folder not be used; the text says why."""


class Server(uvicorn.Server):
    """uvicorn's server, with a drain before its shutdown.

    While it drains no connection is accepted any more, and every answer says `Connection: close`,
    so that no client is in the middle of sending on a connection that is then closed.
    `is_alone`: no other process goes on accepting from `listening`.
    """

    def __init__(
        self, config: uvicorn.Config, root: Root, listening: socket.socket, *, is_alone: bool
    ) -> None:
        super().__init__(config)
        self._root = root
        # The loop closes the one it is given together with whoever waits in it.
        self._door = listening.dup()
        self._is_alone = is_alone

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends the server at a signal. uvicorn would then die of it; here an end in good order is
        a success, told by the exit code 0."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains, then finishes what runs."""
        self._root.drain.begun = True
        if self._is_alone:
            turn_away(self._door)
        await asyncio.sleep(HANDSHAKE_S)
        for server in self.servers:
            server.close()
        await self._let_in()
        await asyncio.sleep(DRAIN_S)
        await super().shutdown(sockets)

    async def _let_in(self) -> None:
        """Accepts who has connected already, and closes the door behind them."""
        waiting = list(iter_waiting(self._door))
        self._door.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def protocol_of(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol class that answers in the product's shape what never reached a gate."""
    new_id = IdFactory()

    def describe(path: str, failure: GateFailure) -> Answer:
        is_intrace = settings.product == "intrace" or (
            settings.product == "both" and path.startswith("/intrace/")
        )
        request_id = new_id("req")
        headers = {"X-Request-Id": request_id}
        if is_intrace:
            known = intrace_wire.as_api_error(failure)
            assert known is not None
            answer = intrace_wire.render(known, request_id)
            headers |= _unspent(settings)
        else:
            answer = trace_wire.render(
                trace_wire.as_api_error(failure) or ApiError(trace_errors.BAD_REQUEST)
            )
        return Answer(answer.status, answer.body, {**answer.headers, **headers}, answer.media_type)

    return bounded_protocol(describe, head_timeout_s=settings.request_arrival_timeout_seconds)


def _unspent(settings: Settings) -> dict[str, str]:
    """Intrace tells its limit on every answer, to those too of whom nothing is known."""
    limit, window_s = settings.rate_limit_requests_per_minute, settings.rate_limit_window_seconds
    remaining, reset_at = limit + settings.rate_limit_burst, int(time.time()) + window_s
    return {
        name.decode(): value.decode() for name, value in rate_headers(limit, remaining, reset_at)
    }


def serve(settings: Settings, host: str, port: int, workers: int, *, jobs: bool) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. `jobs`: with a worker beside it.

    Raises StartFailed, and what `open_ground` raises: whatever keeps a server from starting is
    found here, once, before any process is started that would stumble over it.
    """
    try:
        listening = listen(host, port)
    except OSError as error:
        raise StartFailed(f"cannot listen on {host}:{port}: {error.strerror}") from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(listening))
        asyncio.run(_try_ground(settings))
        if jobs and settings.product != "intrace":
            stack.enter_context(job_process(settings))
        shown = f"[{host}]" if ":" in host else host
        _log.info("listening on http://%s:%d", shown, listening.getsockname()[1])
        if workers == 1:
            return run_server(settings, listening, is_alone=True)
        os.environ.update(environment_of(settings))
        return Supervisor(listening, workers).run()


async def _try_ground(settings: Settings) -> None:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data):
            pass
    except OSError as error:
        raise StartFailed(f"cannot write to {settings.data}: {error.strerror}") from error
    async with open_ground(settings):
        pass


def run_server(settings: Settings, listening: socket.socket, *, is_alone: bool) -> int:
    """Runs one process's server on a listening socket."""
    root = Root(settings)
    config = uvicorn.Config(
        root,
        http=protocol_of(settings),
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
    server = Server(config, root, listening, is_alone=is_alone)
    server.run([listening])
    return 0 if server.started else 3
