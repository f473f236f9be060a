"""Domains: from what a caller or a page says to the one spelling that is stored and looked up.

Where one company's names end and another's begin: docs/decisions/0070-company-domains.md.
"""

from __future__ import annotations

import functools
import ipaddress
import re

import can_ada
import tldextract

from tracewell.trace.texts import is_slug

IDENTIFIER_CHARS_MAX = 2_048
DOMAIN_CHARS_MAX = 253

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PORT = re.compile(r":\d{0,5}$")
_PLAIN = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")


def parse_identifier(text: str) -> str:
    """What `{identifier}` names: a domain (it has a dot) or a slug (it has none).

    `https://WWW.Stripe.com./about` is `stripe.com`; a name in Unicode becomes its A-labels
    (UTS #46). Raises ValueError on what can be neither.
    """
    if len(text) > IDENTIFIER_CHARS_MAX:
        raise ValueError("too long for an identifier")
    text = text.strip()
    slug = text.lower()
    if is_slug(slug):
        return slug
    return parse_domain(_PORT.sub("", re.split(r"[/?#\\]", _SCHEME.sub("", text), maxsplit=1)[0]))


def parse_domain(text: str) -> str:
    """A host name in lower-case A-labels, without a final dot and one leading `www.`.

    Raises ValueError on what is no name of at least two labels.
    """
    name = text.lower().removesuffix(".")
    if not (name.isascii() and _PLAIN.fullmatch(name)):
        name = _as_browsers_read(name)
    bare = name.removeprefix("www.")
    name = bare if "." in bare else name
    if len(name) > DOMAIN_CHARS_MAX or _PLAIN.fullmatch(name) is None or _is_address(name):
        raise ValueError("not a domain")
    return name


def _as_browsers_read(name: str) -> str:
    if re.search(r"[@:%\s\[\]]", name):
        raise ValueError("not a host name")
    host = str(can_ada.parse(f"https://{name}/").hostname)
    return host.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


@functools.cache
def _suffixes() -> tldextract.TLDExtract:
    # The list that comes with the package: nothing is fetched, and every process decides alike.
    return tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
    )


@functools.lru_cache(maxsize=100_000)
def find_company_domain(host: str) -> str | None:
    """The domain of the company whose site the host belongs to, or None.

    The registrable domain by the Public Suffix List, its private section included: a site below
    `github.io` is its owner's, `github.io` itself is GitHub's. Where the list knows nothing, the
    last two labels. A public suffix of the ICANN section (`co.uk`) is no company's.
    """
    try:
        name = parse_domain(host)
    except ValueError:
        return None
    found = _suffixes()(name)
    if found.is_private and not found.domain:
        found = _suffixes()(name, include_psl_private_domains=False)
    if not found.suffix:
        return ".".join(name.split(".")[-2:])
    return f"{found.domain}.{found.suffix}" if found.domain else None


def slug_base(domain: str) -> str:
    """The label that a company is known by: `stripe` of `stripe.com`, in Unicode."""
    suffix = _suffixes()(domain).suffix
    label = domain.removesuffix(f".{suffix}").rpartition(".")[2] if suffix else domain.split(".")[0]
    return _as_unicode(label)


def _as_unicode(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label[4:]
