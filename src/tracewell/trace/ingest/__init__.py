"""From captures to companies."""

from tracewell.trace.ingest.model import IngestSummary, OnProgress
from tracewell.trace.ingest.service import Ingestion, ingest_captures, open_ingestion

__all__ = ["IngestSummary", "Ingestion", "OnProgress", "ingest_captures", "open_ingestion"]
