"""URLs in the one form that is checked, sent and recorded: the WHATWG serialisation.

Nothing here resolves a name or judges an address (see `guard`).
"""

from __future__ import annotations

from urllib.parse import urljoin

import can_ada

URL_CHARS_MAX = 8_192
DEFAULT_PORTS = {"http": 80, "https": 443}


class BadUrlError(ValueError):
    """The text is no http(s) URL that a browser would follow."""


def parse_url(text: str, base: str | None = None) -> str:
    """`text`, taken relative to `base`, as browsers serialise it: no fragment, no credentials.

    The host comes out in lower-case ASCII, numeric hosts of any notation as dotted quads, so that
    what is judged and what is connected to are the same characters (WHATWG URL Standard).
    Raises `BadUrlError`.
    """
    if len(text) > URL_CHARS_MAX:
        raise BadUrlError(f"the URL is longer than {URL_CHARS_MAX} characters")
    try:
        joined = urljoin(base, text.strip()) if base else text
        url = can_ada.parse(joined)
        url.hash = ""
        url.username = ""
        url.password = ""
    except ValueError as error:
        raise BadUrlError(f"not a URL: {text[:200]!r}") from error
    if url.protocol not in {"http:", "https:"}:
        raise BadUrlError(f"only http and https are followed, not {url.protocol[:20]!r}")
    if not url.hostname:
        raise BadUrlError("the URL has no host")
    return str(url.href)


def host_of(url: str) -> str:
    """The host of a parsed URL; an IPv6 address without its brackets, a name without final dot."""
    return str(can_ada.parse(url).hostname).strip("[]").rstrip(".")


def scheme_of(url: str) -> str:
    """`http` or `https`."""
    return url.partition(":")[0]


def port_of(url: str) -> int:
    """The port of a parsed URL, the scheme's own where none is written."""
    parsed = can_ada.parse(url)
    return int(parsed.port) if parsed.port else DEFAULT_PORTS[scheme_of(url)]


def origin_of(url: str) -> str:
    """Scheme, host and port, without a final slash."""
    return str(can_ada.parse(url).origin)


def authority_of(url: str) -> str:
    """Host and port as the Host header and `:authority` have them: the scheme's port left out."""
    return str(can_ada.parse(url).host)


def path_of(url: str) -> str:
    """The path, always opening with a slash, without query."""
    return str(can_ada.parse(url).pathname)


def target_of(url: str) -> str:
    """Path and query: the request target of the origin form (RFC 9112, 3.2.1)."""
    parsed = can_ada.parse(url)
    return f"{parsed.pathname}{parsed.search}"


def is_in_site(host: str, site: str) -> bool:
    """Whether `host` is `site` or a name below it."""
    return host == site or host.endswith("." + site)
