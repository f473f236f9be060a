"""What a connector is and what can become of asking it. The asking itself lives in `runner`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""


class CostClass(StrEnum):
    """What a question to the source costs the organisation."""

    LOCAL = "local"
    FREE = "free"
    METERED = "metered"


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """What is known of a connector before it is asked.

    `accepts` are the identifier types it takes, `yields` the predicates it may state. `licence` is
    that of the data. `timeout_s` and `cache_s` are seconds; the runner's own deadline still holds.
    `is_reference` marks a source that describes identifiers and attests nobody.
    """

    id: str
    name: str
    accepts: frozenset[IdentifierType]
    yields: tuple[str, ...]
    terms_url: str | None
    licence: str
    cost_class: CostClass
    timeout_s: float
    cache_s: int = 0
    is_reference: bool = False


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one connector: the reason never holds an identifier's value."""

    connector_id: str
    status: OutcomeStatus
    reason: str
    latency_ms: int


class HealthStatus(StrEnum):
    """The contract's states of a source."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a connector says of itself when it is checked."""

    status: HealthStatus
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """A checked condition, in the contract's fields; `checked_at` is milliseconds, UTC."""

    id: str
    status: HealthStatus
    checked_at: int
    latency_ms: int
    error: str | None


@dataclass(frozen=True, slots=True)
class AskContext:
    """What the runner lends a connector for one question."""

    clock: Clock
    deadline_at: int


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


class PartialAnswerError(ConnectorError):
    """A part of the source could not be read; the observations hold what the rest said."""

    status = OutcomeStatus.PARTIAL


class NotApplicableError(ConnectorError):
    """There is nothing to ask of the source for this value (free mail has no company)."""

    status = OutcomeStatus.SKIPPED


class Connector(ABC):
    """A connector: one spec and one coroutine. The rest has honest defaults."""

    spec: ClassVar[ConnectorSpec]

    @abstractmethod
    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """What the source states about one identifier; empty when it knows nothing of it.

        Raises a `ConnectorError` when it cannot tell: a failure is never an empty answer. Blocking
        work goes through `threads.call_in_thread`.
        """

    def find_obstacle(self) -> str | None:
        """Why this deployment cannot ask it (a sentence), or None when it is configured."""
        return None

    async def check_health(self) -> Condition:
        """A live check; the runner bounds its time."""
        return Condition(HealthStatus.UNKNOWN, "this connector has no check of its own")

    def origin_of(self, observation: Observation) -> str:
        """Who stands behind a statement: equal origins are one witness."""
        del observation
        return self.spec.id


def hash_record(record: Mapping[str, object]) -> str:
    """`sha256:` and the hex digest of a raw record, fields sorted, UTF-8."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def observe(
    subject: str,
    statements: Sequence[tuple[str, str]],
    *,
    source_url: str,
    observed_at: int,
    record: Mapping[str, object] | None = None,
) -> tuple[Observation, ...]:
    """Observations of one record; its hash is that of `record`, or of the statements themselves."""
    record_hash = hash_record(record if record is not None else {"statements": list(statements)})
    return tuple(
        Observation(subject, predicate, value, source_url, record_hash, observed_at)
        for predicate, value in statements
        if value
    )
