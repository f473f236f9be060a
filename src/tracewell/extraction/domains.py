"""Where a link leads: the registrable domain behind redirectors and trackers, read off the link."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from urllib.parse import parse_qsl, unquote, urlsplit

import tldextract

HOPS_MAX = 3
_TARGET_KEYS = frozenset(
    {
        "url", "u", "to", "target", "dest", "destination", "redirect", "redirect_url",
        "redirecturl", "goto", "link", "out", "q", "href", "ued", "murl", "r", "uri",
        "location", "site", "page", "redirect_to", "redir", "l", "continue_to", "website",
    }
)  # fmt: skip
# A page that asks for a name and password, or shares this page, comes back to where it is told.
_NO_REDIRECTOR = re.compile(
    r"log-?in|sign-?in|sign-?up|register|auth|share|sharer|intent|submit|checkout", re.IGNORECASE
)
_IN_PATH = re.compile(r"/(https?:/{1,2}[^/].{3,})", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_CODED = re.compile(r"aHR0c[A-Za-z0-9_-]{8,1000}={0,2}")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
_ADDRESS = re.compile(r"[\d.]+")


@functools.cache
def _suffixes() -> tldextract.TLDExtract:
    # The list that comes with the package: nothing is fetched.
    return tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
    )


@functools.lru_cache(maxsize=50_000)
def find_domain(host: str) -> str | None:
    """The registrable domain of a host name (Public Suffix List, private section included; the
    last two labels where the list knows nothing), in A-labels, or None."""
    try:
        name = host.lower().rstrip(".").encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return None
    name = name.lower().rstrip(".")
    if len(name) > 253 or _HOST.fullmatch(name) is None or _ADDRESS.fullmatch(name):
        return None
    found = _suffixes()(name)
    if found.is_private and not found.domain:
        found = _suffixes()(name, include_psl_private_domains=False)
    if not found.suffix:
        return ".".join(name.split(".")[-2:])
    return f"{found.domain}.{found.suffix}" if found.domain else None


def domain_of(url: str) -> str | None:
    """The registrable domain of an address, or None."""
    try:
        return find_domain(urlsplit(url).hostname or "")
    except ValueError:
        return None


def unwrap(url: str, own_domain: str | None) -> str:
    """The address behind redirectors, where the link itself tells it; else the link.

    An address of the page's own site is no target: that is a link for sharing or coming back.
    """
    for _ in range(HOPS_MAX):
        target = _find_target(url)
        if target is None or domain_of(target) in (None, own_domain, domain_of(url)):
            return url
        url = target
    return url


def _find_target(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        if _NO_REDIRECTOR.search(parts.path):
            return None
        queried = parse_qsl(parts.query, max_num_fields=50)
    except ValueError:
        return None
    for key, value in queried:
        if key.lower() in _TARGET_KEYS:
            if _WEB.match(value):
                return value
            decoded = _decode(value)
            if decoded is not None:
                return decoded
    in_path = _IN_PATH.search(unquote(parts.path))
    if in_path is not None:
        return re.sub(r"^(https?):/+", r"\1://", in_path[1])
    return next(filter(None, map(_decode, parts.path.split("/"))), None)


def _decode(value: str) -> str | None:
    if _CODED.fullmatch(value) is None:
        return None
    try:
        plain = base64.urlsafe_b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4))
        text = plain.decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return text if _WEB.match(text) else None
