"""The states that a question can end in, and a connector's own words on why it cannot answer."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from tracewell.values import Observation


class OutcomeStatus(StrEnum):
    """The eight things that can become of a connector in a lookup."""

    ANSWERED = "answered"
    EMPTY = "empty"
    PARTIAL = "partial"
    RATE_LIMITED = "rate_limited"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_CONFIGURED = "not_configured"


class ConnectorError(Exception):
    """A connector's own word on why it cannot answer.

    The reason is shown to the caller: it must hold neither a secret nor an identifier's value.
    """

    status: ClassVar[OutcomeStatus] = OutcomeStatus.FAILED

    def __init__(self, reason: str, observations: Sequence[Observation] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.observations = tuple(observations)


class SourceFailedError(ConnectorError):
    """The source could not be asked or its answer could not be understood."""


class RateLimitedError(ConnectorError):
    """The source refused because of too many questions."""

    status = OutcomeStatus.RATE_LIMITED


class TimedOutError(ConnectorError):
    """The source did not answer before the deadline."""

    status = OutcomeStatus.TIMED_OUT


class PartialAnswerError(ConnectorError):
    """A part of the source could not be read; the observations hold what the rest said."""

    status = OutcomeStatus.PARTIAL


class NotApplicableError(ConnectorError):
    """There is nothing to ask of the source for this value (free mail has no company)."""

    status = OutcomeStatus.SKIPPED
