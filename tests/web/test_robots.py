"""robots.txt is asked once per origin and obeyed as RFC 9309 has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tracewell.web.client import FetchLimits
from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher, Manners

Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]


def fetch_all(
    fetcher: Build, serve: Serve, routes: Mapping[str, Any], *paths: str, **options: Any
) -> tuple[list[FetchOutcome], list[str]]:
    async def run() -> tuple[list[FetchOutcome], list[str]]:
        async with serve(routes) as site, fetcher(site.allow, **options) as client:
            urls = [f"http://shop.example{path}" for path in paths]
            return list(await asyncio.gather(*(client.fetch(url) for url in urls))), site.requests

    return asyncio.run(run())


def codes(outcomes: list[FetchOutcome]) -> list[str]:
    return ["ok" if isinstance(o, Fetched) else o.code for o in outcomes]


RULES = b"""\xef\xbb\xbfUser-agent: *
Disallow: /

User-agent: TRACEWELL
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
Disallow: /a%3cd.html
"""


def test_the_group_of_our_own_name_is_obeyed(fetcher: Build, serve: Serve, answer: Respond) -> None:
    paths = ["/", "/private/x", "/private/open", "/x.pdf", "/x.pdf?y", "/a%3Cd.html", "/Private"]
    routes = {path: answer(b"page") for path in paths} | {"/robots.txt": answer(RULES)}
    outcomes, requests = fetch_all(fetcher, serve, routes, *paths)
    no = "robots_disallowed"
    assert codes(outcomes) == ["ok", no, "ok", no, "ok", no, "ok"]
    assert requests.count("/robots.txt") == 1
    assert "/private/x" not in requests


@pytest.mark.parametrize(
    "status, expected",
    [
        ("200 OK", "ok"),
        ("204 No Content", "ok"),
        ("401 Unauthorized", "ok"),
        ("403 Forbidden", "ok"),
        ("404 Not Found", "ok"),
        ("410 Gone", "ok"),
        ("429 Too Many Requests", "robots_disallowed"),
        ("500 Internal Server Error", "robots_disallowed"),
        ("503 Service Unavailable", "robots_disallowed"),
    ],
)
def test_a_status_means_what_the_rfc_says(
    fetcher: Build, serve: Serve, answer: Respond, status: str, expected: str
) -> None:
    body = b"" if status.startswith(("200", "204")) else b"User-agent: *\nDisallow: /"
    routes = {"/": answer(b"page"), "/robots.txt": answer(body, status=status)}
    outcomes, _ = fetch_all(fetcher, serve, routes, "/")
    assert codes(outcomes) == [expected]


def test_a_server_that_cannot_say_closes_the_site_with_its_own_reason(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    routes = {"/": answer(b"page"), "/robots.txt": silent}
    outcomes, requests = fetch_all(
        fetcher, serve, routes, "/", limits=FetchLimits(total_timeout_s=0.3)
    )
    assert codes(outcomes) == ["timed_out"]
    assert requests == ["/robots.txt"]


def test_a_redirected_robots_file_counts_for_the_host_that_was_asked(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/": answer(b"page"),
        "/robots.txt": answer(b"", "Location: /rules", status="301 Moved"),
        "/rules": answer(b"User-agent: *\nDisallow: /"),
    }
    outcomes, _ = fetch_all(fetcher, serve, routes, "/")
    assert codes(outcomes) == ["robots_disallowed"]


def test_a_robots_file_in_a_redirect_loop_is_no_robots_file(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    loop = answer(b"", "Location: /robots.txt", status="302 Found")
    outcomes, _ = fetch_all(fetcher, serve, {"/": answer(b"page"), "/robots.txt": loop}, "/")
    assert codes(outcomes) == ["ok"]


def test_only_the_first_500_kib_of_a_robots_file_count(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    padding = b"# nothing\n" * (51_200)
    text = b"User-agent: *\nDisallow: /early\n" + padding + b"Disallow: /late\n"
    routes = {"/late": answer(b"x"), "/early": answer(b"x"), "/robots.txt": answer(text)}
    outcomes, _ = fetch_all(fetcher, serve, routes, "/late", "/early")
    assert codes(outcomes) == ["ok", "robots_disallowed"]


def test_a_page_of_html_in_place_of_rules_forbids_nothing(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    html = b"<html><head><title>Home</title></head>\n<p>Disallow: /</p></html>"
    outcomes, _ = fetch_all(fetcher, serve, {"/": answer(b"x"), "/robots.txt": answer(html)}, "/")
    assert codes(outcomes) == ["ok"]


def test_a_redirect_to_a_forbidden_page_is_not_followed(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/": answer(b"", "Location: /private", status="302 Found"),
        "/private": answer(b"secret"),
        "/robots.txt": answer(RULES),
    }
    outcomes, requests = fetch_all(fetcher, serve, routes, "/")
    assert codes(outcomes) == ["robots_disallowed"]
    assert isinstance(outcomes[0], FetchFailure)
    assert outcomes[0].url == "http://shop.example/private"
    assert "/private" not in requests


@pytest.mark.parametrize("asked, waited", [("3", 3.0), ("0.5", 1.0), ("86400", 10.0), ("x", 1.0)])
def test_a_crawl_delay_is_kept_up_to_its_bound(
    fetcher: Build, serve: Serve, answer: Respond, asked: str, waited: float
) -> None:
    now_s = [0.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now_s[0] += seconds

    text = f"User-agent: *\nCrawl-delay: {asked}\n".encode()
    routes = {"/a": answer(b"x"), "/b": answer(b"x"), "/robots.txt": answer(text)}
    outcomes, _ = fetch_all(
        fetcher, serve, routes, "/a", "/b",
        manners=Manners(pause_s=1.0), sleep=sleep, monotonic=lambda: now_s[0],
    )  # fmt: skip
    assert codes(outcomes) == ["ok", "ok"]
    # The first page follows robots.txt, whose own turn knew of no delay yet.
    assert slept == [1.0, waited]


def test_rules_are_asked_again_after_a_day(fetcher: Build, serve: Serve, answer: Respond) -> None:
    now_ms = [1_000_000]

    async def run() -> list[str]:
        async with serve({"/": answer(b"x")}) as site:
            async with fetcher(site.allow, clock=lambda: now_ms[0]) as client:
                for step_ms in (0, 86_000_000, 500_000):
                    now_ms[0] += step_ms
                    await client.fetch("http://shop.example/")
            return list(site.requests)

    assert asyncio.run(run()).count("/robots.txt") == 2


def test_a_caller_that_gives_up_does_not_take_the_rules_from_others(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    async def slow_rules(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(answer(b"User-agent: *\nDisallow: /no"))
        await writer.drain()

    async def run() -> list[FetchOutcome]:
        routes = {"/robots.txt": slow_rules, "/": answer(b"x")}
        async with serve(routes) as site, fetcher(site.allow) as client:
            first = asyncio.create_task(client.fetch("http://shop.example/"))
            await asyncio.sleep(0.02)
            second = asyncio.create_task(client.fetch("http://shop.example/no"))
            await asyncio.sleep(0.02)
            first.cancel()
            return [await second]

    assert codes(asyncio.run(run())) == ["robots_disallowed"]
