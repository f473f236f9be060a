"""DNS from a real name server: rebinding is refused, records are read, kept and detected in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.web.name_server import NameServer, is_here, serving

from tracewell.detection import detect, load_fingerprints
from tracewell.values import Capture
from tracewell.web.archive import iter_captures, parse_capture_id, read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.crawl import crawl_domain
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher
from tracewell.web.guard import AddressPolicy, AddressRefusedError
from tracewell.web.records import (
    DnsLookup,
    RecordsReader,
    build_resolver,
    parse_nameserver,
)
from tracewell.web.resolving import GuardedResolver, NameServerResolver

NOW_MS = 1_780_324_332_123
Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]

SHOP = """
@ NS ns1.dns-host.net.
@ A 93.184.216.34
@ AAAA 2606:2800:220:1::1
@ MX 10 aspmx.mail-host.com.
@ MX 20 alt1.mail-host.com.
@ TXT "v=spf1 include:_spf.mail-host.com" " ~all"
@ TXT "widget-verification=abc123"
@ CAA 0 issue "acme-trust.example"
_dmarc TXT "v=DMARC1; p=none"
www CNAME @
shop CNAME shops.shop-host.com.
status A 93.184.216.35
long TXT {long}
"""
ZONES = {
    "shop.example": SHOP.replace("{long}", " ".join(f'"{"x" * 250}"' for _ in range(12))),
    "rebind.com": "@ A 93.184.216.34\nboth A 93.184.216.34\nboth AAAA ::1\nchain CNAME in\n"
    "in A 127.0.0.1\nloop CNAME pool\npool CNAME loop\nmapped AAAA ::ffff:10.0.0.1",
    "bad.com": "@ A 127.0.0.1",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    if not is_here():
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Knot DNS here")
        pytest.skip("there is no Knot DNS here")
    with serving(tmp_path_factory.mktemp("names"), ZONES) as server:
        yield server


def guarded(names: NameServer) -> GuardedResolver:
    return GuardedResolver(AddressPolicy(), NameServerResolver(build_resolver([names.address])))


def resolve(names: NameServer, host: str) -> list[str]:
    found = asyncio.run(guarded(names).resolve(host, 80))
    return [address["host"] for address in found]


def test_a_public_name_is_resolved_by_the_named_server(names: NameServer) -> None:
    assert sorted(resolve(names, "www.shop.example")) == ["2606:2800:220:1::1", "93.184.216.34"]


def test_of_a_name_that_leads_in_and_out_only_the_way_out_is_taken(names: NameServer) -> None:
    assert resolve(names, "both.rebind.com") == ["93.184.216.34"]


@pytest.mark.parametrize(
    "host", ["bad.com", "in.rebind.com", "chain.rebind.com", "mapped.rebind.com"]
)
def test_a_name_that_leads_inward_is_refused(names: NameServer, host: str) -> None:
    with pytest.raises(AddressRefusedError):
        resolve(names, host)


@pytest.mark.parametrize("host", ["loop.rebind.com", "none.rebind.com", "no-such-zone.org"])
def test_a_name_without_address_has_no_address(names: NameServer, host: str) -> None:
    with pytest.raises(OSError, match="resolve") as caught:
        resolve(names, host)
    assert not isinstance(caught.value, AddressRefusedError)


def test_a_name_that_is_rebound_between_two_connections_is_refused_at_the_second(
    names: NameServer, fetcher: Build
) -> None:
    """Judged good once, then pointed inward: what was judged before counts for nothing."""
    inward = socket.create_server(("127.0.0.1", 0))
    inward.setblocking(False)

    async def run() -> tuple[list[str], FetchOutcome]:
        resolver = NameServerResolver(build_resolver([names.address]))
        async with fetcher(resolver=resolver) as client:
            before = await GuardedResolver(client.policy, resolver).resolve("rebind.com", 80)
            await asyncio.to_thread(names.set, "rebind.com", "rebind.com.", "A", "127.0.0.1")
            return [found["host"] for found in before], await client.fetch("http://rebind.com/")

    with inward:
        before, outcome = asyncio.run(run())
        with pytest.raises(BlockingIOError):
            inward.accept()
    assert before == ["93.184.216.34"]
    assert isinstance(outcome, FetchFailure)
    assert outcome.code == "address_refused"


def crawl(
    names: NameServer, fetcher: Build, serve: Serve, answer: Respond, folder: Path
) -> CrawlResult:
    async def run() -> CrawlResult:
        routes = {"/": answer(b"<p>up</p>", "Content-Type: text/html")}
        async with serve(routes) as site, fetcher(site.allow) as client:
            with ArchiveWriter(folder, lambda: NOW_MS) as writer:
                asking = build_resolver([names.address])
                records = RecordsReader(asking, lambda: NOW_MS, asks_for_allowed=True)
                tools = CrawlTools(client, writer, lambda: NOW_MS, records)
                return await crawl_domain("shop.example", tools)

    return asyncio.run(run())


def test_a_crawl_reads_the_records_of_the_domain_and_keeps_them(
    names: NameServer, fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    result = crawl(names, fetcher, serve, answer, tmp_path)
    assert result.has_answered
    assert result.notes == ()
    lookups = {capture.url: capture for capture in result.captures if capture.dns}
    assert {url: dict(capture.dns) for url, capture in lookups.items()} == {
        "dns:shop.example?type=A": {"A": ("93.184.216.34",)},
        "dns:shop.example?type=AAAA": {"AAAA": ("2606:2800:220:1::1",)},
        "dns:shop.example?type=NS": {"NS": ("ns1.dns-host.net",)},
        "dns:shop.example?type=MX": {"MX": ("aspmx.mail-host.com", "alt1.mail-host.com")},
        "dns:shop.example?type=TXT": {
            "TXT": ("v=spf1 include:_spf.mail-host.com ~all", "widget-verification=abc123")
        },
        "dns:shop.example?type=SOA": {"SOA": ("ns.shop.example",)},
        "dns:shop.example?type=CAA": {"CAA": ('0 issue "acme-trust.example"',)},
        "dns:_dmarc.shop.example?type=TXT": {"TXT": ("v=DMARC1; p=none",)},
        "dns:www.shop.example?type=CNAME": {"CNAME": ("shop.example",)},
        "dns:shop.shop.example?type=CNAME": {"CNAME": ("shops.shop-host.com",)},
    }
    (path,) = tmp_path.glob("*.warc.gz")
    archived = list(iter_captures(path, lambda *_: pytest.fail("broken archive")))
    assert set(map(_place, result.captures)) <= set(map(_place, archived))
    for capture in result.captures:
        name, offset = parse_capture_id(capture.capture_id)
        assert read_capture(tmp_path / name, offset) == capture


def _place(capture: Capture) -> str:
    return capture.capture_id


def test_a_fingerprint_over_dns_finds_its_technology_in_the_archived_record(
    names: NameServer, fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    result = crawl(names, fetcher, serve, answer, tmp_path / "archive")
    folder = tmp_path / "fingerprints" / "technologies"
    folder.mkdir(parents=True)
    (folder / "w.json").write_text(
        '{"Widget": {"cats": [1], "website": "https://widget.example", "dns": '
        '{"TXT": "^widget-verification=", "MX": "\\\\.mail-host\\\\.com$"}}}'
    )
    (tmp_path / "fingerprints" / "categories.json").write_text(
        '{"1": {"name": "X", "priority": 1}}'
    )
    fingerprints = load_fingerprints(tmp_path / "fingerprints")
    found = {
        (evidence.kind, evidence.name)
        for capture in result.captures
        for use in detect(capture, fingerprints).uses
        for evidence in use.evidence
    }
    assert found == {("dns", "TXT"), ("dns", "MX")}


def test_an_answer_too_long_for_a_datagram_is_asked_for_over_tcp(names: NameServer) -> None:
    async def run() -> str:
        answer = await build_resolver([names.address]).resolve("long.shop.example", "TXT")
        return str(answer[0])

    assert asyncio.run(run()).count("x") == 3_000


def test_a_dead_name_server_is_noted_and_fails_nothing(dead_port: int) -> None:
    async def run() -> tuple[list[DnsLookup], list[str]]:
        asking = build_resolver([f"127.0.0.1:{dead_port}"])
        reader = RecordsReader(asking, lambda: NOW_MS, total_timeout_s=0.3)
        return await reader.read("shop.example")

    lookups, problems = asyncio.run(run())
    assert lookups == []
    assert problems[-1] == "the name servers took too long"


def test_the_domains_of_an_allow_entry_are_asked_of_no_public_server(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path, dead_port: int
) -> None:
    async def run() -> CrawlResult:
        async with serve({"/": answer(b"up")}) as site, fetcher(site.allow) as client:
            with ArchiveWriter(tmp_path, lambda: NOW_MS) as writer:
                records = RecordsReader(build_resolver([f"127.0.0.1:{dead_port}"]), lambda: NOW_MS)
                tools = CrawlTools(client, writer, lambda: NOW_MS, records)
                return await crawl_domain("shop.example", tools)

    assert asyncio.run(run()).notes == ()


@pytest.mark.parametrize(
    "text, parsed",
    [
        ("9.9.9.9", ("9.9.9.9", 53)),
        (" 127.0.0.1:5353 ", ("127.0.0.1", 5353)),
        ("2620:fe::fe", ("2620:fe::fe", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_a_name_server_is_an_address_and_a_port(text: str, parsed: tuple[str, int]) -> None:
    assert parse_nameserver(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "dns.example", "9.9.9.9:0", "9.9.9.9:70000", "[::1]:x", "1.1"]
)
def test_what_is_no_name_server_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="name server"):
        parse_nameserver(text)


def test_records_of_a_hostile_zone_come_back_bounded_and_whole() -> None:
    lines = tuple(f'x.example. 0 IN TXT "{n}\\000\\255 \\"q\\""' for n in range(500))
    lookup = DnsLookup("x.example", "TXT", (*lines, "no record", "x 0 IN A 999.1.1.1"), NOW_MS)
    capture = lookup.capture()
    assert len(capture.dns["TXT"]) == 100
    assert capture.dns["TXT"][0] == '0\x00\ufffd "q"'
    assert set(capture.dns) == {"TXT"}


def test_fetching_by_name_goes_through_the_named_server(names: NameServer, fetcher: Build) -> None:
    async def run() -> FetchOutcome:
        resolver = NameServerResolver(build_resolver([names.address]))
        async with fetcher(resolver=resolver) as client:
            return await client.fetch("http://no-such-zone.org/")

    outcome = asyncio.run(run())
    assert not isinstance(outcome, Fetched)
    assert outcome.code == "dns_failed"
