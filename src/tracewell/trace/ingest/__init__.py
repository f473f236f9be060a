"""From captures to companies: in one go, or observed in one place and loaded in another."""

from tracewell.trace.ingest.model import IngestSummary, Observed, OnProgress
from tracewell.trace.ingest.rules import Inspector, Outcome, Skipped, make_inspector, observe
from tracewell.trace.ingest.service import (
    Ingestion,
    ingest_captures,
    load_outcomes,
    open_ingestion,
)

__all__ = [
    "IngestSummary",
    "Ingestion",
    "Inspector",
    "Observed",
    "OnProgress",
    "Outcome",
    "Skipped",
    "ingest_captures",
    "load_outcomes",
    "make_inspector",
    "observe",
    "open_ingestion",
]
