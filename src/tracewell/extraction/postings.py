"""The job postings of a page, as schema.org's JobPosting tells them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin

import turbohtml

from tracewell.extraction.json_ld import Node, find_node, find_text, list_nodes, types_of
from tracewell.extraction.model import Posting
from tracewell.values import Capture

BODY_BYTES_MAX = 2 * 1024 * 1024
POSTINGS_MAX = 500
TEXT_CHARS_MAX = 20_000
_MARK = b"JobPosting"


def extract_postings(capture: Capture) -> tuple[Posting, ...]:
    """The postings that the page describes, at most `POSTINGS_MAX`.

    Never raises on account of the capture's contents.
    """
    if _MARK not in capture.body:
        return ()
    document = turbohtml.parse(capture.body[:BODY_BYTES_MAX], positions=False)
    postings = (
        _posting(node, capture.url)
        for node, _ in list_nodes(document)
        if "JobPosting" in types_of(node)
    )
    return tuple(posting for posting in postings if posting is not None)[:POSTINGS_MAX]


def _posting(node: Node, page: str) -> Posting | None:
    title = find_text(node.get("title")) or find_text(node.get("name"))
    if title is None:
        return None
    kind = find_text(node.get("employmentType"))
    place = find_node(node.get("jobLocation"))
    return Posting(
        title=title,
        url=_address(page, find_text(node.get("url"))),
        location=_location(place) if place else None,
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
        find_text(address.get(key))
        for key in ("addressLocality", "addressRegion", "addressCountry")
    )
    return ", ".join(text for text in told if text) or None


def _time(text: str | None) -> int | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _plain(description: object) -> str:
    if not isinstance(description, str):
        return ""
    return str(turbohtml.parse(description[:TEXT_CHARS_MAX], positions=False).text)
