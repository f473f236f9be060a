"""What is asked of a lookup, what bounds it, and what a list of lookups tells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tracewell.intrace.connectors.means import NO_MEANS, Means
from tracewell.intrace.connectors.model import Connector, Outcome
from tracewell.intrace.connectors.runner import Source
from tracewell.intrace.identifiers import Identifier
from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.sealing import OPEN, Sealer
from tracewell.resolution import SourcedObservation

Depth = Literal["standard", "deep"]

ENTITIES_KEPT_MAX: Final = 200
"""Of how many entities of a lookup, the best first, later lookups know that they were met."""
FOLLOWED_ROUNDS_MAX: Final = 2
"""How often a deep lookup asks again about what it has just found."""
FOLLOWED_IDENTIFIERS_MAX: Final = 20
"""How many found identifiers a deep lookup asks about, all rounds together."""


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """A lookup as it was asked for: identifiers are (type, value), not yet judged."""

    identifiers: Sequence[tuple[str, str]] = field(repr=False)
    depth: Depth = "standard"
    connectors: Sequence[str] | None = None
    requester_reference: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LookupRules:
    """What a deployment decides about its lookups.

    `enabled` names the connectors that may run (None: those that keep identifiers in the house),
    `means` are what they work with. `entity_id_key` keys the ids of
    entities, so that nobody guesses from an id whom it names. `sealer` encrypts results at rest.
    `requires_reference`: who asks must say for what.
    """

    connectors: Sequence[Connector]
    connector_timeout_s: float
    result_retention_days: int
    entity_id_key: bytes = field(repr=False)
    enabled: Collection[str] | None = None
    means: Means = NO_MEANS
    sealer: Sealer = OPEN
    requires_reference: bool = False

    @property
    def retention_ms(self) -> int:
        """How long a result may be fetched."""
        return self.result_retention_days * DAY_MS


@dataclass(frozen=True, slots=True)
class Asked:
    """An identifier that was asked about; `round` 0 are the caller's, later ones were found."""

    identifier: Identifier
    round: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """What the sources said in all rounds: one entry of coverage for each connector.

    `left_out` counts statements above the bound of one resolution.
    """

    asked: tuple[Asked, ...]
    coverage: tuple[Outcome, ...]
    observations: tuple[SourcedObservation, ...] = field(repr=False)
    sources: tuple[Source, ...] = field(repr=False)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class LookupSummary:
    """A lookup without anybody's data. Times are milliseconds since the epoch."""

    request_id: str
    owner: str
    depth: Depth
    identifier_count: int
    status: str
    confidence: float
    entity_count: int
    queried_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class LookupPage:
    """Lookups of one owner, the newest first."""

    lookups: tuple[LookupSummary, ...]
    next_cursor: str | None
