"""Which addresses may be reached: judged in the URL, after resolution, and again at connect.

User-supplied domains never reach the operator's network. The only holes are `Allow` entries, each
of which leads one host pattern to one address. No I/O: names are resolved in `resolving`, sockets
opened in `connecting`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracewell.web.urls import BadUrlError, host_of, parse_url, port_of

WEB_PORTS = frozenset({80, 443})

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's special-purpose registries, written out so that the verdict does not hang on the Python
# version; longest prefix is not needed, every entry is a refusal.
_REFUSED_V4 = tuple(
    (ipaddress.IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_REFUSED_V6 = tuple(
    (ipaddress.IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard-only"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
# Interface identifiers 0:5efe:a.b.c.d and 200:5efe:a.b.c.d hold an IPv4 address (RFC 5214).
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})

# Names that mean this machine or this network wherever they are asked (RFC 6761, 6762, 8375, 9476).
_LOCAL_SUFFIXES = (
    "localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp",
    "home.arpa", "alt", "onion",
)  # fmt: skip
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)+")


class AddressRefusedError(OSError):
    """An address or name that this installation does not connect to."""


def find_refusal(address: str) -> str | None:
    """Why the address may not be reached, or None. Raises ValueError when it is no address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        listed = next((why for network, why in _REFUSED_V4 if ip in network), None)
        return listed or (None if ip.is_global else "not a global address")
    listed = next((why for network, why in _REFUSED_V6 if ip in network), None)
    if listed is not None:
        return listed
    if ip not in _GLOBAL_V6:
        return "not a global address"
    if int(ip) >> 32 & 0xFFFFFFFF in _ISATAP_MARKS:
        return "ISATAP"
    return None if ip.is_global else "not a global address"


@dataclass(frozen=True, slots=True)
class Allow:
    """Hosts of a pattern are connected to exactly this address, whatever their names resolve to.

    `host_pattern` is a name, or `*.` and a name for everything below it; never an address.
    """

    host_pattern: str
    connect_to: tuple[str, int]

    def matches(self, host: str) -> bool:
        """Whether the entry opens the way to `host` (lower case, no final dot)."""
        if self.host_pattern.startswith("*."):
            return host.endswith(self.host_pattern[1:]) and len(host) >= len(self.host_pattern)
        return host == self.host_pattern


def parse_allow(text: str) -> Allow:
    """`*.example=127.0.0.1:8480`, `a.example=[::1]:8480`. Raises ValueError saying what is bad."""
    pattern, equals, target = text.strip().partition("=")
    pattern = pattern.strip().lower()
    host, colon, port_text = target.strip().rpartition(":")
    if not (equals and colon):
        raise ValueError(f"an allow entry reads pattern=address:port, not {text!r}")
    is_wide = pattern.startswith("*.") and _NAME.fullmatch(pattern[2:] + ".x") is not None
    if not (is_wide or _NAME.fullmatch(pattern)) or pattern.rpartition(".")[2].isdigit():
        raise ValueError(f"an allow entry opens a host name or *.name, not {pattern!r}")
    try:
        address = str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError as error:
        raise ValueError(f"an allow entry leads to an IP address, not {host!r}") from error
    if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65536):
        raise ValueError(f"an allow entry leads to a port from 1 to 65535, not {port_text!r}")
    return Allow(pattern, (address, int(port_text)))


@dataclass(frozen=True)
class AddressPolicy:
    """What may be reached: the public web on ports 80 and 443, and the allow entries."""

    allow: tuple[Allow, ...] = ()

    def find_allow(self, host: str) -> Allow | None:
        """The first entry whose pattern matches."""
        name = host.rstrip(".")
        return next((entry for entry in self.allow if entry.matches(name)), None)

    def check_url(self, text: str) -> str:
        """The URL in the one form that is sent.

        Raises `BadUrlError` when it is none, `AddressRefusedError` when its host, literal address
        or port is out of bounds. Names are judged again once they are resolved.
        """
        url = parse_url(text)
        host, port = host_of(url), port_of(url)
        entry = self.find_allow(host)
        if entry is not None:
            if port not in WEB_PORTS and port != entry.connect_to[1]:
                raise AddressRefusedError(f"port {port} is not open for {host}")
            return url
        if port not in WEB_PORTS:
            raise AddressRefusedError(f"port {port} is not a web port (80, 443)")
        self._check_host(host)
        return url

    def check_address(self, host: str, address: str) -> None:
        """Raise `AddressRefusedError` when `host` resolved to an address out of bounds."""
        try:
            why = find_refusal(address)
        except ValueError as error:
            raise AddressRefusedError(f"{host} resolves to no IP address") from error
        if why is not None:
            raise AddressRefusedError(f"{host} leads to a refused address ({why})")

    def check_endpoint(self, address: str, port: int) -> None:
        """The last wall, right before connect: the very address and port that the socket gets."""
        if any(entry.connect_to == (address, port) for entry in self.allow):
            return
        self.check_address("the host", address)
        if port not in WEB_PORTS:
            raise AddressRefusedError(f"port {port} is not a web port (80, 443)")

    def _check_host(self, host: str) -> None:
        if ":" in host or host.replace(".", "").isdigit():
            self.check_address(host, host)
            return
        if "." not in host:
            raise AddressRefusedError(f"{host!r} is a name without a domain")
        if any(host.endswith("." + suffix) for suffix in _LOCAL_SUFFIXES):
            raise AddressRefusedError(f"{host!r} is a name of the local network")
        if len(host) > 253 or any(not 0 < len(label) < 64 for label in host.split(".")):
            raise BadUrlError(f"{host[:80]!r} is not a host name")


def build_policy(entries: Iterable[Allow | str]) -> AddressPolicy:
    """A policy from entries or their text form. Raises ValueError on bad text."""
    return AddressPolicy(tuple(parse_allow(e) if isinstance(e, str) else e for e in entries))
