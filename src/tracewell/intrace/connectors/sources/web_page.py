"""Connector `web_page`: what a page says of itself and of the organisation that it belongs to.

Open Graph, schema.org and plain metadata of one page, fetched as the crawler does (robots.txt).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import turbohtml

from tracewell.extraction import extract_firmographics
from tracewell.intrace.connectors.failures import TimedOutError
from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorError,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    NotApplicableError,
    SourceFailedError,
    observe,
)
from tracewell.intrace.connectors.network.replies import error_of
from tracewell.intrace.connectors.threads import call_in_thread
from tracewell.intrace.identifiers import IdentifierError, parse_identifier
from tracewell.intrace.identifiers.formats import split_suffix
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Capture, Observation
from tracewell.web.exchange import FetchFailure

SELF_DESCRIPTION_WEIGHT_MIN: Final = 70
"""From the organisation's own structured data; a page's title is no evidence for a name."""
_GONE: Final = frozenset({404, 410})
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_BODY_BYTES_MAX: Final = 2 << 20
_TEXT_CHARACTERS_MAX: Final = 1_000
_META: Final[Mapping[str, str]] = {
    # name or property of a meta element: the statement
    "og:title": "url.title",
    "og:description": "url.description",
    "description": "url.description",
    "og:site_name": "url.site_name",
    "og:type": "url.type",
    "author": "url.author",
    "article:author": "url.author",
}
_FACTS: Final[Mapping[str, str]] = {
    "name": "organization.name",
    "legal_name": "organization.legal_name",
    "description": "organization.description",
    "industry": "organization.industry",
    "founded_year": "organization.founded_year",
    "employee_range": "organization.employee_range",
}


class WebPage(Connector):
    """Metadata of the page at a URL, or of a domain's home page."""

    spec = ConnectorSpec(
        id="web_page",
        name="Web page metadata",
        accepts=frozenset({IdentifierType.URL, IdentifierType.DOMAIN}),
        yields=(
            "url.address",
            *dict.fromkeys(_META.values()),
            *_FACTS.values(),
            "phone.number",
            "social.account",
            "domain.name",
        ),
        terms_url="https://www.rfc-editor.org/rfc/rfc9309",
        licence="the page's own terms; robots.txt is obeyed",
        cost_class=CostClass.FREE,
        timeout_s=10.0,
        cache_s=3600,
        sends_out=True,
    )

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """The page's record and, where it describes its organisation, that one's."""
        is_domain = identifier.type is IdentifierType.DOMAIN
        url = f"https://{identifier.value}/" if is_domain else identifier.value
        outcome = await context.pages.fetch(url)
        if isinstance(outcome, FetchFailure):
            raise _error_of(outcome)
        capture = outcome.capture
        if capture.status in _GONE:
            return ()
        if capture.status != 200:
            headers = {name.lower(): value for name, value in capture.headers}
            raise error_of(capture.status, headers)
        media_type = (capture.header("content-type") or "").partition(";")[0].strip().lower()
        if media_type not in _HTML:
            raise NotApplicableError("what is there is no web page")
        return await call_in_thread(lambda: _read(url, capture, context.clock()))

    async def check_health(self, context: AskContext) -> Condition:
        """There is no one host to ask."""
        return Condition(HealthStatus.UNKNOWN, "each page has its own host")


def _error_of(failure: FetchFailure) -> ConnectorError:
    if failure.code == "robots_disallowed":
        return NotApplicableError("robots.txt does not allow to fetch the page")
    if failure.code == "timed_out":
        return TimedOutError("the page did not come in time")
    if failure.code == "address_refused":
        return SourceFailedError("its address is one that may not be connected to")
    return SourceFailedError(f"the page could not be fetched ({failure.code})")


def _read(url: str, capture: Capture, now: int) -> tuple[Observation, ...]:
    document = turbohtml.parse(capture.body[:_BODY_BYTES_MAX].decode("utf-8", "replace"))
    statements = [("url.address", url), *dict(_iter_metadata(document)).items()]
    page = observe(f"page:{capture.url}", statements, source_url=capture.url, observed_at=now)
    told = list(_iter_organization(capture))
    if not any(p in ("organization.name", "organization.legal_name") for p, _ in told):
        return page
    host = capture.url.split("/")[2].partition(":")[0].removeprefix("www.")
    registrable, _ = split_suffix(host)
    told.append(("domain.name", registrable or host))
    return page + observe(
        f"organization-of:{capture.url}", told, source_url=capture.url, observed_at=now
    )


def _iter_metadata(document: turbohtml.Document) -> Iterator[tuple[str, str]]:
    """The first of each; what comes later in the order of `_META`'s rows stands back."""
    found: dict[str, str] = {}
    for element in document.find_all("meta", limit=500):
        name = str(element.attrs.get("property") or element.attrs.get("name") or "").strip().lower()
        content = " ".join(str(element.attrs.get("content") or "").split())
        if name in _META and content:
            found.setdefault(name, content[:_TEXT_CHARACTERS_MAX])
    titles = document.find_all("title", limit=1)
    stated: dict[str, str] = {}
    for name, predicate in _META.items():
        if name in found:
            stated.setdefault(predicate, found[name])
    title = " ".join(titles[0].text.split()) if titles else ""
    if title:
        stated.setdefault("url.title", title[:_TEXT_CHARACTERS_MAX])
    yield from stated.items()


def _iter_organization(capture: Capture) -> Iterator[tuple[str, str]]:
    for fact in extract_firmographics(capture):
        if fact.weight < SELF_DESCRIPTION_WEIGHT_MIN:
            continue
        if fact.field in _FACTS:
            yield _FACTS[fact.field], fact.value
        elif fact.field == "social_profile":
            yield from _identified(IdentifierType.SOCIAL_URL, "social.account", fact.value)
        elif fact.field == "phone":
            yield from _identified(IdentifierType.PHONE, "phone.number", fact.value)


def _identified(kind: IdentifierType, predicate: str, text: str) -> Iterator[tuple[str, str]]:
    if kind is IdentifierType.PHONE:
        # Without its country code a number may be anybody's.
        text = "+" + "".join(filter(str.isdigit, text)) if text.startswith("+") else ""
    try:
        identifier = parse_identifier(kind, text)
    except IdentifierError:
        return
    yield predicate, identifier.key
