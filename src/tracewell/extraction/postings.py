"""The job postings of a page: schema.org's JobPosting first, then lists of jobs (`boards`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin

import turbohtml

from tracewell.extraction.boards import iter_board
from tracewell.extraction.model import Posting
from tracewell.extraction.names import squash
from tracewell.extraction.page import Page, read_page
from tracewell.extraction.structured import Node, find_node, find_text, types_of
from tracewell.values import Capture

POSTINGS_MAX = 500
TEXT_CHARS_MAX = 20_000


def extract_postings(capture: Capture) -> tuple[Posting, ...]:
    """The postings that the page describes or lists, at most `POSTINGS_MAX`.

    Never raises on account of the capture's contents.
    """
    page = read_page(capture)
    return postings_of(page) if page is not None else ()


def postings_of(page: Page) -> tuple[Posting, ...]:
    """The same of a page that has been read."""
    found: dict[tuple[str, str], Posting] = {}
    for posting in _iter_postings(page):
        if len(found) == POSTINGS_MAX:
            break
        found.setdefault((posting.url, squash(posting.title)), posting)
    return tuple(found.values())


def _iter_postings(page: Page) -> Iterator[Posting]:
    described = []
    for node, _ in page.nodes:
        posting = _posting(node, page.url) if "JobPosting" in types_of(node) else None
        if posting is not None:
            described.append(posting)
    yield from described
    # A page that describes postings is about those: the others that it links to have their own.
    if not described:
        yield from iter_board(page)


def _posting(node: Node, page: str) -> Posting | None:
    title = find_text(node.get("title")) or find_text(node.get("name"))
    if title is None:
        return None
    kind = find_text(node.get("employmentType"))
    place = find_node(node.get("jobLocation"))
    return Posting(
        title=title,
        url=_address(page, find_text(node.get("url"))),
        location=_location(place) if place else find_text(node.get("jobLocation")),
        is_remote=True if find_text(node.get("jobLocationType")) == "TELECOMMUTE" else None,
        employment_type=kind.lower() if kind else None,
        posted_at=_time(find_text(node.get("datePosted"))),
        expires_at=_time(find_text(node.get("validThrough"))),
        text=_plain(node.get("description")),
    )


def _address(page: str, url: str | None) -> str:
    try:
        return urljoin(page, url) if url else page
    except ValueError:
        return page


def _location(place: Mapping[str, object]) -> str | None:
    address = find_node(place.get("address"))
    if address is None:
        return find_text(place.get("address")) or find_text(place.get("name"))
    told = (
        _country(address.get(key)) for key in ("addressLocality", "addressRegion", "addressCountry")
    )
    return ", ".join(text for text in told if text) or None


def _country(value: object) -> str | None:
    node = find_node(value)
    return find_text(node.get("name")) if node is not None else find_text(value)


def _time(text: str | None) -> int | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        if moment is None:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _plain(description: object) -> str:
    text = description[0] if isinstance(description, list) and description else description
    if not isinstance(text, str):
        return ""
    return str(turbohtml.parse(text[:TEXT_CHARS_MAX], positions=False).text)
