"""A name server on the loopback address, over UDP and TCP, that answers or misbehaves as told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Reply = Callable[[dns.message.Message, bool], bytes | None]
"""From a query, and whether it came over UDP, to the bytes of an answer; None is silence."""


@dataclass
class Zone:
    """Answers from a table of (name, type); `missing` are names that do not exist."""

    records: dict[tuple[str, str], list[str]]
    missing: set[str] = field(default_factory=set)
    truncates: bool = False

    def __call__(self, query: dns.message.Message, is_udp: bool) -> bytes:
        [question] = query.question
        name = question.name.to_text().rstrip(".").lower() or "."
        kind = dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.missing:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif self.truncates and is_udp:
            response.flags |= dns.flags.TC
        elif (name, kind) in self.records:
            texts = self.records[name, kind]
            response.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *texts))
        return response.to_wire()


def with_code(code: str) -> Reply:
    def reply(query: dns.message.Message, is_udp: bool) -> bytes:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.from_text(code))
        return response.to_wire()

    return reply


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        answer = self.reply(dns.message.from_wire(data), True)
        if answer is not None:
            self.transport.sendto(answer, address)


@contextlib.asynccontextmanager
async def serve_names(reply: Reply) -> AsyncIterator[int]:
    """The server's port for the time of a test."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            length = int.from_bytes(await reader.readexactly(2), "big")
            answer = reply(dns.message.from_wire(await reader.readexactly(length)), False)
            if answer is not None:
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        writer.close()

    tcp = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = tcp.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    udp, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(reply), local_addr=("127.0.0.1", port)
    )
    try:
        yield port
    finally:
        udp.close()
        tcp.close()
