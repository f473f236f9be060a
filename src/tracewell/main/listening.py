"""The listening socket: opened, and at the end closed so that nobody who got in is thrown out.

A connection that the kernel has made but no process has accepted is reset when its listening socket
closes. So newcomers are turned away first, while the socket still lives; who came before is let in.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from collections.abc import Iterator

BACKLOG = 2048

_SO_ATTACH_FILTER = 26
# A classic BPF program over the TCP header: drop what has the SYN flag, let all else through, so
# that handshakes under way come to their end (linux/filter.h).
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # SYN?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError for an address that cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def turn_away(listening: socket.socket) -> None:
    """Lets no new connection begin, in any process that shares the socket.

    A client's kernel tries again in a second, and then is refused. Where there is no such filter
    (it is Linux's), connections of the last microseconds before the close may be reset.
    """
    if not sys.platform.startswith("linux"):
        return
    code = b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(buffer))
    # Some sandboxes allow no filter.
    with contextlib.suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def iter_waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that nobody has accepted yet."""
    while True:
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        connection.setblocking(False)
        yield connection
