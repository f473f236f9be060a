"""Every reason for which a domain of a refresh fails, once; the docs' table is made from it.

The sentences are ours: nothing of a failure's own text, which may tell of the operator's network,
reaches a caller.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracewell.trace.jobs.model import Outcome
from tracewell.web.crawl_model import CrawlResult
from tracewell.web.exchange import FailureCode

MESSAGES: Mapping[str, str] = {
    "invalid_domain": "This is not the domain of a company's site.",
    "dns_failed": "The domain does not resolve to any address.",
    "guard_refused": "The domain leads to an address that is not on the public internet.",
    "connect_failed": "The site does not accept connections.",
    "connection_lost": "The site closed the connection before its answer was complete.",
    "tls_failed": "No secure connection to the site could be made.",
    "timed_out": "The site did not answer in time.",
    "refused_by_robots": "The site's robots.txt does not allow its home page to be fetched.",
    "asked_to_wait": "The site asks to be left alone for longer than a refresh waits.",
    "too_many_redirects": "The home page redirects too often.",
    "too_large": "The home page is larger than what is read of a page.",
    "bad_response": "What the site answered is no proper HTTP.",
    "http_error": "The home page did not answer with a page.",
    "not_html": "The home page is no HTML page.",
    "redirected_elsewhere": "The home page leads to another site, and not for good.",
    "crawling_suspended": "This deployment takes up no more pages at the moment.",
    "cancelled": "The job was cancelled by the operator.",
    "gave_up": "Every attempt was broken off; the operator's log may say why.",
}

_BY_FAILURE: Mapping[FailureCode, str] = {
    "bad_url": "invalid_domain",
    "address_refused": "guard_refused",
    "dns_failed": "dns_failed",
    "connect_failed": "connect_failed",
    "tls_failed": "tls_failed",
    "timed_out": "timed_out",
    "connection_lost": "connection_lost",
    "headers_too_large": "too_large",
    "too_large": "too_large",
    "bad_encoding": "bad_response",
    "bad_response": "bad_response",
    "too_many_redirects": "too_many_redirects",
    "robots_disallowed": "refused_by_robots",
    "asked_to_wait": "asked_to_wait",
    "render_failed": "bad_response",
}
_HTML = frozenset({"", "text/html", "application/xhtml+xml"})


def outcome(code: str, detail: str = "") -> Outcome:
    """The outcome of a code; `detail` says more than the catalogue's sentence. Raises KeyError."""
    return Outcome(code, detail or MESSAGES[code])


def find_crawl_failure(result: CrawlResult) -> Outcome | None:
    """Why a crawl is worth nothing, or None where the home page is one."""
    if result.home_url is None:
        # Of the addresses that were tried the first one is the domain's own.
        code = result.failures[0].code if result.failures else "connect_failed"
        return outcome(_BY_FAILURE[code])
    home = next((one for one in result.captures if one.url == result.home_url), None)
    if home is None:
        return outcome("connect_failed")
    if home.status != 200:
        return outcome("http_error", f"The home page answered with status {home.status}.")
    kind = (home.header("content-type") or "").partition(";")[0].strip().lower()
    return None if kind in _HTML and home.body.strip() else outcome("not_html")
