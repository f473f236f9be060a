"""What the runner lends a connector: a bounded HTTP client and a DNS resolver, as protocols.

A connector never opens the network itself. The real ones live in `network`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tracewell.intrace.connectors.failures import SourceFailedError
from tracewell.web.exchange import FetchFailure, FetchOutcome

NOT_FOUND = frozenset({404})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer within its bounds; header names are lower case, `url` holds no secret."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Http(Protocol):
    """HTTP as the runner does it: guarded, paced, tried again, bounded, with the source's key.

    Addresses are relative to the source's base URL, or absolute. Everything that is no answer
    raises a `ConnectorError`.
    """

    async def get_json(
        self,
        address: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = NOT_FOUND,
    ) -> Any:
        """The answer as JSON; None where the status is one of `absent` (not found).

        A JSON `null` fails, so that it cannot be taken for that.
        """
        ...

    async def get(
        self,
        address: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = NOT_FOUND,
        media_types: Collection[str] = (),
    ) -> Reply | None:
        """The answer; None where the status is one of `absent`. Other media types fail."""
        ...

    def public_url(self, address: str, params: Mapping[str, str] | None = None) -> str:
        """The full address, without the key: what a source record is cited by."""
        ...


class Dns(Protocol):
    """The domain name system as the runner asks it."""

    async def query(self, name: str, record_type: str) -> tuple[str, ...] | None:
        """The records in presentation form (RFC 1035), in canonical order.

        Empty where the name has none of that type, None where there is no such name. Raises a
        `ConnectorError` for everything that is no answer.
        """
        ...


class Pages(Protocol):
    """Web pages of anybody, fetched as the crawler does it: guarded, robots.txt obeyed."""

    async def fetch(self, url: str) -> FetchOutcome:
        """The page with its hops, or a typed failure; nothing is raised."""
        ...


class NoNetwork:
    """Lent where there is no network: every question fails, and says so."""

    async def get_json(
        self,
        address: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = NOT_FOUND,
    ) -> Any:
        """Fails."""
        raise SourceFailedError("no network was lent to this connector")

    async def get(
        self,
        address: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        absent: Collection[int] = NOT_FOUND,
        media_types: Collection[str] = (),
    ) -> Reply | None:
        """Fails."""
        raise SourceFailedError("no network was lent to this connector")

    def public_url(self, address: str, params: Mapping[str, str] | None = None) -> str:
        """The address as it is."""
        return address

    async def query(self, name: str, record_type: str) -> tuple[str, ...] | None:
        """Fails."""
        raise SourceFailedError("no name server was lent to this connector")

    async def fetch(self, url: str) -> FetchOutcome:
        """Fails."""
        return FetchFailure("connect_failed", "no network was lent to this connector", url)
