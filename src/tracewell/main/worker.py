"""One server process of several: `python -m tracewell.main.worker FD`, for the supervisor."""

from __future__ import annotations

import logging
import socket
import sys

from tracewell.main.serving import LOG_FORMAT, run_server
from tracewell.main.settings import load_settings


def main() -> int:
    """Serves on the inherited socket."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=LOG_FORMAT)
    return run_server(load_settings(), socket.socket(fileno=int(sys.argv[1])), is_alone=False)


if __name__ == "__main__":
    sys.exit(main())
