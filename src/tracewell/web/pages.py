"""Which pages of a site are worth a visit, judged by what their links and addresses promise.

Pure: links and addresses in, choices with reasons out. What the pages then say is for others.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import turbohtml

from tracewell.values import Capture
from tracewell.web.urls import BadUrlError, host_of, is_in_site, parse_url, path_of

LINKS_MAX = 2_000
SITEMAP_URLS_MAX = 5_000
LINK_TEXT_CHARS_MAX = 80
# Of the promises that repay it, a second page is taken when there is room.
_SECOND_HELPINGS = ("partners", "integrations", "careers")
_NOT_PAGES = re.compile(
    r"\.(?:pdf|zip|gz|png|jpe?g|gif|svg|webp|avif|ico|css|js|mjs|json|xml|rss|atom|mp[34]|webm|woff2?"
    r"|docx?|xlsx?|pptx?|exe|dmg|ics|vcf)$",
    re.IGNORECASE,
)
_LOC = re.compile(rb"<loc>\s*(?:<!\[CDATA\[)?\s*([^<\]\s]{1,4096})", re.IGNORECASE)
_INDEX = re.compile(rb"<(?:\w+:)?sitemapindex[\s>]", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+")
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Link:
    """An address that a page or a sitemap names, with the words that it stands under."""

    url: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A page that was chosen: what it promises, and why we think so."""

    url: str
    promise: str
    reason: str


@dataclass(frozen=True, slots=True)
class Promise:
    """Words, singly or in a row, in a path or a link text, that announce a kind of page."""

    name: str
    phrases: tuple[str, ...]


# In the order of their worth; a link keeps the first promise that it makes.
PROMISES: tuple[Promise, ...] = (
    Promise(
        "partners",
        ("partners", "partner", "partnerships", "our partners", "partner program", "alliances",
         "resellers", "partenaires", "socios", "parceiros", "partnerzy", "partneri",
         "find a partner", "colaboradores", "partner directory", "ecosystem"),
    ),
    Promise(
        "integrations",
        ("integrations", "integration", "marketplace", "app directory", "apps", "connectors",
         "plugins", "add ons", "extensions", "works with", "integrationen", "intégrations",
         "integraciones", "appstore"),
    ),
    Promise(
        "customers",
        ("customers", "customer stories", "case studies", "case study", "success stories",
         "references", "clients", "kunden", "referenzen", "our clients", "clientes"),
    ),
    Promise(
        "careers",
        ("careers", "career", "jobs", "join us", "we are hiring", "work with us", "open positions",
         "vacancies", "karriere", "stellenangebote", "stellen", "emplois", "recrutement", "empleo",
         "carrières", "carrieres", "vagas", "empleos", "trabaja con nosotros", "lavora con noi"),
    ),
    Promise(
        "about",
        ("about", "about us", "company", "who we are", "team", "our story", "über uns", "ueber uns",
         "unternehmen", "a propos", "à propos", "qui sommes nous",
         "nosotros", "sobre nosotros", "quienes somos", "quiénes somos", "chi siamo"),
    ),
    Promise(
        "contact",
        ("contact", "contact us", "imprint", "impressum", "legal notice", "mentions légales",
         "mentions legales", "kontakt", "contacto", "contatti", "aviso legal", "locations"),
    ),
)  # fmt: skip


def list_links(capture: Capture) -> list[Link]:
    """The pages that an HTML capture links to, in order, each once; at most `LINKS_MAX`.

    The charset is found as browsers do: byte-order mark, header, `<meta>`, then the bytes
    themselves (WHATWG Encoding Standard). Other content types have no links.
    """
    kind, _, parameters = (capture.header("content-type") or "text/html").partition(";")
    if kind.strip().lower() not in _HTML_TYPES:
        return []
    charset = re.search(r"charset\s*=\s*[\"']?([\w:.+-]{1,40})", parameters, re.IGNORECASE)
    try:
        document = turbohtml.parse(capture.body, encoding=charset[1] if charset else None)
    except LookupError:
        document = turbohtml.parse(capture.body)
    base = _base_of(document, capture.url)
    links: dict[str, Link] = {}
    for anchor in document.find_all("a", limit=4 * LINKS_MAX):
        href = anchor.attrs.get("href")
        if not isinstance(href, str):
            continue
        try:
            url = parse_url(href, base)
        except BadUrlError:
            continue
        if url not in links and len(links) < LINKS_MAX:
            text = " ".join(anchor.text.split())[:LINK_TEXT_CHARS_MAX]
            links[url] = Link(url, text, "page")
    return list(links.values())


def list_sitemap_urls(body: bytes) -> list[str]:
    """The addresses in a sitemap or sitemap index, in order; at most `SITEMAP_URLS_MAX`.

    Read by pattern and not by an XML parser: most sitemaps that are wrong are wrong as XML, and
    there are no entities to blow up.
    """
    urls: list[str] = []
    for match in _LOC.finditer(body):
        try:
            urls.append(parse_url(html.unescape(match[1].decode("utf-8", "replace"))))
        except BadUrlError:
            continue
        if len(urls) == SITEMAP_URLS_MAX:
            break
    return urls


def is_sitemap_index(body: bytes) -> bool:
    """Whether the addresses in it are those of further sitemaps (sitemaps.org)."""
    return _INDEX.search(body, 0, 4_096) is not None


def rank_sitemap(url: str) -> int:
    """Which of many sitemaps to read first: those of pages, then unnamed, then of the many."""
    name = path_of(url).lower()
    if any(word in name for word in ("page", "main", "static", "company", "partner", "site_")):
        return 0
    return 2 if any(word in name for word in ("post", "product", "blog", "news", "image")) else 1


def choose_pages(
    links: Iterable[Link], sites: Iterable[str], *, pages_max: int, seen: Iterable[str] = ()
) -> list[Choice]:
    """At most `pages_max` pages below `sites`: the best of each promise, then second helpings.

    Deterministic: of equal candidates the shallower, then the shorter, then the earlier wins.
    """
    known, wanted = set(seen), tuple(sites)
    ranked: dict[str, list[tuple[tuple[int, ...], Choice]]] = {}
    for position, link in enumerate(links):
        if link.url in known or _NOT_PAGES.search(path_of(link.url)):
            continue
        if not any(is_in_site(host_of(link.url), site) for site in wanted):
            continue
        judged = _judge(link)
        if judged is not None:
            known.add(link.url)
            rank, choice = judged
            rank += (len(link.url), position)
            ranked.setdefault(choice.promise, []).append((rank, choice))
    best: list[Choice] = []
    second: list[Choice] = []
    for promise in PROMISES:
        candidates = [choice for _, choice in sorted(ranked.get(promise.name, []))]
        best += candidates[:1]
        second += candidates[1:2] if promise.name in _SECOND_HELPINGS else []
    return (best + second)[:pages_max]


def _base_of(document: turbohtml.Document, url: str) -> str:
    element = document.find("base")
    href = element.attrs.get("href") if element is not None else None
    try:
        return parse_url(href, url) if isinstance(href, str) else url
    except BadUrlError:
        return url


def _judge(link: Link) -> tuple[tuple[int, ...], Choice] | None:
    """The first promise that the link makes, and how it ranks among others that make it.

    A page named for the promise comes before a page below one so named, and that before a page
    whose link alone says so; then the shallower.
    """
    path = unquote(path_of(link.url)).strip("/")
    segments = path.split("/") if path else [host_of(link.url).partition(".")[0]]
    # The last segment first; a file's ending is no word of its name.
    names = [_phrase(segment.rpartition(".")[0] or segment) for segment in reversed(segments)]
    text = _phrase(link.text)
    for promise in PROMISES:
        place = next((n for n, name in enumerate(names) if name in promise.phrases), None)
        by_text = text in promise.phrases
        if place is None and not by_text:
            continue
        reasons = [f"its address says {names[place]!r}"] if place is not None else []
        reasons += [f"its link reads {link.text!r}"] if by_text else []
        reason = f"{' and '.join(reasons)} ({link.source})"
        kind = 2 if place is None else min(place, 1)
        return (kind, len(segments), not by_text), Choice(link.url, promise.name, reason)
    return None


def _phrase(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))
