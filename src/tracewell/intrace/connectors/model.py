"""What a connector is and what can become of asking it. The asking itself lives in `runner`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

from tracewell.intrace.connectors.failures import (
    ConnectorError,
    NotApplicableError,
    OutcomeStatus,
    PartialAnswerError,
    RateLimitedError,
    SourceFailedError,
)
from tracewell.intrace.connectors.lent import Dns, Http, NoNetwork, Pages
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

__all__ = [
    "AskContext",
    "Auth",
    "Clock",
    "Condition",
    "Connector",
    "ConnectorError",
    "ConnectorSpec",
    "CostClass",
    "Health",
    "HealthStatus",
    "NotApplicableError",
    "Outcome",
    "OutcomeStatus",
    "PartialAnswerError",
    "Rate",
    "RateLimitedError",
    "SourceFailedError",
    "Upstream",
    "hash_record",
    "observe",
]

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""


class CostClass(StrEnum):
    """What a question to the source costs the organisation."""

    LOCAL = "local"
    FREE = "free"
    METERED = "metered"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in any window of so many seconds."""

    requests: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Auth:
    """Where a source takes its key: a header, or a field of the query. The runner puts it there."""

    place: Literal["header", "query"]
    name: str
    prefix: str = ""
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Upstream:
    """The web service behind a connector, for the runner's network.

    `base_url` is where relative addresses begin; None where each identifier names its own host. A
    deployment may put another in its place. `rate` holds for each host; `rate_with_key` in its
    place where a key is configured.
    """

    base_url: str | None = None
    rate: Rate = Rate(10, 1.0)
    rate_with_key: Rate | None = None
    auth: Auth | None = None
    retries_max: int = 2
    body_bytes_max: int = 4 << 20


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """What is known of a connector before it is asked.

    `accepts` are the identifier types it takes, `yields` the predicates it may state. `licence` is
    that of the data. `timeout_s` and `cache_s` are seconds; the runner's own deadline still holds.
    `is_reference` marks a source that describes identifiers and attests nobody, `sends_out` one
    that tells the identifiers to somebody else: it runs only where a deployment names it.
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
    sends_out: bool = False
    upstream: Upstream | None = None


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
    """What the runner lends a connector for one question: the time, and the network."""

    clock: Clock
    deadline_at: int
    http: Http = field(default_factory=NoNetwork)
    dns: Dns = field(default_factory=NoNetwork)
    pages: Pages = field(default_factory=NoNetwork)


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

    async def check_health(self, context: AskContext) -> Condition:
        """A live check; the runner bounds its time. Raising a `ConnectorError` is unreachable."""
        del context
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
