"""Answers kept by `Idempotency-Key`: a request that is repeated has its effect once. No HTTP here.

Why it is done so, and what is kept: docs/decisions/0202-idempotency.md.
"""

from tracewell.kernel.idempotency.model import (
    Answered,
    Claim,
    KeptAnswer,
    KeyInUse,
    KeyReused,
    TooLargeToKeep,
    TooMuchKept,
)
from tracewell.kernel.idempotency.service import Idempotency

__all__ = [
    "Answered",
    "Claim",
    "Idempotency",
    "KeptAnswer",
    "KeyInUse",
    "KeyReused",
    "TooLargeToKeep",
    "TooMuchKept",
]
