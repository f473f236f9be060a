"""The second window of deep lookups, beside the one that the gate has already counted in."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.kernel.http.failures import RateExceeded
from tracewell.kernel.http.gate import Passed
from tracewell.kernel.limits.model import Limiter, Quota


@dataclass(frozen=True, slots=True)
class DeepLimit:
    """How many deep lookups a principal may make in a window."""

    limiter: Limiter
    quota: Quota

    async def admit(self, passed: Passed) -> None:
        """Counts a deep lookup. Raises RateExceeded with the decision of this window.

        A refusal costs nothing: what the gate counted for the request is taken back.
        """
        principal = passed.principal.limit_id
        decision = await self.limiter.admit(f"deep:{principal}", self.quota)
        if not decision.admitted:
            await self.limiter.withdraw(principal, passed.quota, passed.decision)
            passed.decision = decision
            raise RateExceeded(decision)
