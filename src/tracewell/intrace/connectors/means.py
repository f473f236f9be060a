"""What a deployment's runner works with besides the connectors: the network, and its memory."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.intrace.connectors.memory import AnswerMemory
from tracewell.intrace.connectors.model import AskContext, Clock, ConnectorSpec
from tracewell.intrace.connectors.network.network import Network
from tracewell.intrace.connectors.network.secrecy import Redaction

_NO_SECRETS = Redaction()


@dataclass(frozen=True, slots=True)
class Means:
    """Without a network, connectors that need one fail and say so; without memory all ask anew."""

    network: Network | None = None
    memory: AnswerMemory | None = None

    def lend(
        self, spec: ConnectorSpec, clock: Clock, started_at: int, allowed_s: float
    ) -> AskContext:
        """What one question of a connector may use for `allowed_s` seconds from now."""
        if self.network is None:
            return AskContext(clock, started_at + int(allowed_s * 1000))
        return self.network.lend(spec, clock, started_at, allowed_s)

    def find_obstacle(self, spec: ConnectorSpec) -> str | None:
        """What the connector's source lacks to be asked here, or None."""
        return self.network.find_obstacle(spec) if self.network else None

    @property
    def redaction(self) -> Redaction:
        """Takes the deployment's keys out of whatever is told."""
        return self.network.redaction if self.network else _NO_SECRETS

    async def close(self) -> None:
        """Gives back connections and forgets all answers."""
        if self.memory is not None:
            self.memory.clear()
        if self.network is not None:
            await self.network.close()


NO_MEANS = Means()
