"""The credits ledger: grants, charges, unlocks. An item is whatever a product charges for."""

from tracewell.kernel.credits.batch import ChargeBatcher
from tracewell.kernel.credits.model import (
    Account,
    AccountNotFound,
    BookedOtherwise,
    Booking,
    Call,
    Charge,
    ChargeRequest,
    CreditsExhausted,
    EntryKind,
    LedgerEntry,
    Usage,
    UsageGroup,
)
from tracewell.kernel.credits.service import Ledger

__all__ = [
    "Account",
    "AccountNotFound",
    "BookedOtherwise",
    "Booking",
    "Call",
    "Charge",
    "ChargeBatcher",
    "ChargeRequest",
    "CreditsExhausted",
    "EntryKind",
    "Ledger",
    "LedgerEntry",
    "Usage",
    "UsageGroup",
]
