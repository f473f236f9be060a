"""What a fingerprint set is made of, and what a detection answers: frozen values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracewell.values import TechnologyUse

# The kinds of patterns over one text or a list of texts, and those that first name a field.
PLAIN_KINDS = ("html", "text", "css", "script_src", "script", "url", "xhr", "robots", "cert_issuer")
NAMED_KINDS = ("header", "cookie", "meta", "dns", "js")
# Dom patterns about live properties, which only a browser knows; evidence has them under "dom".
PROPERTY_KIND = "property"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression of one technology.

    `name` is the header, cookie, meta, DNS record type, JS global or CSS selector ("" for the
    plain kinds). `raw` is the text of the fingerprint with its tags; `expression` the JavaScript
    expression alone ("" matches wherever the named thing exists). `detail` tells a dom pattern's
    aspect: "" (exists), "text", or "@" and the attribute's name; for a property its name.
    `confidence` is 0..100.
    """

    technology: str
    kind: str
    name: str
    raw: str
    expression: str
    version: str | None = None
    confidence: int = 100
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Implication:
    """A technology that another implies, with the certainty of that step (0..100)."""

    technology: str
    confidence: int = 100
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A small capture that must, or must not, show the technology it stands under."""

    url: str = "https://www.site.example/"
    headers: tuple[tuple[str, str], ...] = ()
    html: str = ""
    robots: str | None = None
    dns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    certificate_issuer: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A technology: what it is, how it shows, what it implies, needs and excludes."""

    name: str
    categories: tuple[str, ...] = ()
    vendor: str | None = None
    website: str | None = None
    description: str | None = None
    patterns: tuple[Pattern, ...] = ()
    implies: tuple[Implication, ...] = ()
    requires: tuple[str, ...] = ()
    requires_categories: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    must_match: tuple[Example, ...] = ()
    must_not_match: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a fingerprint file that could not be taken; all the rest was loaded."""

    file: str
    technology: str
    kind: str
    reason: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a capture is considered and how long it may take.

    `body_bytes_max`: bytes of the body read (default 2 MiB: the largest of 600 real pages has 1.5).
    `values_max`: values per kind (scripts, metas, cookies, ...). `value_chars_max`: characters of a
    header, cookie, address or attribute. `pattern_timeout_s` and `page_timeout_s`: wall seconds for
    one expression over one text, and for all expressions over the page.
    """

    body_bytes_max: int = 2 * 1024 * 1024
    values_max: int = 5_000
    value_chars_max: int = 65_536
    pattern_timeout_s: float = 0.1
    page_timeout_s: float = 0.2


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A part of the work that a bound stopped, so that its absence proves nothing.

    `technology` and `pattern` are empty where the bound concerns the whole page.
    """

    kind: str
    reason: str
    technology: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """What a capture shows (sorted by name), and what was given up on the way."""

    uses: tuple[TechnologyUse, ...]
    given_up: tuple[GivenUp, ...]
