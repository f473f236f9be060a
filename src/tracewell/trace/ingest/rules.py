"""Which captures say something about a company, of which one, and what: pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from tracewell.detection import FingerprintSet, detect
from tracewell.extraction import Fact, extract
from tracewell.trace.companies.days import day_of
from tracewell.trace.companies.domains import find_company_domain
from tracewell.trace.companies.model import Sighting, Sign, Use
from tracewell.trace.companies.rules import SIGNS_KEPT, keep_signs
from tracewell.trace.ingest.model import Observed, Redirect
from tracewell.trace.partnerships.rules import claims_of
from tracewell.trace.postings.rules import Vocabulary, seen_postings
from tracewell.trace.technologies.model import Technology
from tracewell.trace.texts import storable
from tracewell.values import Capture, TechnologyUse

URL_CHARS_MAX = 2_048
VERSION_CHARS_MAX = 100
EXCERPT_CHARS_MAX = 500

_HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml"})
_HOME_PATH = re.compile(r"/?|/[a-z]{2}(?:[-_][a-z]{2})?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Captures that say nothing, and why."""

    reason: str
    captures: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """A capture to be looked into: its company's domain and its key."""

    capture: Capture
    domain: str
    key: str

    @property
    def captured_at(self) -> int:
        """Milliseconds since the epoch."""
        return self.capture.captured_at


Outcome = Observed | Redirect | Skipped
"""What becomes of a capture."""


def judge(capture: Capture) -> Page | Redirect | Skipped:
    """What a capture is worth before its body is looked into."""
    host = _host_of(capture.url)
    domain = find_company_domain(host) if host else None
    if domain is None:
        return Skipped("no company's domain")
    if 300 <= capture.status < 400:
        return _find_redirect(capture, domain) or Skipped("redirect")
    if capture.status != 200:
        return Skipped(f"status {capture.status}")
    content_type = (capture.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type == "text/plain" and capture.robots_txt is None and not capture.dns:
        return Skipped("text alone")  # all that a WET file has of a page
    if content_type not in _HTML_TYPES and capture.robots_txt is None and not capture.dns:
        return Skipped("not HTML")
    if not capture.body.strip():
        return Skipped("empty body")
    return Page(capture, domain, capture_key(capture))


def capture_key(capture: Capture) -> str:
    """A hash of address, second, status and body: archives keep whole seconds."""
    head = f"{capture.url}\0{capture.captured_at // 1000}\0{capture.status}\0"
    digest = hashlib.blake2b(head.encode("utf-8", "surrogatepass"), digest_size=20)
    digest.update(capture.body)
    return digest.hexdigest()


def _find_redirect(capture: Capture, domain: str) -> Redirect | None:
    """Only for good and from home page to home page: a shop that moved to a market place, or a
    parked name, leads to a page within somebody else's site."""
    location = capture.header("location")
    if capture.status not in (301, 308) or location is None or len(location) > URL_CHARS_MAX:
        return None
    try:
        target = urljoin(capture.url, location)
        paths = (urlsplit(capture.url).path, urlsplit(target).path)
    except ValueError:
        return None
    host = _host_of(target)
    other = find_company_domain(host) if host else None
    if other is None or other == domain or not all(map(_HOME_PATH.fullmatch, paths)):
        return None
    return Redirect(domain, other, capture.captured_at)


def _is_home(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return _HOME_PATH.fullmatch(parts.path) is not None and not parts.query


def _host_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        # A DNS lookup stands under `dns:<name>?type=<type>` (RFC 4501).
        return parts.path if parts.scheme == "dns" else parts.hostname
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Inspector:
    """What pages are looked into with."""

    fingerprints: FingerprintSet
    vocabulary: Vocabulary


def make_inspector(fingerprints: FingerprintSet) -> Inspector:
    """For technologies of that set, on pages and in the texts of postings."""
    return Inspector(fingerprints, Vocabulary(fingerprints.technologies))


def observe_page(page: Page, inspector: Inspector) -> Observed:
    """Detects and extracts. Never raises on account of the capture's contents."""
    capture = page.capture
    url = storable(capture.url)[:URL_CHARS_MAX]
    capture_id = storable(capture.capture_id)
    extraction = extract(capture)
    return Observed(
        key=page.key,
        domain=page.domain,
        url=url,
        capture=capture_id,
        captured_at=capture.captured_at,
        is_page=capture.robots_txt is None and not capture.dns,
        uses=detect(capture, inspector.fingerprints).uses,
        facts=extraction.facts,
        claims=claims_of(
            extraction.partners,
            url=url,
            capture=capture_id,
            observed_at=capture.captured_at,
        ),
        postings=seen_postings(
            extraction.postings,
            inspector.vocabulary,
            capture=capture_id,
            observed_at=capture.captured_at,
        ),
    )


def observe(capture: Capture, inspector: Inspector) -> Outcome:
    """Judges a capture and, where it is worth it, looks into it; nothing is asked or written."""
    judged = judge(capture)
    return observe_page(judged, inspector) if isinstance(judged, Page) else judged


def sighting_of(observed: Observed, catalogue: Mapping[str, Technology]) -> Sighting:
    """The observation in the catalogue's terms, every text as databases can hold it."""
    return Sighting(
        observed.url,
        observed.capture,
        observed.captured_at,
        tuple(_use(use, observed, catalogue[storable(use.name)]) for use in observed.uses),
        tuple(
            Fact(
                fact.field,
                storable(fact.value),
                fact.weight,
                storable(fact.source_url)[:URL_CHARS_MAX],
                fact.observed_at,
            )
            for fact in observed.facts
        ),
        is_visit=observed.is_page and _is_home(observed.url),
    )


def _use(use: TechnologyUse, observed: Observed, technology: Technology) -> Use:
    version = storable(use.version)[:VERSION_CHARS_MAX] if use.version else None
    signs = [
        Sign(
            kind=evidence.kind,
            name=storable(evidence.name),
            pattern=storable(evidence.pattern),
            excerpt=storable(evidence.excerpt)[:EXCERPT_CHARS_MAX],
            url=observed.url,
            capture=observed.capture,
            start_byte=evidence.start,
            end_byte=evidence.end,
            observed_at=observed.captured_at,
        )
        for evidence in use.evidence[:SIGNS_KEPT]
    ]
    day = day_of(observed.captured_at)
    return Use(
        technology=technology,
        version=version,
        version_observed_at=observed.captured_at if version else None,
        confidence=min(100, max(0, use.confidence)),
        status="active",
        first_observed_at=observed.captured_at,
        last_observed_at=observed.captured_at,
        observation_count=1,
        signs=keep_signs(signs),
        seen_days=(day,),
        dropped_at=None,
    )
