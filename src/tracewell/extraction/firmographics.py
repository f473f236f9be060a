"""Who a page says its company is: structured data first, then imprint, Open Graph, title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import turbohtml

from tracewell.extraction.imprint import iter_imprint
from tracewell.extraction.model import Fact, Field
from tracewell.extraction.organization import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    find_web_url,
    iter_statements,
)
from tracewell.extraction.page import Page, read_page
from tracewell.extraction.structured import Node, find_text, types_of
from tracewell.values import Capture

FACTS_MAX = 100

OWN_ORGANIZATION = 90
NAMELESS_ORGANIZATION = 75
IMPRINT = 80
PUBLISHER = 70
WEBSITE_NAME = 65
SITE_NAME = 60
APPLICATION_NAME = 55
META_DESCRIPTION = 40
TITLE = 30
ON_HOME_PAGE = 5

_ORGANIZATIONS = frozenset(
    {
        "Organization", "Corporation", "LocalBusiness", "NGO", "OnlineStore", "Airline",
        "Store", "Consortium", "Cooperative", "LibrarySystem", "FundingScheme",
        "Restaurant", "Hotel", "ProfessionalService", "LegalService", "FinancialService",
        "BankOrCreditUnion", "Brand",
    }
)  # fmt: skip
_NO_LETTERS = re.compile(r"[\W_]+")
_SEPARATORS = re.compile(r"\s+[|–—·•»«:/-]+\s+|\s*[|»]\s*|:\s+")


def extract_firmographics(capture: Capture) -> tuple[Fact, ...]:
    """What the page says about the company whose site it is part of, at most `FACTS_MAX` facts.

    Never raises on account of the capture's contents. Other content types than HTML say nothing.
    """
    page = read_page(capture)
    return facts_of(page) if page is not None else ()


def facts_of(page: Page) -> tuple[Fact, ...]:
    """The same of a page that has been read."""
    bonus = ON_HOME_PAGE if page.is_home else 0
    facts: dict[tuple[Field, str], Fact] = {}
    for field, value, weight in _iter_ranked(page):
        known = facts.get((field, value))
        weight = min(100, weight + bonus)
        if known is None and len(facts) == FACTS_MAX:
            break
        if known is None or known.weight < weight:
            fact = Fact(field, value, weight, page.url, page.capture.captured_at)
            facts[field, value] = fact
    return tuple(facts.values())


def _iter_ranked(page: Page) -> Iterator[tuple[Field, str, int]]:
    document, url, nodes = page.document, page.url, page.nodes
    for node, weight in _own_organizations(nodes, url):
        for field, value in iter_statements(node, url):
            yield field, value, weight
    for node, key in nodes:
        name = find_text(node.get("name")) if not key and "WebSite" in types_of(node) else None
        if name is not None and len(name) <= NAME_CHARS_MAX and _is_of_site(node, url) is not False:
            yield "name", name, WEBSITE_NAME
    metas = _metas(document)
    for key, weight in (("og:site_name", SITE_NAME), ("application-name", APPLICATION_NAME)):
        name = metas.get(key, "")
        if 0 < len(name) <= NAME_CHARS_MAX:
            yield "name", name, weight
    # Of another page than the home page the description is that page's, not the company's.
    description = metas.get("description") or metas.get("og:description") or ""
    if description and page.is_home:
        yield "description", description[:DESCRIPTION_CHARS_MAX], META_DESCRIPTION
    name = _name_in_title(page)
    if name is not None:
        yield "name", name, TITLE
    for field, value in iter_imprint(page):
        yield field, value, IMPRINT


def _own_organizations(nodes: list[tuple[Node, str]], url: str) -> Iterator[tuple[Node, int]]:
    """The nodes of the organisation behind the site, with their weight.

    A page names many organisations: partners, employers, an author's. The site's own stands at the
    top, or as a publisher, and has an address of the site; without any address it counts only when
    it is the only one of its kind.
    """
    candidates = [
        (node, key, _is_of_site(node, url))
        for node, key in nodes
        if key in ("", "publisher") and _is_organization(node)
    ]
    for node, key, is_of_site in candidates:
        if is_of_site:
            yield node, OWN_ORGANIZATION if not key else PUBLISHER
    unclear = [(node, key) for node, key, is_of_site in candidates if is_of_site is None]
    names = {find_text(node.get("name")) for node, _ in unclear}
    if len(names) == 1 and not any(is_of_site for _, _, is_of_site in candidates):
        for node, key in unclear:
            yield node, NAMELESS_ORGANIZATION if not key else PUBLISHER


def _is_organization(node: Node) -> bool:
    return any(
        name in _ORGANIZATIONS or name.endswith(("Organization", "Business"))
        for name in types_of(node)
    )


def _is_of_site(node: Node, url: str) -> bool | None:
    """Whether the node's own address is one of the page's site; None where it tells none."""
    told = find_web_url(find_text(node.get("url")) or find_text(node.get("@id")), url)
    if told is None:
        return None
    host, own = _host(told), _host(url)
    return host == own or host.endswith("." + own) or own.endswith("." + host)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.").rstrip(".")
    except ValueError:
        return ""


def _metas(document: turbohtml.Document) -> dict[str, str]:
    """The first content of each named meta element."""
    metas: dict[str, str] = {}
    for element in document.find_all("meta", limit=500):
        name = element.attrs.get("property") or element.attrs.get("name")
        content = element.attrs.get("content")
        if isinstance(name, str) and isinstance(content, str):
            text = " ".join(content[: 2 * DESCRIPTION_CHARS_MAX].split())
            if text:
                metas.setdefault(name.strip().lower(), text)
    return metas


def _name_in_title(page: Page) -> str | None:
    """The part of the title that the host's name spells: `Prices | Acme Tools`, acme-tools.com."""
    labels = {_squashed(label) for label in page.host.split(".")[:-1]} - {""}
    for part in _SEPARATORS.split(page.title):
        if len(part) <= NAME_CHARS_MAX and _squashed(part) in labels:
            return part.strip()
    return None


def _squashed(text: str) -> str:
    return _NO_LETTERS.sub("", text.casefold())
