"""Which companies a page names as partners of its own company: links and logos of partner pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import turbohtml

from tracewell.extraction.model import PartnerMention, PartnershipType, SourceKind
from tracewell.values import Capture

BODY_BYTES_MAX = 2 * 1024 * 1024
MENTIONS_MAX = 1_000
NAME_CHARS_MAX = 80
EXCERPT_CHARS_MAX = 300

_KINDS: tuple[tuple[re.Pattern[str], SourceKind, PartnershipType], ...] = (
    (re.compile(r"marketplace|app-?store|apps?-directory"), "marketplace", "technology"),
    (re.compile(r"integrations?|connectors?|plugins?"), "integration_page", "technology"),
    (re.compile(r"resellers?|channel|affiliates?|referral"), "partner_page", "channel"),
    (re.compile(r"technology-partners?|tech-partners?"), "partner_page", "technology"),
    (re.compile(r"partners?|alliances?|ecosystem|partenaires?|socios"), "partner_page", "generic"),
)
_FURNITURE = frozenset({"nav", "header", "footer", "aside", "form"})
_NOT_PARTNERS = frozenset(
    {
        "facebook.com", "twitter.com", "x.com", "linkedin.com", "instagram.com", "youtube.com",
        "github.com", "tiktok.com", "pinterest.com", "apple.com", "google.com", "t.me",
        "medium.com",
    }
)  # fmt: skip
_LOGO_WORDS = re.compile(r"\s*\b(?:logo(?:type)?|icon|image|partner)\b\s*", re.IGNORECASE)


def extract_partners(capture: Capture) -> tuple[PartnerMention, ...]:
    """The partners that the page names, at most `MENTIONS_MAX`.

    Only pages whose address says that they are about partners, integrations or a marketplace speak.
    Never raises on account of the capture's contents.
    """
    kind = _kind_of(capture.url)
    if kind is None:
        return ()
    document = turbohtml.parse(capture.body[:BODY_BYTES_MAX], positions=False)
    own = _site(capture.url)
    found: dict[tuple[str, str | None], PartnerMention] = {}
    for name, domain in _iter_links(document, capture.url):
        if domain == own or domain in _NOT_PARTNERS or (name, domain) in found:
            continue
        if len(found) == MENTIONS_MAX:
            break
        source_kind, partnership_type = kind
        start, end = _find(capture.body, domain)
        excerpt = capture.body[start:end].decode("utf-8", "replace") if start is not None else name
        found[name, domain] = PartnerMention(
            name, domain, partnership_type, source_kind, excerpt[:EXCERPT_CHARS_MAX], start, end
        )
    return tuple(found.values())


def _kind_of(url: str) -> tuple[SourceKind, PartnershipType] | None:
    try:
        path = urlsplit(url).path.lower()
    except ValueError:
        return None
    for pattern, source_kind, partnership_type in _KINDS:
        if pattern.search(path):
            return source_kind, partnership_type
    return None


def _iter_links(document: turbohtml.Document, url: str) -> Iterator[tuple[str, str]]:
    for link in document.find_all("a"):
        if any(getattr(above, "tag", None) in _FURNITURE for above in link.ancestors):
            continue
        try:
            target = urlsplit(urljoin(url, link.attr("href") or ""))
            domain = target.hostname if target.scheme in ("http", "https") else None
        except ValueError:
            continue
        name = _name_of(link)
        if domain and name:
            yield name, domain.removeprefix("www.")


def _name_of(link: turbohtml.Element) -> str | None:
    texts = [link.text, *(image.attr("alt") or "" for image in link.find_all("img"))]
    for text in texts:
        name = _LOGO_WORDS.sub(" ", " ".join(text.split())).strip()
        if 0 < len(name) <= NAME_CHARS_MAX:
            return name
    return None


def _find(body: bytes, domain: str) -> tuple[int | None, int | None]:
    start = body.find(domain.encode())
    return (start, start + len(domain.encode())) if start >= 0 else (None, None)


def _site(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")
