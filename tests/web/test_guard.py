"""Nothing inside the operator's network is reached, whatever a URL, a name or a redirect says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tracewell.web.connecting import GuardedConnector
from tracewell.web.exchange import Fetched, FetchFailure
from tracewell.web.fetcher import Fetcher
from tracewell.web.guard import (
    AddressPolicy,
    AddressRefusedError,
    build_policy,
    find_refusal,
)
from tracewell.web.urls import BadUrlError

Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]

TRICKS = [
    # loopback, in every notation that a resolver or browser understands
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.127.127.127/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://00000177.0000.0000.0001/",
    "http://127.0.0.1./",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://0x0/",
    "http:127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http:///127.0.0.1/",
    "http://public.com@127.0.0.1/",
    "http://user:password@127.0.0.1:80/",
    "http://127.0.0.1\\@public.com/",
    "http://127.0.0.1#@public.com/",
    "http://127.0.0.1?@public.com/",
    "http://\t127.0.0.1/",
    "http://127.0.0\t.1/",
    # private and special ranges
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://0300.0250.0.1/",
    "http://3232235777/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    # metadata services
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://169.254.170.2/v2/credentials",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://100.100.100.200/",
    "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/",
    # IPv6, and IPv4 inside it
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[2606:4700::5efe:7f00:1]/",
    "http://[2606:4700::200:5efe:a00:1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    # names of this machine and this network
    "http://localhost/",
    "http://LOCALHOST./",
    "http://app.localhost/",
    "http://printer.local/",
    "http://router.lan/",
    "http://intranet/",
    "http://vault.home.arpa/",
    "http://db.corp/",
    "http://nas.home/",
    "http://host.localdomain/",
    "http://kubernetes.default.svc.cluster.local/",
    "http://hidden.onion/",
    # what other parsers read as something else
    "http://0x7f.0.1/",
    "http://0177.1/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://192.88.99.1/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://172.17.0.1/",
    "http://127.0.0.1:80/@public.com/",
    # ports
    "http://public.com:22/",
    "http://public.com:6379/",
    "https://public.com:8443/",
    "http://public.com:65535/",
]
NO_URLS = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "ftp://public.com/",
    "javascript:alert(1)",
    "data:text/html,x",
    "dict://127.0.0.1:11211/",
    "jar:http://127.0.0.1!/",
    "http://",
    "http://1.2.3.4.5/",
    "http://256.256.256.256/",
    "http://[::1",
    "http://[fe80::1%25eth0]/",
    "http://local\x00host/",
    "http://exa mple.com/",
    "http://public.com:99999/",
    "http://" + "a" * 300 + ".com/",
    "",
    "http://public.com/" + "a" * 9_000,
]


class ScriptedResolver(AbstractResolver):
    """Name resolution that an attacker controls: one list of addresses per question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("url", TRICKS)
def test_a_url_into_the_operators_network_is_refused(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        AddressPolicy().check_url(url)


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_web_url_is_refused_as_such(url: str) -> None:
    with pytest.raises(BadUrlError):
        AddressPolicy().check_url(url)


@pytest.mark.parametrize(
    "url, sent",
    [
        ("http://93.184.216.34/", "http://93.184.216.34/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("HTTPS://User:Pw@BÜCHER.de:443/a/../b#x", "https://xn--bcher-kva.de/b"),
        ("http://127.0.0.1.nip.io/", "http://127.0.0.1.nip.io/"),
        ("http://public.com\\@127.0.0.1/", "http://public.com/@127.0.0.1/"),
    ],
)
def test_a_public_url_passes_in_the_form_that_is_sent(url: str, sent: str) -> None:
    assert AddressPolicy().check_url(url) == sent


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "100.128.0.1"])
def test_public_addresses_are_not_refused(address: str) -> None:
    assert find_refusal(address) is None


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["10.1.2.3", "192.168.1.1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"]],
)
def test_a_name_that_resolves_inward_is_refused(fetcher: Build, addresses: list[str]) -> None:
    async def run() -> object:
        async with fetcher(resolver=ScriptedResolver(addresses)) as client:
            return await client.fetch("http://innocent.com/")

    outcome = asyncio.run(run())
    assert isinstance(outcome, FetchFailure)
    assert outcome.code == "address_refused"
    assert not any(address in outcome.message for address in addresses)


def test_of_mixed_answers_only_public_addresses_are_used() -> None:
    async def run() -> list[ResolveResult]:
        inner = ScriptedResolver(["127.0.0.1", "93.184.216.34", "10.0.0.1"])
        connector = GuardedConnector(AddressPolicy(), resolver=inner)
        try:
            return await connector._resolver.resolve("mixed.com", 80)
        finally:
            await connector.close()

    assert [found["host"] for found in asyncio.run(run())] == ["93.184.216.34"]


def test_a_name_that_turns_inward_between_two_requests_is_refused(
    fetcher: Build,
) -> None:
    """Every connection judges its own resolution: a name once found good stays nothing."""
    resolver = ScriptedResolver([], ["127.0.0.1"])

    async def run() -> list[object]:
        async with fetcher(resolver=resolver) as client:
            return [await client.fetch(f"http{s}://rebind.com/") for s in ("", "s")]

    first, second = asyncio.run(run())
    assert isinstance(first, FetchFailure)
    assert isinstance(second, FetchFailure)
    assert [first.code, second.code] == ["dns_failed", "address_refused"]
    assert resolver.asked == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/", "http://[::1]:80/", "http://10.0.0.1/"])
def test_the_socket_itself_is_walled_off_where_no_url_was_checked(url: str) -> None:
    async def run() -> None:
        connector = GuardedConnector(AddressPolicy())
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url):
            pass

    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        asyncio.run(run())
    assert isinstance(caught.value.os_error, AddressRefusedError)


def test_the_wall_lets_only_the_allowed_endpoint_through() -> None:
    policy = build_policy(["*.example=127.0.0.1:8480"])
    policy.check_endpoint("127.0.0.1", 8480)
    for address, port in [("127.0.0.1", 8481), ("127.0.0.2", 8480), ("93.184.216.34", 8480)]:
        with pytest.raises(AddressRefusedError):
            policy.check_endpoint(address, port)


def test_an_allow_entry_connects_by_name_to_exactly_its_address(
    fetcher: Build,
    serve: Serve,
    answer: Respond,
) -> None:
    async def run() -> tuple[object, list[bytes]]:
        async with serve({"/": answer(b"hello")}) as site, fetcher(site.allow) as client:
            outcome = await client.fetch("http://shop.example/")
            return outcome, site.heads

    outcome, heads = asyncio.run(run())
    assert isinstance(outcome, Fetched)
    assert outcome.capture.body == b"hello"
    assert outcome.exchanges[0].remote_address == "127.0.0.1"
    assert all(b"\r\nHost: shop.example\r\n" in head for head in heads)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/",
        "http://notexample/",
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://shop.example:9999/",
        "http://other.com:{port}/",
    ],
)
def test_an_allow_entry_opens_nothing_else(
    fetcher: Build,
    serve: Serve,
    answer: Respond,
    url: str,
) -> None:
    async def run() -> tuple[object, list[str]]:
        async with serve({"/": answer(b"hello")}) as site:
            inner = ScriptedResolver(["127.0.0.1"])
            async with fetcher(site.allow, resolver=inner) as client:
                return await client.fetch(url.format(port=site.port)), site.requests

    outcome, requests = asyncio.run(run())
    assert isinstance(outcome, FetchFailure)
    assert outcome.code == "address_refused"
    assert requests == []


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "//169.254.169.254/latest/meta-data/",
        "http://inward.com/",
        "http://shop.example:22/",
        "https://127.0.0.1:{port}/",
    ],
)
def test_a_redirect_inward_is_refused_at_its_hop(
    fetcher: Build,
    serve: Serve,
    answer: Respond,
    location: str,
) -> None:
    async def run() -> tuple[object, list[str]]:
        routes: dict[str, bytes] = {}
        async with serve(routes) as site:
            to = location.format(port=site.port)
            routes["/"] = answer(b"", f"Location: {to}", status="302 Found")
            inner = ScriptedResolver(["10.0.0.1"])
            async with fetcher(site.allow, resolver=inner) as client:
                return await client.fetch("http://shop.example/"), site.requests

    outcome, requests = asyncio.run(run())
    assert isinstance(outcome, FetchFailure)
    assert outcome.code == "address_refused"
    assert len(outcome.exchanges) == 1
    assert requests == ["/robots.txt", "/"]


def test_proxy_variables_of_the_environment_are_ignored(
    fetcher: Build,
    serve: Serve,
    answer: Respond,
    dead_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{dead_port}")

    async def run() -> object:
        async with serve({"/": answer(b"direct")}) as site, fetcher(site.allow) as client:
            return await client.fetch("http://shop.example/")

    outcome = asyncio.run(run())
    assert isinstance(outcome, Fetched)
    assert outcome.capture.body == b"direct"
