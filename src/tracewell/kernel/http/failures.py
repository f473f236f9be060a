"""What can go wrong before a route is reached. Each product gives these its own wire shape."""

from __future__ import annotations

from tracewell.kernel.limits.model import Decision


class GateFailure(Exception):  # noqa: N818
    """The request does not reach its route."""


class RouteUnknown(GateFailure):
    """No endpoint has this path."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class MethodUnknown(GateFailure):
    """The path has other methods."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__()
        self.allowed = allowed


class RateExceeded(GateFailure):
    """The principal's window is full."""

    def __init__(self, decision: Decision) -> None:
        super().__init__()
        self.decision = decision


class BodyTooLarge(GateFailure):
    """The body is over the bound."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__()
        self.bytes_max = bytes_max


class BodyTooSlow(GateFailure):
    """The body did not arrive in time."""


class BodyNotJson(GateFailure):
    """The content type of the body is not JSON."""


class HeadersTooLarge(GateFailure):
    """The request line and headers are over the bound."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__()
        self.bytes_max = bytes_max


class RequestUnreadable(GateFailure):
    """The bytes are not HTTP."""
