"""The floor of the machine: a bare ASGI answer of a given size on the same uvicorn.

`python -m benchmarks.bare PORT BODY_BYTES`
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn


def make_app(body_bytes: int) -> Any:
    """An app that answers anything with the same ready bytes."""
    body = b"x" * body_bytes
    head = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-length", str(body_bytes).encode()),
            (b"content-type", b"application/json"),
        ],
    }
    tail = {"type": "http.response.body", "body": body}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(head)
        await send(tail)

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(int(sys.argv[2])),
        port=int(sys.argv[1]),
        http="httptools",
        loop="auto",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
    )
