"""The sample web as frozen values: companies, their sites, and how products show themselves.

Each value checks its own fields. Reading the files is in `site`, pages are made in `render`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, with_config

PageKind = Literal[
    "home", "about", "partners", "integrations", "resellers", "careers", "contact", "imprint"
]
PartnerPage = Literal["partners", "integrations", "resellers"]
PartnerType = Literal["technology", "channel", "generic"]
Language = Literal["en", "de", "fr", "es"]

PARTNER_PAGES: tuple[PartnerPage, ...] = ("partners", "integrations", "resellers")
DEFAULT_PATHS: Mapping[Language, Mapping[PageKind, str]] = {
    "en": {
        "home": "/",
        "about": "/about",
        "partners": "/partners",
        "integrations": "/integrations",
        "resellers": "/partners/resellers",
        "careers": "/careers",
        "contact": "/contact",
        "imprint": "/legal",
    },
    "de": {
        "home": "/",
        "about": "/ueber-uns",
        "partners": "/partner",
        "integrations": "/integrationen",
        "resellers": "/haendler",
        "careers": "/karriere",
        "contact": "/kontakt",
        "imprint": "/impressum",
    },
    "fr": {
        "home": "/",
        "about": "/a-propos",
        "partners": "/partenaires",
        "integrations": "/integrations",
        "resellers": "/revendeurs",
        "careers": "/carrieres",
        "contact": "/contact",
        "imprint": "/mentions-legales",
    },
    "es": {
        "home": "/",
        "about": "/quienes-somos",
        "partners": "/socios",
        "integrations": "/integraciones",
        "resellers": "/distribuidores",
        "careers": "/empleo",
        "contact": "/contacto",
        "imprint": "/aviso-legal",
    },
}
# The law of these countries wants an imprint on every site.
_IMPRINT_COUNTRIES = frozenset({"DE", "AT", "CH", "FR", "LU"})


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_Many = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
_Host = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.example$", max_length=253)]
_PagePath = Annotated[str, Field(pattern=r"^/[a-z0-9/_-]*$", max_length=200)]
_Slug = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=60)]
_STRICT = ConfigDict(extra="forbid")


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class File:
    """A file that a product serves beside the pages."""

    type: str
    text: str


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Show:
    """One way in which a product shows itself; texts may hold the fields of `filled`."""

    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    script_src: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    html: tuple[str, ...] = ()
    html_attributes: str = ""
    root_attributes: str = ""
    body_class: str = ""
    files: Mapping[str, File] = field(default_factory=dict)

    def list_kinds(self) -> list[str]:
        """The contract's kinds of evidence that this show leaves on a page."""
        kinds = {
            "header": self.headers,
            "cookie": self.cookies,
            "meta": self.meta,
            "script_src": self.script_src,
            "script": self.script,
            "html": self.head
            or self.html
            or self.html_attributes
            or self.root_attributes
            or self.body_class,
        }
        return [kind for kind, traces in kinds.items() if traces]

    def tells_version(self) -> bool:
        """Whether the version can be read from what this show leaves."""
        texts = (
            *self.headers.values(),
            *self.meta.values(),
            *self.script_src,
            *self.script,
            *self.head,
            *self.html,
        )
        return any("{version}" in text for text in texts)


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Product:
    """A well-known product: its ways of showing itself, and what it cannot run without."""

    shows: Mapping[str, Show]
    implies: tuple[str, ...] = ()
    also_called: tuple[str, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Use:
    """A company's use of a product; without `pages` it shows on every page."""

    shows: _Many
    version: str | None = None
    pages: tuple[PageKind, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street: str
    postal_code: str
    city: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    region: str | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Partner:
    """A partner as listed on a page; `to` is the domain of a company of this web.

    `how` says what the page gives away: a link, only the image's alternative text, only its file
    name, only plain text, or a detail page of our own that links on.
    """

    type: PartnerType
    how: Literal["link", "alt", "filename", "text", "detail"]
    to: _Host | None = None
    listed_as: str | None = None
    name: str | None = None
    domain: _Host | None = None
    page: PartnerPage = "partners"
    blurb: str | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Salary:
    """A yearly salary range in whole units of an ISO 4217 currency."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    min: int
    max: int


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Posting:
    """An open position; `type` is one of schema.org's employment types."""

    id: _Slug
    title: str
    city: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    type: Literal["FULL_TIME", "PART_TIME", "CONTRACTOR", "TEMPORARY", "INTERN"]
    posted: dt.date
    technologies: tuple[str, ...]
    remote: bool = False
    expires: dt.date | None = None
    salary: Salary | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Alias:
    """A further domain of a company, which leads to the primary one (`meta`: by a refresh)."""

    host: _Host
    status: Literal[301, 302, 308, "meta"]


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Charset:
    """An old encoding, told by the header only or by the page only."""

    encoding: Literal["iso-8859-1"]
    told_by: Literal["header", "meta"]


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Robots:
    """What robots.txt says to every user agent; `crawl_delay` is in seconds."""

    disallow: tuple[_PagePath, ...] = ()
    crawl_delay: int | None = None


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class ExtraPage:
    """A page with nothing to find on it but words, a bar to crawlers, or an error."""

    path: _PagePath
    title: str
    text: str
    status: Literal[200, 500] = 200
    disallowed: bool = False


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class SiteOptions:
    """How a company's site is built and served."""

    layout: Literal["semantic", "table", "spa", "shell", "blocks", "shop"]
    partner_style: Literal["wall", "cards", "table", "list"]
    markup: Literal["jsonld", "graph", "microdata", "rdfa", "none"] = "jsonld"
    careers_style: Literal["pages", "listing", "graph", "microdata"] = "pages"
    www: Literal["redirects", "primary", "none"] = "redirects"
    aliases: tuple[Alias, ...] = ()
    charset: Charset | None = None
    gzip: bool = False
    slow: bool = False
    sitemap: bool = False
    robots: Robots = field(default_factory=Robots)
    pages: Mapping[PageKind, _PagePath] = field(default_factory=dict)
    extra: tuple[ExtraPage, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Decoys:
    """Names on the pages that are no partners, and technologies that are only talked about."""

    customers: tuple[str, ...] = ()
    press: tuple[str, ...] = ()
    payments: tuple[_Slug, ...] = ()
    absent: tuple[str, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True)
class Company:
    """An invented company; `domain` (the file's name) is its primary domain, in ASCII."""

    domain: _Host
    name: str
    legal_name: str
    tagline: str
    description: str
    industry: str
    founded: Annotated[int, Field(ge=1500, le=2100)]
    employees: tuple[int, int]
    address: Address
    phone: Annotated[str, Field(pattern=r"^\+[0-9 -]+$")]
    email: str
    site: SiteOptions
    stack: Mapping[str, Use]
    language: Language = "en"
    lei: bool = False
    registry: Mapping[str, str] = field(default_factory=dict)
    social: tuple[str, ...] = ()
    partners: tuple[Partner, ...] = ()
    postings: tuple[Posting, ...] = ()
    decoys: Decoys = field(default_factory=Decoys)

    @property
    def host(self) -> str:
        """The host that answers with pages: the domain, or `www.` before it."""
        return f"www.{self.domain}" if self.site.www == "primary" else self.domain

    @property
    def lei_code(self) -> str | None:
        """A Legal Entity Identifier (ISO 17442) of an issuer that does not exist, or None."""
        if not self.lei:
            return None
        stem = "999900" + hashlib.sha256(self.domain.encode()).hexdigest()[:12].upper()
        digits = "".join(str(int(character, 36)) for character in stem + "00")
        return f"{stem}{98 - int(digits) % 97:02d}"

    def paths(self) -> dict[PageKind, str]:
        """The path of each kind of page that this company has."""
        wanted: set[PageKind] = {"home", "about", "contact"}
        wanted |= {partner.page for partner in self.partners}
        if self.postings:
            wanted.add("careers")
        if "imprint" in self.site.pages or self.address.country in _IMPRINT_COUNTRIES:
            wanted.add("imprint")
        defaults = DEFAULT_PATHS[self.language]
        return {
            kind: self.site.pages.get(kind, path)
            for kind, path in defaults.items()
            if kind in wanted
        }


@dataclass(frozen=True, slots=True)
class Web:
    """All of the sample web, checked: companies by domain, products by name, labels by language."""

    companies: Mapping[str, Company]
    products: Mapping[str, Product]
    labels: Mapping[str, Mapping[str, str]]

    def iter_shows(self, company: Company, kind: PageKind | None) -> Iterator[Show]:
        """What the page of this kind shows of the company's stack, filled in.

        With None (a page of no kind), only what shows on every page.
        """
        for name, use in company.stack.items():
            if not use.pages or kind in use.pages:
                for show in use.shows:
                    yield filled(self.products[name].shows[show], name, use.version, company.host)


def filled(show: Show, product: str, version: str | None, host: str) -> Show:
    """The show with its fields replaced; identifiers are derived from host and product."""
    digest = hashlib.sha256(f"{host}/{product}".encode()).hexdigest()
    fields = {
        "{version}": version or "",
        "{host}": host,
        "{digits}": str(10_000_000 + int(digest[:8], 16) % 90_000_000),
        "{code}": f"X{digest[:8].upper()}",
        "{hex}": digest[:24],
        "{uuid}": str(uuid.UUID(digest[:32])),
    }

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            for key, text in fields.items():
                value = value.replace(key, text)
            return value
        if isinstance(value, Mapping):
            return {fill(key): fill(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(fill(item) for item in value)
        return value

    return Show(**{name: fill(getattr(show, name)) for name in Show.__dataclass_fields__})
