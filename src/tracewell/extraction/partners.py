"""Which companies a page names as partners of its own company.

Decision 180 says how; names become companies elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import turbohtml

from tracewell.extraction.domains import domain_of, unwrap
from tracewell.extraction.entries import Entry, iter_entries
from tracewell.extraction.furniture import is_badge, is_profile
from tracewell.extraction.listings import iter_listed
from tracewell.extraction.model import PartnerMention, PartnershipType, SourceKind
from tracewell.extraction.names import (
    NAME_CHARS_MAX,
    clean_name,
    is_call,
    is_namelike,
    looks_like_url,
    name_in_words,
    squash,
)
from tracewell.extraction.page import Page, read_page, resolve, squeeze
from tracewell.extraction.structured import types_of
from tracewell.extraction.vocabulary import (
    Listing,
    find_listing,
    heads_partners,
    is_article,
    type_in,
)
from tracewell.values import Capture

MENTIONS_MAX = 1_000
LINKS_MAX = 2_000

# Lines with it are read as headings are, though they are no heading elements.
# Who is named in an article is talked about.
_ARTICLES = frozenset({"Article", "NewsArticle", "BlogPosting", "ReportageNewsArticle"})
_SIGN = b"artner"
_SIGNS_MAX = 100
_LOGO = re.compile(r"logo|partner|brand|integration|alliance", re.IGNORECASE)
_SLUG_END = re.compile(r"-(?:integration|app|plugin|connector|partner|addon)s?$")


def extract_partners(capture: Capture) -> tuple[PartnerMention, ...]:
    """The partners that the page names, at most `MENTIONS_MAX`, each with the bytes that name it.

    Never raises on account of the capture's contents.
    """
    page = read_page(capture)
    return partners_of(page) if page is not None else ()


def partners_of(page: Page) -> tuple[PartnerMention, ...]:
    """The same of a page that has been read."""
    listing = find_listing(page.host, page.parts.path)
    if listing is None and not _has_section(page):
        return ()
    found: dict[str, PartnerMention] = {}
    by_name: dict[str, str] = {}
    for mention in _iter_mentions(page, listing):
        if len(found) == MENTIONS_MAX:
            break
        _keep(mention, found, by_name)
    return tuple(found.values())


def _has_section(page: Page) -> bool:
    """Whether a part of an ordinary page is headed as one about partners."""
    if is_article(page.parts.path) or any(
        not key and not _ARTICLES.isdisjoint(types_of(node)) for node, key in page.nodes
    ):
        return False
    if any(heads_partners(text) for text in page.headings):
        return True
    return any(heads_partners(line) for line in _iter_lines(page.capture.body))


def _iter_lines(body: bytes) -> Iterator[str]:
    """The texts between two tags that hold a sign, where they are short."""
    at = -1
    for _ in range(_SIGNS_MAX):
        at = body.find(_SIGN, at + 1)
        if at < 0:
            return
        start = body.rfind(b">", max(0, at - 60), at)
        end = body.find(b"<", at, at + 60)
        if start >= 0 and end >= 0:
            yield " ".join(body[start + 1 : end].decode("utf-8", "replace").split())


def _keep(
    mention: PartnerMention, found: dict[str, PartnerMention], by_name: dict[str, str]
) -> None:
    """Each partner once; a mention with a link stands over one without."""
    spelt = squash(mention.name)
    key = mention.domain or f"name:{spelt}"
    known = by_name.get(spelt)
    if known is not None and known != key:
        if mention.domain is None:
            return
        if found[known].domain is None:
            del found[known]
    if key not in found:
        found[key] = mention
        by_name[spelt] = key


def _iter_mentions(page: Page, listing: Listing | None) -> Iterator[PartnerMention]:
    if listing is not None and listing.slug is not None:
        detail = _find_detail(page, listing)
        if detail is not None:
            yield detail
            # Beside its partner the page may head others: related integrations.
            yield from _iter_judged(page, None, listing, detail)
            return
    yield from _iter_judged(page, listing, listing, None)
    if listing is not None:
        for one in iter_listed(page):
            excerpt = page.excerpt_at(one.start, one.end)
            domain = _outer_domain(page, one.url)
            name = clean_name(one.name)
            if name is not None and excerpt is not None and (domain or one.is_partner_list):
                yield PartnerMention(
                    name, domain, listing.partnership_type, listing.source_kind,
                    excerpt.text, excerpt.start, excerpt.end,
                )  # fmt: skip


def _outer_domain(page: Page, address: str | None) -> str | None:
    url = resolve(page.base_url, address)
    own = domain_of(page.url)
    domain = domain_of(unwrap(url, own)) if url is not None else None
    return None if domain is None or domain == own or is_profile(url or "", domain) else domain


def _iter_judged(
    page: Page, listing: Listing | None, place: Listing | None, detail: PartnerMention | None
) -> Iterator[PartnerMention]:
    entries = list(iter_entries(page, listing))
    linked = {
        entry.area.number
        for entry in entries
        if entry.link is not None and entry.naming is not None
    }
    logos: dict[int, int] = {}
    texts: dict[int, int] = {}
    for entry in entries:
        if entry.link is None and entry.naming is not None:
            counts = logos if entry.naming.is_image else texts
            counts[entry.area.number] = counts.get(entry.area.number, 0) + 1
    for entry in entries:
        is_beside_links = entry.area.number in linked
        name = _judge(
            entry, logos, texts, is_beside_links=is_beside_links, is_list=listing is not None
        )
        if name is None or is_badge(name) or squash(name) in _own_names(page):
            continue
        mention = _mention(page, entry, name, place)
        if mention is not None and (detail is None or squash(name) != squash(detail.name)):
            yield mention


def _own_names(page: Page) -> set[str]:
    label = (domain_of(page.url) or "").split(".")[0]
    return {squash(label), squash(label.replace("-", " "))}


def _judge(
    entry: Entry,
    logos: dict[int, int],
    texts: dict[int, int],
    *,
    is_beside_links: bool,
    is_list: bool,
) -> str | None:
    """The name under which the entry is a partner, or None."""
    link, naming, area = entry.link, entry.naming, entry.area
    if link is not None:
        if naming is None:
            if link.domain is None or not link.is_image:
                return None
            return link.domain.split(".")[0].replace("-", " ").title()
        prose_is_told = area.is_told_by_heading and area.heading.kind != "technology"
        if link.is_prose and not prose_is_told:
            return None
        if naming.rank == 1 and link.domain is not None and naming.name is not None:
            # Files are named after size and place, too: the link's domain says which word counts.
            label = link.domain.split(".")[0]
            if squash(label) in squash(naming.name):
                return name_in_words(naming.name, label) or label.replace("-", " ").title()
        return naming.name
    if naming is None or naming.name is None:
        return None
    if naming.is_image:
        element = naming.element
        told = " ".join(
            (element.attr("alt") or "", element.attr("src") or "", element.attr("data-src") or "",
             element.attr("class") or "")
        )  # fmt: skip
        is_wall = area.is_told_by_heading and (logos[area.number] > 1 or is_beside_links or is_list)
        return naming.name if is_wall or _LOGO.search(told) else None
    if not is_namelike(naming.name) or is_call(naming.name):
        return None
    if is_beside_links:
        return naming.name if is_list or naming.kind != "head" else None
    is_named = naming.kind == "name" or (texts[area.number] > 1 and naming.kind == "text")
    return naming.name if area.is_told_by_heading and is_named else None


def _mention(page: Page, entry: Entry, name: str, place: Listing | None) -> PartnerMention | None:
    link, naming = entry.link, entry.naming
    piece = link if link is not None else naming
    if piece is None:
        return None
    excerpt = page.excerpt_of(piece.element)
    kind = entry.area.heading.kind or "generic"
    source: SourceKind = "partner_page"
    if place is not None:
        source = place.source_kind
    elif entry.area.heading.is_integration:
        source = "integration_page"
    return PartnerMention(
        name[:NAME_CHARS_MAX],
        link.domain if link is not None else None,
        kind,
        source,
        excerpt.text if excerpt is not None else name,
        excerpt.start if excerpt is not None else None,
        excerpt.end if excerpt is not None else None,
    )


def _find_detail(page: Page, listing: Listing) -> PartnerMention | None:
    """The one partner of a page about it: `/integrations/slack`, with the link to its own site."""
    slug = listing.slug or ""
    bare = _SLUG_END.sub("", slug)
    headings = page.document.find_all(["h1", "h2", "h3"], limit=20)
    for heading in headings:
        text = squeeze(heading.text)
        name = name_in_words(text, bare) or name_in_words(text, slug)
        name = clean_name(name) if name is not None else None
        if name is not None:
            excerpt = page.excerpt_of(heading)
            link = _find_site(page, name)
            if link is not None:
                excerpt = page.excerpt_of(link[1]) or excerpt
            return PartnerMention(
                name,
                link[0] if link is not None else None,
                _type_of_detail(page, listing, text),
                listing.source_kind,
                excerpt.text if excerpt is not None else name,
                excerpt.start if excerpt is not None else None,
                excerpt.end if excerpt is not None else None,
            )
    return None


def _type_of_detail(page: Page, listing: Listing, heading: str) -> PartnershipType:
    if listing.partnership_type != "generic":
        return listing.partnership_type
    lines = [heading, page.title]
    for element in page.document.find_all(["p", "span", "div", "h2", "li"], limit=300):
        if len(element.children) == 1:
            text = squeeze(element.text)
            if 0 < len(text) <= 40:
                lines.append(text)
    return next(filter(None, map(type_in, lines)), listing.partnership_type)


def _find_site(page: Page, name: str) -> tuple[str, turbohtml.Element] | None:
    """The domain of the partner's own site and the link to it."""
    own = domain_of(page.url)
    spelt = squash(name)
    asked: tuple[str, turbohtml.Element] | None = None
    for link in page.document.find_all("a", limit=LINKS_MAX):
        url = resolve(page.base_url, link.attr("href"))
        domain = domain_of(unwrap(url, own)) if url is not None else None
        if url is None or domain is None or domain == own:
            continue
        label = squash(domain.split(".")[0])
        text = squeeze(link.text)
        if len(label) > 2 and (label in spelt or spelt in label):
            if not is_profile(url, domain):
                return domain, link
        elif asked is None and _asks_for_site(text, name):
            asked = (domain, link)
    return asked


def _asks_for_site(text: str, name: str) -> bool:
    if looks_like_url(text):
        return True
    bare = clean_name(text)
    site = re.search(r"web|site|homepage|sitio|visit|サイト", text, re.IGNORECASE) is not None
    return site and (is_call(text) or (bare is not None and squash(bare) == squash(name)))
