"""The second window of deep lookups, beside the one that the gate has already counted in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tracewell.intrace.access import AccessBook
from tracewell.kernel.http.failures import RateExceeded
from tracewell.kernel.http.gate import Passed
from tracewell.kernel.limits.model import Limiter, Quota


@dataclass(frozen=True, slots=True)
class DeepLimit:
    """How many deep lookups a principal may make in a window."""

    limiter: Limiter
    quota: Quota
    access: AccessBook = field(default_factory=AccessBook)

    async def admit(self, passed: Passed) -> None:
        """Counts a deep lookup. Raises RateExceeded with the decision of this window.

        A refusal costs nothing: what the gate counted for the request is taken back.
        """
        principal = passed.principal.limit_id
        own = self.access.limits_of(passed.principal).deep_lookups_per_minute
        quota = self.quota if own is None else replace(self.quota, limit=own)
        decision = await self.limiter.admit(f"deep:{principal}", quota)
        if not decision.admitted:
            await self.limiter.withdraw(principal, passed.quota, passed.decision)
            passed.decision = decision
            raise RateExceeded(decision)
