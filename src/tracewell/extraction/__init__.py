"""Extraction: a capture in, what the page says about the company itself out. Pure: no I/O.

Which company a page belongs to is not judged here.
"""

from tracewell.extraction.firmographics import extract_firmographics
from tracewell.extraction.model import FIELDS, Fact, Field

__all__ = ["FIELDS", "Fact", "Field", "extract_firmographics"]
