"""One identity provider's metadata: fetched when needed, kept in time, renewed for a new key."""

from __future__ import annotations

from urllib.parse import urlsplit

from tracewell.kernel.clock import Clock
from tracewell.kernel.idp import IdentityProviderUnavailable, ProviderCache
from tracewell.kernel.idp.documents import fetch_document, is_loopback, require_safe_url
from tracewell.kernel.saml.metadata import IdpMetadata, parse_idp_metadata

METADATA_BYTES_MAX = 1 << 20


class MetadataSource:
    """Where the provider's certificates come from; shared by all who verify."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Nothing is fetched yet. Raises ValueError for a URL that cannot be used."""
        require_safe_url(url, loopback_allowed=True)
        self._url = url
        self._clock = clock
        self._cache = ProviderCache(self._fetch, clock)

    async def get(self) -> IdpMetadata:
        """Raises IdentityProviderUnavailable."""
        return await self._cache.get()

    async def get_anew(self, seen: IdpMetadata) -> IdpMetadata:
        """For a signature that none of the known certificates made; bounded in how often."""
        return await self._cache.get_anew(seen)

    async def _fetch(self) -> IdpMetadata:
        answer = await fetch_document(
            self._url, accept="application/samlmetadata+xml, */*", bytes_max=METADATA_BYTES_MAX
        )
        if answer.status != 200:
            raise IdentityProviderUnavailable(f"the provider's metadata answered {answer.status}")
        loopback = is_loopback(urlsplit(self._url).hostname)
        try:
            return parse_idp_metadata(answer.body, self._clock(), loopback_allowed=loopback)
        except ValueError as error:
            raise IdentityProviderUnavailable(str(error)) from error
