"""All that one capture says, read from one parsed page."""

from __future__ import annotations

from dataclasses import dataclass

from tracewell.extraction.firmographics import facts_of
from tracewell.extraction.model import Fact, PartnerMention, Posting
from tracewell.extraction.page import read_page
from tracewell.extraction.partners import partners_of
from tracewell.extraction.postings import postings_of
from tracewell.values import Capture


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a page says of its company."""

    facts: tuple[Fact, ...] = ()
    partners: tuple[PartnerMention, ...] = ()
    postings: tuple[Posting, ...] = ()


def extract(capture: Capture) -> Extraction:
    """Facts, partners and postings with one parse. Never raises on account of the contents."""
    page = read_page(capture)
    if page is None:
        return Extraction()
    return Extraction(facts_of(page), partners_of(page), postings_of(page))
