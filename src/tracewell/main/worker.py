"""One server process of several: `python -m tracewell.main.worker SOCKET PIPE`, for the supervisor.

Both are numbers of inherited file descriptors; the pipe is closed when the supervisor is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading

from tracewell.main.serving import LOG_FORMAT, run_server
from tracewell.main.settings import load_settings


def main() -> int:
    """Serves on the inherited socket."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=LOG_FORMAT)
    listening, pipe = map(int, sys.argv[1:])
    threading.Thread(target=_follow, args=(pipe,), daemon=True).start()
    return run_server(load_settings(), socket.socket(fileno=listening), is_alone=False)


def _follow(pipe: int) -> None:
    """Ends this process in good order when the supervisor has died: nobody else would."""
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
