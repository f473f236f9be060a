"""Intrace's gate: the kernel's, which also answers where the contract documents provenance."""

from __future__ import annotations

from typing import Final

from starlette.types import Receive, Scope, Send

from tracewell.kernel.http.gate import Gate

_DOCUMENTED: Final = "/api/provenance/"
_SERVED: Final = "/v1/provenance/"


class IntraceGate(Gate):
    """One way in: a request for `/api/provenance/...` is one for `/v1/provenance/...`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            if scope["path"].removeprefix(root).startswith(_DOCUMENTED):
                scope = {**scope, "path": scope["path"].replace(_DOCUMENTED, _SERVED, 1)}
                raw = scope.get("raw_path")
                if raw is not None:
                    scope["raw_path"] = raw.replace(_DOCUMENTED.encode(), _SERVED.encode(), 1)
        await super().__call__(scope, receive, send)
