"""From a domain to archived captures, against real servers; what fails stays with its domain."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tracewell.values import Capture
from tracewell.web.archive import iter_captures, parse_capture_id, read_capture
from tracewell.web.archive_writer import ArchiveWriter
from tracewell.web.client import FetchLimits
from tracewell.web.crawl import crawl_domain, crawl_many
from tracewell.web.crawl_model import CrawlResult, CrawlTools
from tracewell.web.fetcher import Fetcher, Manners
from tracewell.web.pages import Link, choose_pages, list_links, list_sitemap_urls

NOW_MS = 1_780_324_332_123
SAMPLE_SERVER = Path(__file__).parents[2] / "examples" / "web" / "server.py"
Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]

HOME = b"""<!doctype html><title>Shop</title>
<nav><a href="/partners/">Partners</a> <a href="about.html">Who we are</a>
<a href="/careers">Jobs</a> <a href="https://elsewhere.com/partners">Partners</a>
<a href="/blog/2026/our-partners-in-crime">A story</a> <a href="/partners.pdf">Partners</a>
<a href="mailto:x@shop.example">Contact</a> <a href="/private/customers">Customers</a></nav>"""


def crawl(
    fetcher: Build, serve: Serve, routes: Mapping[str, Any], archive: Path, **options: Any
) -> tuple[CrawlResult, list[str]]:
    async def run() -> tuple[CrawlResult, list[str]]:
        async with serve(routes) as site, fetcher(site.allow, **options) as client:
            with ArchiveWriter(archive, lambda: NOW_MS) as writer:
                result = await crawl_domain(
                    "shop.example", CrawlTools(client, writer, lambda: NOW_MS)
                )
            return result, site.requests

    return asyncio.run(run())


def html(answer: Respond, body: bytes, *headers: str) -> bytes:
    return answer(body, "Content-Type: text/html; charset=utf-8", *headers)


def test_a_crawl_takes_robots_home_and_the_pages_that_promise(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    routes = {
        "/robots.txt": answer(b"User-agent: *\nDisallow: /private\n"),
        "/": html(answer, HOME),
        "/partners/": html(answer, b"<p>ours</p>"),
        "/careers": html(answer, b"<p>jobs</p>"),
        "/about.html": html(answer, b"<p>us</p>"),
    }
    result, requests = crawl(fetcher, serve, routes, tmp_path)
    base = "http://shop.example"
    assert result.home_url == f"{base}/"
    assert [(choice.promise, choice.url) for choice in result.choices] == [
        ("partners", f"{base}/partners/"),
        ("customers", f"{base}/private/customers"),
        ("careers", f"{base}/careers"),
        ("about", f"{base}/about.html"),
    ]
    assert result.choices[0].reason == (
        "its address says 'partners' and its link reads 'Partners' (page)"
    )
    assert [capture.url for capture in result.captures] == [
        f"{base}/robots.txt", f"{base}/", f"{base}/partners/", f"{base}/careers",
        f"{base}/about.html",
    ]  # fmt: skip
    assert [(failure.code, failure.url) for failure in result.failures] == [
        ("robots_disallowed", f"{base}/private/customers")
    ]
    assert requests.count("/robots.txt") == 1
    assert "/private/customers" not in requests


def test_every_capture_leads_back_to_the_same_capture_in_the_archive(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    packed = gzip.compress(HOME)
    routes = {
        "/": answer(b"", "Location: /home", "Set-Cookie: a=1", status="302 Found"),
        "/home": html(answer, packed, "Content-Encoding: gzip", "Set-Cookie: b=2"),
        "/careers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n"
                    b"\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
    }  # fmt: skip
    result, _ = crawl(fetcher, serve, routes, tmp_path)
    assert result.has_answered
    assert b"onetwo" in {capture.body for capture in result.captures}
    for capture in result.captures:
        name, offset = parse_capture_id(capture.capture_id)
        assert read_capture(tmp_path / name, offset) == capture
    (path,) = tmp_path.iterdir()
    archived = list(iter_captures(path, lambda *_: pytest.fail("broken archive")))
    assert set(map(_place, result.captures)) < set(map(_place, archived))
    # The redirect itself is evidence too, though no page.
    assert [capture.status for capture in archived][:3] == [404, 302, 200]


def _place(capture: Capture) -> str:
    return capture.capture_id


def test_the_sitemap_fills_what_the_home_page_does_not_link_to(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    index = b"<sitemapindex><sitemap><loc>http://shop.example/pages.xml.gz</loc></sitemap>" + (
        b"<sitemap><loc>http://elsewhere.com/s.xml</loc></sitemap></sitemapindex>"
    )
    pages = b"""<urlset><url><loc>http://shop.example/de/unternehmen/partner</loc></url>
        <url><loc><![CDATA[http://shop.example/integrations?a=1&amp;b=2]]></loc></url>
        <url><loc>http://elsewhere.com/careers</loc></url></urlset>"""
    routes = {
        "/robots.txt": answer(b"Sitemap: http://shop.example/index.xml\n"),
        "/": html(answer, b"<a href='/impressum'>Impressum</a>"),
        "/index.xml": answer(index),
        "/pages.xml.gz": answer(gzip.compress(pages)),
        "/de/unternehmen/partner": html(answer, b"p"),
        "/integrations?a=1&b=2": html(answer, b"i"),
        "/impressum": html(answer, b"c"),
    }
    result, _ = crawl(fetcher, serve, routes, tmp_path)
    assert [(choice.promise, choice.url.removeprefix("http://shop.example")) for choice in
            result.choices] == [
        ("partners", "/de/unternehmen/partner"),
        ("integrations", "/integrations?a=1&b=2"),
        ("contact", "/impressum"),
    ]  # fmt: skip
    assert result.choices[0].reason == "its address says 'partner' (sitemap)"
    assert result.failures == ()


def test_a_site_of_broken_pages_gives_what_can_be_had(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    bomb = gzip.compress(bytes(50 << 20))
    routes = {
        "/": html(answer, HOME),
        "/partners/": html(answer, bomb, "Content-Encoding: gzip"),
        "/careers": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\ncut",
        "/about.html": answer(b"", "Location: http://127.0.0.1/", status="302 Found"),
        "/private/customers": html(answer, b"fine"),
    }
    result, _ = crawl(fetcher, serve, routes, tmp_path)
    assert {failure.code for failure in result.failures} == {
        "too_large", "connection_lost", "address_refused",
    }  # fmt: skip
    assert [capture.body for capture in result.captures][-1] == b"fine"


def test_a_dead_or_slow_domain_never_holds_the_rest(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path, dead_port: int
) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def run() -> list[CrawlResult]:
        good = {"/": html(answer, b"<p>up</p>")}
        async with serve(good) as site, serve({"/robots.txt": silent}) as slow:
            allow = [
                f"slow.example=127.0.0.1:{slow.port}",
                f"dead.example=127.0.0.1:{dead_port}",
                site.allow,
            ]
            domains = ["slow.example", "dead.example", "no such domain", "10.0.0.1", "a.invalid"]
            domains += [f"shop{n}.example" for n in range(10)]
            limits = FetchLimits(total_timeout_s=3.0)
            async with fetcher(*allow, limits=limits) as client:
                with ArchiveWriter(tmp_path, lambda: NOW_MS) as writer:
                    crawls = crawl_many(
                        domains, CrawlTools(client, writer, lambda: NOW_MS), concurrency=4
                    )
                    return [result async for result in crawls]

    results = asyncio.run(run())
    assert results[-1].domain == "slow.example"
    codes = {result.domain: {failure.code for failure in result.failures} for result in results}
    assert codes["slow.example"] == {"timed_out"}
    assert codes["dead.example"] == {"connect_failed"}
    assert codes["no such domain"] == {"bad_url"}
    assert codes["10.0.0.1"] == {"address_refused"}
    assert codes["a.invalid"] == {"dns_failed"}
    answered = {result.domain for result in results if result.has_answered}
    assert answered == {f"shop{n}.example" for n in range(10)}


def test_a_domain_that_takes_too_long_keeps_what_it_gave(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def run() -> CrawlResult:
        routes = {"/": html(answer, HOME), "/partners/": silent}
        async with serve(routes) as site, fetcher(site.allow) as client:
            with ArchiveWriter(tmp_path, lambda: NOW_MS) as writer:
                return await crawl_domain(
                    "shop.example",
                    CrawlTools(client, writer, lambda: NOW_MS),
                    total_timeout_s=2.0,
                )

    result = asyncio.run(run())
    assert result.has_answered
    assert [failure.code for failure in result.failures] == ["timed_out"]
    assert [capture.body for capture in result.captures][-1] == HOME


def test_an_archive_that_cannot_be_written_stops_the_crawl(
    fetcher: Build, serve: Serve, answer: Respond, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"in the way")

    async def run() -> None:
        async with serve({"/": html(answer, HOME)}) as site, fetcher(site.allow) as client:
            writer = ArchiveWriter(blocked, lambda: NOW_MS)
            domains = (f"shop{n}.example" for n in range(1_000_000))
            async for _ in crawl_many(domains, CrawlTools(client, writer, lambda: NOW_MS)):
                pytest.fail("there is no result without its archive")

    with pytest.raises(OSError, match="exists"):
        asyncio.run(run())


def make_page(body: bytes, content_type: str = "text/html", path: str = "") -> Capture:
    return Capture(
        f"http://shop.example/{path}", 200, (("Content-Type", content_type),), body, NOW_MS
    )


@pytest.mark.parametrize(
    "body, content_type",
    [
        ("<a href='/x'>Über uns</a>".encode(), "text/html; charset=utf-8"),
        ("<a href='/x'>Über uns</a>".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("<meta charset=windows-1252><a href='/x'>Über uns</a>".encode("cp1252"), "text/html"),
        ("<a href='/x'>Über uns</a>".encode("utf-16"), "text/html; charset=utf-8"),
        ("<a href='/x'>Über uns</a>".encode(), 'text/html; charset="no-such-charset"'),
        ("<a href='/x'>Über uns</a>".encode("cp1252"), "text/html"),
    ],
    ids=["utf-8", "latin-1", "meta", "byte-order mark", "unknown label", "undeclared"],
)
def test_the_charset_of_a_page_is_found_as_browsers_do(body: bytes, content_type: str) -> None:
    (link,) = list_links(make_page(body, content_type))
    assert link.text == "Über uns"


def test_links_are_resolved_against_the_base_and_strange_ones_dropped() -> None:
    body = b"""<base href="/de/"><a href="partner">a</a><a href="//shop.example/b#c">b</a>
        <a href="javascript:x()">c</a><a>d</a><a href="http://[">e</a><a href="/de/partner">f</a>"""
    assert [link.url for link in list_links(make_page(body, path="en/index"))] == [
        "http://shop.example/de/partner",
        "http://shop.example/b",
    ]


def test_what_is_no_html_has_no_links() -> None:
    assert list_links(make_page(b"<a href='/partners'>x</a>", "application/json")) == []


def test_choices_hold_to_the_site_the_bound_and_the_order_of_promises() -> None:
    paths = ["/contact", "/jobs", "/jobs/engineer", "/integrations", "/x/partners", "/partners",
             "/customers", "/about-us", "/press"]  # fmt: skip
    links = [Link(f"http://shop.example{path}", "", "page") for path in paths]
    links += [
        Link("http://partners.shop.example/", "", "page"),
        Link("http://notshop.example/partners", "", "page"),
        Link("http://shop.example.evil.com/partners", "", "page"),
    ]
    chosen = choose_pages(links, ["shop.example"], pages_max=7)
    assert [choice.url.removeprefix("http://") for choice in chosen] == [
        "shop.example/partners",
        "shop.example/integrations",
        "shop.example/customers",
        "shop.example/jobs",
        "shop.example/about-us",
        "shop.example/contact",
        "partners.shop.example/",
    ]
    assert choose_pages(links, ["shop.example"], pages_max=2) == chosen[:2]
    assert choose_pages(links, ["shop.example"], pages_max=0) == []


def test_a_page_named_for_its_promise_comes_before_one_below_it() -> None:
    links = [
        Link("http://shop.example/partners/resellers", "Resellers", "page"),
        Link("http://shop.example/where-we-work", "Partners", "page"),
        Link("http://shop.example/partners", "Those who sell our wares", "page"),
    ]
    chosen = choose_pages(links, ["shop.example"], pages_max=5)
    assert [choice.url.removeprefix("http://shop.example") for choice in chosen] == [
        "/partners",
        "/partners/resellers",
    ]


@pytest.mark.skipif(not SAMPLE_SERVER.exists(), reason="the sample web is not here")
def test_the_sample_web_is_crawled_through_its_allow_entry(fetcher: Build, tmp_path: Path) -> None:
    companies = SAMPLE_SERVER.parent / "companies"
    domains = sorted(path.name.removesuffix(".yaml") for path in companies.glob("*.yaml"))

    async def run(port: int) -> list[CrawlResult]:
        manners = Manners(pause_s=0.0, crawl_delay_s_max=0.0)
        async with fetcher(f"*.example=127.0.0.1:{port}", manners=manners) as client:
            with ArchiveWriter(tmp_path, lambda: NOW_MS) as writer:
                crawls = crawl_many(domains, CrawlTools(client, writer, lambda: NOW_MS))
                return [result async for result in crawls]

    command = [sys.executable, str(SAMPLE_SERVER), "--port", "0", "--print-port", "--slow-s", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            results = asyncio.run(run(int(server.stdout.readline())))
        finally:
            server.terminate()
    assert sorted(result.domain for result in results) == domains
    closed = [result.domain for result in results if not result.has_answered]
    assert closed == ["lindqvist-partner.example"]
    assert {failure.code for result in results for failure in result.failures} == {
        "robots_disallowed"
    }
    promised = [{choice.promise for choice in result.choices} for result in results]
    assert sum("partners" in promises for promises in promised) >= 35
    archived = [capture for path in tmp_path.iterdir() for capture in _read(path)]
    crawled = {capture.capture_id for result in results for capture in result.captures}
    assert crawled <= {capture.capture_id for capture in archived}


def _read(path: Path) -> list[Capture]:
    return list(iter_captures(path, lambda *_: pytest.fail("broken archive")))


def test_a_sitemap_is_bounded_and_its_bad_entries_are_dropped() -> None:
    many = b"".join(b"<loc>http://shop.example/%d</loc>" % n for n in range(9_000))
    assert len(list_sitemap_urls(many)) == 5_000
    assert list_sitemap_urls(b"<loc>nowhere</loc><loc>ftp://x.com/</loc><loc>") == []
