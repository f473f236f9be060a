"""Extraction: a capture in, what the page says about companies out. Pure: no I/O.

Which company a page belongs to, and which companies the names lead to, is not judged here.
"""

from tracewell.extraction.extracting import Extraction, extract
from tracewell.extraction.firmographics import extract_firmographics
from tracewell.extraction.model import (
    FIELDS,
    PARTNERSHIP_TYPES,
    SOURCE_KINDS,
    Fact,
    Field,
    PartnerMention,
    PartnershipType,
    Posting,
    SourceKind,
)
from tracewell.extraction.partners import extract_partners
from tracewell.extraction.postings import extract_postings

__all__ = [
    "FIELDS",
    "PARTNERSHIP_TYPES",
    "SOURCE_KINDS",
    "Extraction",
    "Fact",
    "Field",
    "PartnerMention",
    "PartnershipType",
    "Posting",
    "SourceKind",
    "extract",
    "extract_firmographics",
    "extract_partners",
    "extract_postings",
]
