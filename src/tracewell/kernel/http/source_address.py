"""The address that a request came from: the peer's, or what a trusted proxy says of its client.

Forwarded headers are claims of whoever sends them. They are believed only as far as they were
written by trusted proxies: from the right, and never beyond the first address that is not one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Literal

ForwardingHeader = Literal["x-forwarded-for", "forwarded"]

HOPS_MAX = 32
"""Proxies that a request may have passed; what stands left of them is not looked at."""

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_NODE = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:\[\]]*))(?::\d{1,5})?")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word
_PAIR = rf'{_TOKEN}=(?:{_TOKEN}|"[^"\\]*")'
_ELEMENT = re.compile(rf"\s*{_PAIR}(?:\s*;\s*{_PAIR})*\s*;?\s*")
_FOR = re.compile(rf'(?:^|;)\s*for=(?:"([^"\\]*)"|({_TOKEN}))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Networks whose forwarded addresses are believed, and the one header that they write.

    Only one: a proxy that sets `X-Forwarded-For` hands a `Forwarded` of its client through.
    """

    networks: tuple[_Network, ...]
    header: ForwardingHeader = "x-forwarded-for"

    def source_of(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The first address from the right that is not a trusted proxy's.

        A hop that is no address (`unknown`, `_hidden`, garbage) ends the search: told is the
        trusted proxy that reported it. Header names are in lower case, as in ASGI.
        """
        source = _find_address(peer or "")
        if source is None or not self._trusts(source):
            return peer
        name = self.header.encode()
        lines = [value.decode("latin-1") for key, value in headers if key == name]
        for count, hop in enumerate(self._hops(lines)):
            address = _find_node(hop) if count < HOPS_MAX else None
            if address is None:
                break
            source = address
            if not self._trusts(address):
                break
        return str(source)

    def _hops(self, lines: list[str]) -> Iterator[str]:
        for line in reversed(lines):
            if self.header == "forwarded":
                yield from _iter_forwarded(line)
            else:
                yield from reversed(line.split(","))

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self.networks)


def parse_networks(text: str) -> tuple[_Network, ...]:
    """Comma-separated addresses and CIDR networks. Raises ValueError that says which is wrong."""
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ip_network(part)
        except ValueError as error:
            raise ValueError(f"{part!r} is neither an address nor a CIDR network") from error
        if network.prefixlen == 0:
            raise ValueError(f"{part!r} would believe whatever anybody claims")
        networks.append(network)
    return tuple(networks)


def _iter_forwarded(line: str) -> Iterator[str]:
    """The `for` of each element (RFC 7239), from the right; one that is malformed is empty.

    Read from the right, so that an open quote of the client cannot swallow what a proxy appended.
    """
    end = len(line)
    while end >= 0:
        begin = line.rfind(",", 0, end)
        while begin >= 0 and not _ELEMENT.fullmatch(line, begin + 1, end):
            begin = line.rfind(",", 0, begin)  # this comma may stand within quotes
        if not _ELEMENT.fullmatch(line, begin + 1, end):
            yield ""
            return
        found = _FOR.search(line[begin + 1 : end])
        yield (found.group(1) or found.group(2) or "") if found else ""
        end = begin
        if begin < 0:
            return


def _find_node(text: str) -> _Address | None:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`."""
    text = text.strip()
    match = _NODE.fullmatch(text)
    if match is None:
        return _find_address(text)
    if match["v6"] is not None:
        return _find_address(match["v6"]) if ":" in match["v6"] else None
    return _find_address(match["v4"])


def _find_address(text: str) -> _Address | None:
    if "%" in text:  # a zone has a meaning on one machine only
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket of both families tells IPv4 peers in this form.
    return getattr(address, "ipv4_mapped", None) or address
