"""Fetch an identity provider's discovery document and keys.

OpenID Connect Discovery 1.0, RFC 8414.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from tracewell.kernel.clock import Clock
from tracewell.kernel.idp import IdentityProviderUnavailable, ProviderCache
from tracewell.kernel.idp.documents import (
    FETCH_TIMEOUT_S,
    fetch_document,
    is_loopback,
    require_safe_url,
)
from tracewell.kernel.oidc.provider_keys import ProviderKeys, parse_provider_keys

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
        return is_loopback(urlsplit(self.issuer).hostname)


@dataclass(frozen=True, slots=True)
class ProviderEndpoints:
    """What the code flow needs of the discovery document; None for what it does not name."""

    authorization: str | None
    token: str | None
    userinfo: str | None
    end_session: str | None
    token_auth_methods: tuple[str, ...]
    names_itself: bool
    """Whether it puts `iss` into every answer of the authorization endpoint (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What one provider publishes at one moment."""

    keys: ProviderKeys
    endpoints: ProviderEndpoints


class ProviderSource:
    """One provider's documents: fetched when they are needed, shared by all who verify."""

    def __init__(self, issuer_url: str, clock: Clock) -> None:
        """Nothing is fetched yet. Raises ValueError for an issuer URL that cannot be used."""
        self.address = parse_provider_address(issuer_url)
        self._cache = ProviderCache(lambda: fetch_provider(self.address), clock)

    async def get(self) -> Provider:
        """What is published. Raises IdentityProviderUnavailable."""
        return await self._cache.get()

    async def get_keys_for(self, kid: str | None) -> ProviderKeys:
        """The keys, fetched once more for a key id that is not among them.

        Raises IdentityProviderUnavailable.
        """
        provider = await self._cache.get()
        if kid is not None and not provider.keys.knows(kid):
            provider = await self._cache.get_anew(provider)
        return provider.keys


def parse_provider_address(issuer_url: str) -> ProviderAddress:
    """Read `OIDC_ISSUER_URL`: an issuer, or the address of its discovery document.

    Raises ValueError with a sentence that says what is wrong.
    """
    parts = urlsplit(issuer_url)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("an issuer URL has no user, no query and no fragment")
    require_safe_url(issuer_url, loopback_allowed=True)
    origin = f"{parts.scheme}://{parts.netloc}"
    before, marker, after = parts.path.partition(_WELL_KNOWN)
    if not marker:
        issuer = origin + parts.path.rstrip("/")
        return ProviderAddress(issuer, f"{issuer}{_WELL_KNOWN}{_OPENID_CONFIGURATION}")
    _, _, tenant = after.partition("/")  # RFC 8414 puts the issuer's path behind the marker
    path = before + (f"/{tenant}" if tenant else "")
    return ProviderAddress(origin + path.rstrip("/"), issuer_url)


async def fetch_provider(
    address: ProviderAddress, *, timeout_s: float = FETCH_TIMEOUT_S
) -> Provider:
    """The provider's exact issuer name, keys and endpoints, each document within the time.

    Raises IdentityProviderUnavailable, also when the document speaks for another issuer.
    """
    document = await _fetch_json(address.document_url, timeout_s)
    issuer, jwks_uri = document.get("issuer"), document.get("jwks_uri")
    if not isinstance(issuer, str) or issuer.rstrip("/") != address.issuer:
        raise IdentityProviderUnavailable("the discovery document names another issuer")
    if not isinstance(jwks_uri, str):
        raise IdentityProviderUnavailable("the discovery document names no jwks_uri")
    try:
        require_safe_url(jwks_uri, loopback_allowed=address.is_loopback)
        endpoints = _parse_endpoints(document, loopback_allowed=address.is_loopback)
        keys = parse_provider_keys(issuer, await _fetch_json(jwks_uri, timeout_s))
    except ValueError as error:
        raise IdentityProviderUnavailable(str(error)) from error
    return Provider(keys, endpoints)


def _parse_endpoints(document: Mapping[str, Any], *, loopback_allowed: bool) -> ProviderEndpoints:
    def find(name: str) -> str | None:
        url = document.get(name)
        if not isinstance(url, str):
            return None
        require_safe_url(url, loopback_allowed=loopback_allowed)
        return url

    methods = document.get("token_endpoint_auth_methods_supported")
    return ProviderEndpoints(
        authorization=find("authorization_endpoint"),
        token=find("token_endpoint"),
        userinfo=find("userinfo_endpoint"),
        end_session=find("end_session_endpoint"),
        # OpenID Connect Discovery 1.0, section 3, names the default.
        token_auth_methods=tuple(filter(lambda name: isinstance(name, str), methods))
        if isinstance(methods, list)
        else ("client_secret_basic",),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


async def _fetch_json(url: str, timeout_s: float) -> dict[str, Any]:
    answer = await fetch_document(url, accept="application/json", timeout_s=timeout_s)
    if answer.status != 200:
        raise IdentityProviderUnavailable(f"the provider answered {answer.status}")
    return parse_json_answer(answer.body)


def parse_json_answer(body: bytes) -> dict[str, Any]:
    """Raises IdentityProviderUnavailable unless it is a JSON object."""
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise IdentityProviderUnavailable("the provider's answer is not JSON") from error
    if not isinstance(document, dict):
        raise IdentityProviderUnavailable("the provider's answer is not a JSON object")
    return document
