"""The one DNS resolver of all connectors: stub queries to recursive servers, over UDP and TCP.

An answer is an answer (also "no such name"); a silent or failing server is never taken for one.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from tracewell.intrace.connectors.failures import (
    ConnectorError,
    RateLimitedError,
    SourceFailedError,
    TimedOutError,
)

RECORDS_MAX: Final = 200
TRY_S: Final = 2.0
ROUNDS_MAX: Final = 2
_EDNS_BYTES: Final = 1_232  # the DNS flag day's size: no fragments
_PORT: Final = 53


@dataclass(frozen=True, slots=True)
class NameServer:
    """A recursive name server."""

    address: str
    port: int = _PORT


def parse_name_server(text: str) -> NameServer:
    """`9.9.9.9`, `127.0.0.1:5353`, `[::1]:53`. Raises ValueError."""
    host, port = text.strip(), _PORT
    if host.startswith("[") or host.count(":") == 1:
        head, colon, tail = host.rpartition(":")
        if colon and tail.isascii() and tail.isdigit() and not tail.startswith("]"):
            host, port = head, int(tail)
    address = str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return NameServer(address, port)


def system_name_servers() -> tuple[NameServer, ...]:
    """Those of the machine (`/etc/resolv.conf`); none where it names none."""
    try:
        resolver = dns.resolver.Resolver(configure=True)
    except (dns.exception.DNSException, OSError):
        return ()
    return tuple(NameServer(str(server)) for server in resolver.nameservers)


class AskedDns:
    """`lent.Dns` for one question: `deadline` is the loop's time in seconds."""

    def __init__(self, servers: Sequence[NameServer], *, deadline: float) -> None:
        self._servers = servers
        self._deadline = deadline

    async def query(self, name: str, record_type: str) -> tuple[str, ...] | None:
        """As `lent.Dns`."""
        if not self._servers:
            raise SourceFailedError("no name server is configured")
        try:
            question = dns.message.make_query(
                dns.name.from_text(name), record_type, use_edns=0, payload=_EDNS_BYTES
            )
        except dns.exception.DNSException:
            raise SourceFailedError("the name cannot be asked for in the DNS") from None
        error: ConnectorError = TimedOutError("no name server answered in time")
        for server in [*self._servers] * ROUNDS_MAX:
            left_s = self._deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                raise TimedOutError("no name server answered in time")
            try:
                return await _ask(question, server, min(TRY_S, left_s))
            except ConnectorError as failure:
                error = failure
        raise error


async def _ask(
    question: dns.message.QueryMessage, server: NameServer, timeout_s: float
) -> tuple[str, ...] | None:
    try:
        response, _ = await dns.asyncquery.udp_with_fallback(
            question, server.address, timeout_s, server.port, ignore_unexpected=True
        )
    except dns.exception.Timeout:
        raise TimedOutError("no name server answered in time") from None
    except dns.exception.DNSException:
        raise SourceFailedError("the name server answered what is no DNS message") from None
    except (OSError, EOFError):
        raise SourceFailedError("no connection to the name server") from None
    code = response.rcode()
    if code == dns.rcode.NXDOMAIN:
        return None
    if code == dns.rcode.REFUSED:
        raise RateLimitedError("the name server refuses to answer")
    if code != dns.rcode.NOERROR:
        raise SourceFailedError(f"the name server failed ({dns.rcode.to_text(code)})")
    return _texts(response)


def _texts(response: dns.message.Message) -> tuple[str, ...]:
    assert isinstance(response, dns.message.QueryMessage)
    try:
        answer = response.resolve_chaining().answer
    except dns.exception.DNSException:
        raise SourceFailedError("the name server answered in a circle") from None
    if answer is None:
        return ()
    texts = []
    for record in list(answer)[:RECORDS_MAX]:
        if isinstance(record, TXT):
            texts.append(b"".join(record.strings).decode("utf-8", "replace"))
        else:
            texts.append(record.to_text())
    return tuple(sorted(texts))
