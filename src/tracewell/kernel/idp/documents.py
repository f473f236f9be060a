"""Exchanges with an identity provider: over TLS, bounded in time and bytes, no redirects.

The provider's addresses come from the operator or from a document that was fetched this way.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from tracewell.kernel.idp.errors import IdentityProviderUnavailable

FETCH_TIMEOUT_S = 5.0
DOCUMENT_BYTES_MAX = 256 << 10
URL_CHARACTERS_MAX = 2_048

_NONE: Mapping[str, str] = MappingProxyType({})


class Document(NamedTuple):
    """An answer, whatever its status."""

    status: int
    body: bytes


async def fetch_document(
    url: str,
    *,
    accept: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] = _NONE,
    timeout_s: float = FETCH_TIMEOUT_S,
    bytes_max: int = DOCUMENT_BYTES_MAX,
) -> Document:
    """GETs a document, or POSTs a form. A redirect is an answer like any other.

    Raises IdentityProviderUnavailable.
    """
    # Compressed answers stay compressed and then cannot be read: nothing unfolds past the bound.
    sent = {"Accept": accept, "Accept-Encoding": "identity", **headers}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    body = bytearray()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.request(
                "GET" if form is None else "POST",
                url,
                headers=sent,
                data=form,
                allow_redirects=False,
            ) as response,
        ):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise IdentityProviderUnavailable("the provider's answer is too large")
            return Document(response.status, bytes(body))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise IdentityProviderUnavailable(
            f"the provider cannot be reached: {type(error).__name__}"
        ) from error


def require_safe_url(url: str, *, loopback_allowed: bool) -> None:
    """Raises ValueError unless it is an https URL (or http to this machine, where allowed)."""
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError for one that is no number
    if len(url) > URL_CHARACTERS_MAX or not parts.hostname or not url.isprintable():
        raise ValueError("the provider's URL is not a usable URL")
    if parts.scheme == "https":
        return
    if parts.scheme != "http" or not loopback_allowed or not is_loopback(parts.hostname):
        raise ValueError("the provider's URL must be https (http only on this machine)")


def is_loopback(host: str | None) -> bool:
    """Is this the name or an address of this machine itself?"""
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
