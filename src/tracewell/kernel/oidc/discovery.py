"""Fetch an identity provider's discovery document and keys: bounded, over TLS, no redirects.

OpenID Connect Discovery 1.0, RFC 8414.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from tracewell.kernel.oidc.errors import IdentityProviderUnavailable
from tracewell.kernel.oidc.provider_keys import ProviderKeys, parse_provider_keys

FETCH_TIMEOUT_S = 5.0
DOCUMENT_BYTES_MAX = 256 << 10
URL_CHARACTERS_MAX = 2_048

_WELL_KNOWN = "/.well-known/"
_OPENID_CONFIGURATION = "openid-configuration"


@dataclass(frozen=True, slots=True)
class ProviderAddress:
    """Where the discovery document is, and the issuer that it must speak for.

    `issuer` is without a trailing slash: the discovery address does not tell whether the issuer
    has one, so the document decides, and from there on it is compared exactly.
    """

    issuer: str
    document_url: str

    @property
    def is_loopback(self) -> bool:
        """Is the provider on this machine (and so allowed to speak plain HTTP)?"""
        return _is_loopback(urlsplit(self.issuer).hostname)


def parse_provider_address(issuer_url: str) -> ProviderAddress:
    """Read `OIDC_ISSUER_URL`: an issuer, or the address of its discovery document.

    Raises ValueError with a sentence that says what is wrong.
    """
    parts = urlsplit(issuer_url)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("an issuer URL has no user, no query and no fragment")
    _require_safe(issuer_url, loopback_allowed=True)
    origin = f"{parts.scheme}://{parts.netloc}"
    before, marker, after = parts.path.partition(_WELL_KNOWN)
    if not marker:
        issuer = origin + parts.path.rstrip("/")
        return ProviderAddress(issuer, f"{issuer}{_WELL_KNOWN}{_OPENID_CONFIGURATION}")
    _, _, tenant = after.partition("/")  # RFC 8414 puts the issuer's path behind the marker
    path = before + (f"/{tenant}" if tenant else "")
    return ProviderAddress(origin + path.rstrip("/"), issuer_url)


async def fetch_provider_keys(
    address: ProviderAddress, *, timeout_s: float = FETCH_TIMEOUT_S
) -> ProviderKeys:
    """The provider's exact issuer name and its current keys, each document within the time.

    Raises IdentityProviderUnavailable, also when the document speaks for another issuer.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    # Compressed answers stay compressed and then are no JSON: nothing can unfold past the bound.
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        document = await _fetch_json(session, address.document_url)
        issuer, jwks_uri = document.get("issuer"), document.get("jwks_uri")
        if not isinstance(issuer, str) or issuer.rstrip("/") != address.issuer:
            raise IdentityProviderUnavailable("the discovery document names another issuer")
        if not isinstance(jwks_uri, str):
            raise IdentityProviderUnavailable("the discovery document names no jwks_uri")
        try:
            _require_safe(jwks_uri, loopback_allowed=address.is_loopback)
            return parse_provider_keys(issuer, await _fetch_json(session, jwks_uri))
        except ValueError as error:
            raise IdentityProviderUnavailable(str(error)) from error


async def _fetch_json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    body = bytearray()
    try:
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise IdentityProviderUnavailable(f"the provider answered {response.status}")
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > DOCUMENT_BYTES_MAX:
                    raise IdentityProviderUnavailable("the provider's answer is too large")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise IdentityProviderUnavailable(
            f"the provider cannot be reached: {type(error).__name__}"
        ) from error
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise IdentityProviderUnavailable("the provider's answer is not JSON") from error
    if not isinstance(document, dict):
        raise IdentityProviderUnavailable("the provider's answer is not a JSON object")
    return document


def _require_safe(url: str, *, loopback_allowed: bool) -> None:
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError for one that is no number
    if len(url) > URL_CHARACTERS_MAX or not parts.hostname or not url.isprintable():
        raise ValueError("the provider's URL is not a usable URL")
    if parts.scheme == "https":
        return
    if parts.scheme != "http" or not loopback_allowed or not _is_loopback(parts.hostname):
        raise ValueError("the provider's URL must be https (http only on this machine)")


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
