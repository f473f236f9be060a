"""From captures to companies."""

from tracewell.trace.ingest.model import IngestSummary, OnProgress
from tracewell.trace.ingest.service import ingest_captures

__all__ = ["IngestSummary", "OnProgress", "ingest_captures"]
