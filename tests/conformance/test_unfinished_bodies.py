"""Bodies that never come, sent when the suite began. This file is the last of the suite."""

from __future__ import annotations

import socket

from tests.conformance.shapes import check_envelope, check_nested
from tests.conformance.table import proves
from tests.conformance.world import World, read_raw


@proves("trace", 408, "request_timeout", "a body is announced and does not come")
def test_trace_gives_up_on_a_body_that_does_not_come(
    world: World, unfinished: dict[str, socket.socket]
) -> None:
    check_nested(read_raw(unfinished["trace"]), 408, "request_timeout")


@proves("intrace", 408, "request_timeout", "a body is announced and does not come")
def test_intrace_gives_up_on_a_body_that_does_not_come(
    world: World, unfinished: dict[str, socket.socket]
) -> None:
    check_envelope(read_raw(unfinished["intrace"]), 408, "request_timeout")
