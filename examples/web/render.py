"""Makes every page and file of one company's site out of its data and the templates.

Pure: the same web gives the same bytes. Hosts, redirects and the network are in `server`.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import idna
from examples.web import markup
from examples.web.model import PARTNER_PAGES, Company, PageKind, Partner, Posting, Show, Web
from examples.web.site import HERE, SampleWebError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

Headers = tuple[tuple[str, str], ...]

_ASSET_TYPES: Mapping[str, str] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/png",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One answer of a site. `listed` says whether a sitemap names it."""

    status: int
    headers: Headers
    body: bytes
    listed: bool = False


@dataclass(frozen=True, slots=True)
class PartnerView:
    """A partner as the templates see it; `domain` is None where the page does not tell it."""

    name: str
    type: str
    how: str
    domain: str | None
    slug: str
    path: str | None
    blurb: str | None


@dataclass(frozen=True, slots=True)
class PostingView:
    """A posting as the templates see it: its address and its schema.org node."""

    posting: Posting
    path: str
    node: markup.Json


@dataclass(frozen=True, slots=True)
class _Page:
    template: str
    path: str
    title: str
    kind: PageKind | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    listed: bool = True


class Renderer:
    """Renders the sites of one web with the templates of one directory."""

    def __init__(self, web: Web, templates: Path = HERE / "templates") -> None:
        self._web = web
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def render_site(self, company: Company) -> dict[str, Resource]:
        """Every resource of the company's site by path, without robots.txt and sitemap.

        The key "" holds the page for paths that do not exist. Raises SampleWebError when a
        page links to a path of its own site that does not exist.
        """
        resources = {page.path: self._render(company, page) for page in self._pages(company)}
        for show in self._all_shows(company):
            for path, file in show.files.items():
                headers = (*self._site_headers(company, None), ("Content-Type", file.type))
                resources[path] = Resource(200, headers, file.text.encode())
        linked = {
            path
            for resource in resources.values()
            for path in list_local_paths(resource.body, encoding_of(company))
        }
        for path in sorted(linked - resources.keys()):
            suffix = Path(path).suffix
            if path in ("/robots.txt", "/sitemap.xml"):
                continue
            if suffix not in _ASSET_TYPES:
                raise SampleWebError(f"{company.domain}: a page links to {path}, which is missing")
            headers = (
                *self._site_headers(company, None),
                ("Content-Type", _ASSET_TYPES[suffix]),
                ("Cache-Control", "max-age=86400"),
            )
            resources[path] = Resource(200, headers, _asset(path, suffix))
        return resources

    def render_moved(self, company: Company, url: str) -> bytes:
        """The page of an alias domain that sends the reader on by a refresh."""
        template = self._environment.get_template("pages/moved.html")
        return template.render(company=company, url=url).encode()

    def _pages(self, company: Company) -> Iterator[_Page]:
        label = self._web.labels[company.language]
        paths = company.paths()
        for kind, path in paths.items():
            if kind in PARTNER_PAGES:
                partners = [
                    _partner_view(self._web, company, partner)
                    for partner in company.partners
                    if partner.page == kind
                ]
                values = {"partners": partners}
                yield _Page("partners", path, label[kind], kind, values)
                for partner in partners:
                    if partner.path:
                        yield _Page("partner", partner.path, partner.name, None, {"one": partner})
            elif kind == "careers":
                postings = posting_views(company)
                yield _Page("careers", path, label[kind], kind, {"postings": postings})
                if company.site.careers_style == "pages":
                    for view in postings:
                        title = view.posting.title
                        yield _Page("posting", view.path, title, None, {"view": view})
            else:
                yield _Page(kind, path, label[kind], kind)
        for extra in company.site.extra:
            values_extra = {"text": extra.text}
            listed = extra.status == 200 and not extra.disallowed
            yield _Page("extra", extra.path, extra.title, None, values_extra, extra.status, listed)
        yield _Page("not_found", "", "404", status=404, listed=False)

    def _render(self, company: Company, page: _Page) -> Resource:
        shows = list(self._web.iter_shows(company, page.kind))
        encoding = encoding_of(company)
        context = {
            "company": company,
            "site": company.site,
            "layout": f"layouts/{company.site.layout}.html",
            "label": self._web.labels[company.language],
            "paths": company.paths(),
            "page": page,
            "shown_domain": idna.decode(company.domain),
            "encoding": encoding,
            "traces": _traces(shows),
            "documents": _documents(company, page),
            "json_text": lambda value: _json_text(value, ascii_only=encoding != "utf-8"),
            "slug": slug_of,
            **page.values,
        }
        html = self._environment.get_template(f"pages/{page.template}.html").render(context)
        headers = (
            *self._site_headers(company, page.kind),
            ("Content-Type", _html_type(company)),
        )
        # What the old encoding lacks becomes a character reference, as old editors did.
        body = html.encode(encoding, errors="xmlcharrefreplace")
        return Resource(page.status, headers, body, page.listed)

    def _site_headers(self, company: Company, kind: PageKind | None) -> Headers:
        headers: list[tuple[str, str]] = []
        for show in self._web.iter_shows(company, kind):
            headers += show.headers.items()
            headers += [
                ("Set-Cookie", f"{name}={value}; Path=/") for name, value in show.cookies.items()
            ]
        return tuple(headers)

    def _all_shows(self, company: Company) -> Iterator[Show]:
        for kind in (None, *company.paths()):
            yield from self._web.iter_shows(company, kind)


def render_robots(company: Company, origin: str) -> str:
    """The company's robots.txt (RFC 9309); `origin` is the scheme and host it is asked at."""
    lines = ["User-agent: *"]
    lines += [f"Disallow: {path}" for path in company.site.robots.disallow] or ["Disallow:"]
    if company.site.robots.crawl_delay is not None:
        lines.append(f"Crawl-delay: {company.site.robots.crawl_delay}")
    if company.site.sitemap:
        lines += ["", f"Sitemap: {origin}/sitemap.xml"]
    return "\n".join(lines) + "\n"


def render_sitemap(resources: Mapping[str, Resource], origin: str) -> str:
    """The sitemap (sitemaps.org 0.9) of a rendered site."""
    urls = "".join(
        f"<url><loc>{origin}{path}</loc></url>\n"
        for path, resource in resources.items()
        if resource.listed
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
    )


def posting_views(company: Company) -> list[PostingView]:
    """The company's postings with the addresses they are found at."""
    careers = company.paths().get("careers", "/careers")
    own_page = company.site.careers_style == "pages"
    views = []
    for posting in company.postings:
        path = f"{careers}/{posting.id}" if own_page else f"{careers}#{posting.id}"
        node = markup.job_posting(company, posting, f"https://{company.host}{path}")
        views.append(PostingView(posting, path, node))
    return views


def partner_name(web: Web, partner: Partner) -> str:
    """The name that the page gives the partner."""
    name = partner.listed_as or partner.name
    return name or web.companies[partner.to or ""].name


def _partner_view(web: Web, company: Company, partner: Partner) -> PartnerView:
    name = partner_name(web, partner)
    slug = slug_of(name)
    domain = web.companies[partner.to].host if partner.to else partner.domain
    detail = f"{company.paths()[partner.page]}/{slug}" if partner.how == "detail" else None
    told = domain if partner.how in ("link", "detail") else None
    return PartnerView(name, partner.type, partner.how, told, slug, detail, partner.blurb)


def slug_of(name: str) -> str:
    """The name as it stands in a file name: ASCII letters, digits and hyphens."""
    letters = name.lower().replace("ß", "ss").replace("ø", "o")
    plain = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def encoding_of(company: Company) -> str:
    """The character encoding of the company's pages."""
    return company.site.charset.encoding if company.site.charset else "utf-8"


def list_local_paths(body: bytes, encoding: str) -> list[str]:
    """The paths that a page's links, scripts, images and styles name on its own host."""
    collector = _LinkCollector()
    collector.feed(body.decode(encoding, errors="replace"))
    collector.close()
    paths = []
    for link in collector.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
            paths.append(parts.path)
    return paths


class _LinkCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("href", "src") and value]


def _documents(company: Company, page: _Page) -> list[markup.Json]:
    """The JSON-LD documents that stand in the head of the page."""
    context = {"@context": "https://schema.org"}
    site, style = company.site, company.site.careers_style
    documents: list[markup.Json] = []
    if site.markup == "jsonld" and page.kind == "about":
        documents.append({**context, **markup.organization(company)})
    elif site.markup == "graph" and page.kind in ("home", "about"):
        graph = [markup.organization(company), markup.website(company)]
        documents.append({**context, "@graph": graph})
    if page.template == "posting":
        documents.append({**context, **page.values["view"].node})
    elif page.kind == "careers" and style in ("listing", "graph"):
        nodes = [view.node for view in posting_views(company)]
        if style == "graph":
            documents.append({**context, "@graph": nodes})
        else:
            documents += [{**context, **node} for node in nodes]
    return documents


def _traces(shows: list[Show]) -> dict[str, Any]:
    """What the layouts put into a page, as finished HTML: it comes from our own files."""
    return {
        "meta": [pair for show in shows for pair in show.meta.items()],
        "head": [Markup(html) for show in shows for html in show.head],
        "script_src": [Markup(url) for show in shows for url in show.script_src],
        "script": [Markup(text) for show in shows for text in show.script],
        "html": [Markup(html) for show in shows for html in show.html],
        "html_attributes": Markup(_joined(show.html_attributes for show in shows)),
        "root_attributes": Markup(_joined(show.root_attributes for show in shows)),
        "body_class": _joined(show.body_class for show in shows),
    }


def _joined(texts: Iterator[str]) -> str:
    return "".join(f" {text}" for text in texts if text)


def _json_text(value: object, *, ascii_only: bool) -> Markup:
    """JSON that can stand in a script element: no `</`, and ASCII in an old encoding."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=1)
    return Markup(text.replace("</", "<\\/"))


def _html_type(company: Company) -> str:
    charset = company.site.charset
    if charset and charset.told_by == "meta":
        return "text/html"
    return f"text/html; charset={encoding_of(company)}"


def _asset(path: str, suffix: str) -> bytes:
    if suffix in (".png", ".ico"):
        return _PIXEL
    if suffix == ".svg":
        name = Path(path).stem
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="48">'
            f'<rect width="160" height="48" fill="#e4e7eb"/><text x="8" y="30">{name}</text></svg>'
        ).encode()
    return f"/* {quote(path)}: a file of the sample web, empty on purpose */\n".encode()


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


# One grey pixel (PNG, ISO/IEC 15948).
_PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _png_chunk(b"IDAT", zlib.compress(b"\x00\x80"))
    + _png_chunk(b"IEND", b"")
)
