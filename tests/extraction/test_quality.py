"""Labelled pages and the sample web: what is found, counted; and every excerpt read back."""

from __future__ import annotations

import codecs

import pytest
from benchmarks.extraction.labelled import LABELLED, SETS, Labelled, Score, iter_labelled
from benchmarks.extraction.sample_web import score_partners, score_postings

from tracewell.extraction import extract

PAGES = [(name, page) for name in SETS for page in iter_labelled(name)]
IDS = [f"{name}-{page.name}" for name, page in PAGES]


def test_there_are_enough_labelled_pages_and_a_good_part_is_held_out() -> None:
    counts = {name: len(list((LABELLED / name).glob("*.html"))) for name in SETS}
    assert sum(counts.values()) >= 60
    assert counts["held_out"] >= 30


@pytest.mark.parametrize("name", SETS)
def test_precision_and_recall_reach_what_is_asked_for(name: str) -> None:
    score = Score()
    for page in iter_labelled(name):
        score.add(page, extract(page.capture))
    assert score.partners.precision >= 0.95, score.partners.errors
    assert score.partners.recall >= 0.8, score.partners.errors
    assert score.types.precision >= 0.9, score.types.errors
    assert score.domains.precision >= 0.95, score.domains.errors
    for tally in (score.postings, score.facts):
        assert tally.precision >= 0.95, tally.errors
        assert tally.recall >= 0.9, tally.errors


def test_the_sample_webs_partners_and_postings_are_found() -> None:
    partners, types = score_partners()
    assert partners.precision >= 0.95, partners.errors
    assert partners.recall >= 0.95, partners.errors
    assert types.precision >= 0.95
    postings = score_postings()
    assert (postings.precision, postings.recall) == (1.0, 1.0), postings.errors


@pytest.mark.parametrize(("name", "page"), PAGES, ids=IDS)
def test_every_excerpt_is_what_stands_in_the_body_at_its_bytes(name: str, page: Labelled) -> None:
    is_latin = "iso-8859-1" in (page.capture.header("content-type") or "")
    codec = codecs.lookup("cp1252" if is_latin else "utf-8").name
    for mention in extract(page.capture).partners:
        assert mention.start is not None
        assert mention.end is not None
        assert page.capture.body[mention.start : mention.end].decode(codec) == mention.excerpt
        assert len(mention.excerpt) <= 300
