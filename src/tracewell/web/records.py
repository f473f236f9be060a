"""DNS records of a domain as evidence: asked through dnspython, kept in the form of text/dns.

Resolving names in order to connect is in `resolving`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT

from tracewell.values import Capture

DOMAIN_TYPES = ("A", "AAAA", "NS", "MX", "TXT", "SOA", "CAA")
WELL_KNOWN_HOSTS = (
    "www", "blog", "shop", "store", "help", "support", "docs", "status", "careers", "jobs", "go",
    "email",
)  # fmt: skip
RECORDS_MAX = 50
RECORD_CHARS_MAX = 4_096
LOOKUPS_AT_ONCE = 4
NAMESERVERS_MAX = 8


@dataclass(frozen=True, slots=True)
class DnsLookup:
    """One question that had an answer: `lines` are master-file lines (RFC 1035, 5; RFC 4027).

    `looked_up_at` is milliseconds since the epoch. CNAMEs on the way are lines too.
    """

    name: str
    type: str
    lines: tuple[str, ...]
    looked_up_at: int

    @property
    def url(self) -> str:
        """The question as a `dns:` URI (RFC 4501)."""
        return f"dns:{self.name}?type={self.type}"

    @property
    def text(self) -> bytes:
        """The answer as text/dns."""
        return "".join(f"{line}\r\n" for line in self.lines).encode("utf-8", "replace")

    def capture(self, capture_id: str = "") -> Capture:
        """The lookup as detection sees it."""
        return build_dns_capture(self.url, self.text, self.looked_up_at, capture_id)


def build_dns_capture(url: str, text: bytes, captured_at: int, capture_id: str) -> Capture:
    """A capture of a text/dns record; lines that are no records are left out of `dns`."""
    found: dict[str, list[str]] = {}
    for line in text.decode("utf-8", "replace").splitlines()[: 2 * RECORDS_MAX]:
        parsed = _parse_line(line)
        if parsed is not None:
            found.setdefault(parsed[0], []).append(parsed[1])
    return Capture(
        url=url,
        status=200,
        headers=(("Content-Type", "text/dns"),),
        body=text,
        captured_at=captured_at,
        capture_id=capture_id,
        dns={kind: tuple(values) for kind, values in found.items()},
    )


class RecordsReader:
    """Looks up what a domain tells about itself in DNS.

    `asks_for_allowed`: also for domains behind an allow entry, which the web's DNS does not know.
    """

    def __init__(
        self,
        asking: dns.asyncresolver.Resolver,
        clock: Callable[[], int],
        *,
        asks_for_allowed: bool = False,
        total_timeout_s: float = 10.0,
    ) -> None:
        self.asks_for_allowed = asks_for_allowed
        self._asking = asking
        self._clock = clock
        self._total_timeout_s = total_timeout_s

    async def read(self, domain: str) -> tuple[list[DnsLookup], list[str]]:
        """The lookups that had answers, in a fixed order, and what failed, in words."""
        questions = list(_iter_questions(domain))
        at_once = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        answers: list[DnsLookup | str | None] = [None] * len(questions)

        async def ask(position: int) -> None:
            async with at_once:
                answers[position] = await self._ask(*questions[position])

        try:
            async with asyncio.timeout(self._total_timeout_s), asyncio.TaskGroup() as group:
                for position in range(len(questions)):
                    group.create_task(ask(position))
        except TimeoutError:
            answers.append("the name servers took too long")
        found = [answer for answer in answers if isinstance(answer, DnsLookup)]
        return found, [answer for answer in answers if isinstance(answer, str)]

    async def _ask(self, name: str, kind: str) -> DnsLookup | str | None:
        try:
            answer = await self._asking.resolve(name, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return None
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            return f"{kind} of {name}: {type(error).__name__}"
        if answer.rrset is None:
            return None
        lines = [
            line[:RECORD_CHARS_MAX]
            for rrset in answer.response.answer
            # Servers turn the records of a name round and round; their order says nothing.
            for line in sorted(rrset.to_text().splitlines())
        ]
        return DnsLookup(name, kind, tuple(lines[:RECORDS_MAX]), self._clock())


def build_resolver(nameservers: Sequence[str] = ()) -> dns.asyncresolver.Resolver:
    """A resolver that asks these servers (`address`, `address:port`, `[address]:port`).

    Without any, those of `/etc/resolv.conf`. Raises ValueError saying which text is no server.
    """
    if not nameservers:
        try:
            asking = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            asking = dns.asyncresolver.Resolver(configure=False)
    else:
        asking = dns.asyncresolver.Resolver(configure=False)
        servers = [parse_nameserver(text) for text in nameservers[:NAMESERVERS_MAX]]
        asking.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in servers]
    asking.timeout = 2.0
    asking.lifetime = 5.0
    return asking


def parse_nameserver(text: str) -> tuple[str, int]:
    """Address and port (53 where none is said). Raises ValueError."""
    host, port = text.strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError as error:
        raise ValueError(f"a name server is an IP address, not {text!r}") from error
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"a name server's port is from 1 to 65535, not {text!r}")
    return address, int(port)


def _iter_questions(domain: str) -> Iterator[tuple[str, str]]:
    for kind in DOMAIN_TYPES:
        yield domain, kind
    yield f"_dmarc.{domain}", "TXT"
    for host in WELL_KNOWN_HOSTS:
        yield f"{host}.{domain}", "CNAME"


def _parse_line(line: str) -> tuple[str, str] | None:
    """Type and value of a master-file line, the value as people write it: no quotes, no dots."""
    parts = line.split(None, 4)
    if len(parts) != 5:
        return None
    try:
        kind = dns.rdatatype.from_text(parts[3])
        data = dns.rdata.from_text(dns.rdataclass.IN, kind, parts[4], relativize=False)
    except (dns.exception.DNSException, ValueError):
        return None
    name = dns.rdatatype.to_text(kind)
    if isinstance(data, TXT):
        return name, b"".join(data.strings).decode("utf-8", "replace")
    if isinstance(data, MX):
        return name, data.exchange.to_text(omit_final_dot=True)
    if isinstance(data, SOA):
        return name, data.mname.to_text(omit_final_dot=True)
    return name, data.to_text().removesuffix(".")
