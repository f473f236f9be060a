"""From names to addresses: the system's resolution, or name servers of our own choice, guarded.

What an address is worth is judged in `guard`; DNS records as evidence are in `records`.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import dns.asyncresolver
import dns.exception
import dns.resolver
from aiohttp.abc import AbstractResolver, ResolveResult

from tracewell.web.guard import AddressPolicy, AddressRefusedError


class SystemResolver(AbstractResolver):
    """The system's own name resolution, in threads of its own.

    The event loop's default threads are few and serve everything; a handful of dead name servers
    would hold them all, and with them every other host.
    """

    def __init__(self, threads: int = 64) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of `host`. Raises OSError when there is none."""
        infos = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            partial(
                socket.getaddrinfo,
                host,
                port,
                family,
                socket.SOCK_STREAM,
                flags=socket.AI_ADDRCONFIG,
            ),
        )
        return [_result(host, str(to[0]), port, of) for of, _, _, _, to in infos]

    async def close(self) -> None:
        """Take no more questions; those under way are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class NameServerResolver(AbstractResolver):
    """Resolution by the name servers that the operator names, past the system's own."""

    def __init__(self, asking: dns.asyncresolver.Resolver) -> None:
        self._asking = asking

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of `host`. Raises OSError when there is none."""
        try:
            answers = await self._asking.resolve_name(host, family, search=False)
        except dns.exception.DNSException as error:
            raise OSError(f"{host} does not resolve: {type(error).__name__}") from error
        return [
            _result(host, address, port, socket.AddressFamily(of))
            for address, of in answers.addresses_and_families()
        ]

    async def close(self) -> None:
        """Nothing stays open between two questions."""


class GuardedResolver(AbstractResolver):
    """Resolves through `inner` and hands on only addresses that the policy lets pass.

    Hosts of an allow entry are never resolved: they are at the entry's address and port.
    """

    def __init__(self, policy: AddressPolicy, inner: AbstractResolver) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises `AddressRefusedError` when none of them may be reached."""
        entry = self._policy.find_allow(host)
        if entry is not None:
            address, to_port = entry.connect_to
            of = socket.AF_INET6 if ":" in address else socket.AF_INET
            return [_result(host, address, to_port, of)]
        refusal: AddressRefusedError | None = None
        passed: list[ResolveResult] = []
        for found in await self._inner.resolve(host, port, family):
            try:
                self._policy.check_address(host, found["host"])
            except AddressRefusedError as error:
                refusal = error
            else:
                passed.append(found)
        if not passed:
            raise refusal or OSError(f"{host} has no address")
        return passed

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def _result(host: str, address: str, port: int, family: socket.AddressFamily) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )
