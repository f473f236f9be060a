"""From what goes wrong before a route to an error of a product's catalogue, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.kernel.errors import ApiError, ErrorKind
from tracewell.kernel.http.failures import (
    BodyNotJson,
    BodyTooLarge,
    BodyTooSlow,
    GateFailure,
    HeadersTooLarge,
    MethodUnknown,
    RateExceeded,
    RouteUnknown,
)


@dataclass(frozen=True, slots=True)
class FailureKinds:
    """Which kind of its catalogue a product has for each failure of the gate."""

    route_unknown: ErrorKind
    method_unknown: ErrorKind
    rate_exceeded: ErrorKind
    body_too_large: ErrorKind
    body_too_slow: ErrorKind
    body_not_json: ErrorKind
    headers_too_large: ErrorKind
    unreadable: ErrorKind

    def describe(self, failure: GateFailure) -> ApiError:
        """The product's error, with the headers that HTTP asks for (RFC 9110, RFC 6585)."""
        match failure:
            case RouteUnknown():
                return ApiError(self.route_unknown, "There is no such endpoint.")
            case MethodUnknown():
                allowed = ", ".join(failure.allowed)
                return ApiError(self.method_unknown, headers={"Allow": allowed})
            case RateExceeded():
                wait_s = failure.decision.retry_after_s
                return ApiError(
                    self.rate_exceeded,
                    headers={"Retry-After": str(wait_s)},
                    retry_after_seconds=wait_s,
                )
            case BodyTooLarge():
                return ApiError(
                    self.body_too_large, f"The request body is over {failure.bytes_max} bytes."
                )
            case BodyTooSlow():
                # The rest may come yet: nothing else can be read from this connection.
                return ApiError(self.body_too_slow, headers={"Connection": "close"})
            case BodyNotJson():
                return ApiError(self.body_not_json)
            case HeadersTooLarge():
                return ApiError(
                    self.headers_too_large,
                    f"The request's headers are over {failure.bytes_max} bytes.",
                )
            case _:
                return ApiError(self.unreadable, "The request is not valid HTTP.")
