"""Retry-After is kept to, in seconds and dates, within bounds; all hosts together have a pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher, Manners

# 2026-06-01T14:32:12Z
NOW_MS = 1_780_324_332_000
Build = Callable[..., Fetcher]
Serve = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[Any]]
Respond = Callable[..., bytes]


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now_s += seconds

    def monotonic(self) -> float:
        return self.now_s


def fetch(
    fetcher: Build, serve: Serve, routes: Mapping[str, Any], *urls: str, **manners: Any
) -> tuple[list[FetchOutcome], list[float], list[str]]:
    """Fetch one after the other; the outcomes, what was slept, what was asked."""
    clock = Clock()

    async def run() -> tuple[list[FetchOutcome], list[str]]:
        async with serve(routes) as site:
            options = {"sleep": clock.sleep, "monotonic": clock.monotonic}
            kept = Manners(**({"pause_s": 0.0} | manners))
            async with fetcher(site.allow, manners=kept, clock=lambda: NOW_MS, **options) as client:
                return [await client.fetch(url) for url in urls], site.requests

    outcomes, requests = asyncio.run(run())
    return outcomes, clock.slept, requests


def busy_once(answer: Respond, *headers: str, status: str = "503 Service Unavailable") -> Any:
    told: list[int] = []

    async def tell(writer: asyncio.StreamWriter) -> None:
        told.append(1)
        is_first = len(told) == 1
        writer.write(answer(b"busy", *headers, status=status) if is_first else answer(b"ready"))
        await writer.drain()

    return tell


@pytest.mark.parametrize(
    "header, wait_s",
    [
        ("Retry-After: 7", 7.0),
        ("Retry-After: 0", None),
        ("Retry-After: Mon, 01 Jun 2026 14:32:22 GMT", 10.0),
        ("Retry-After: Monday, 01-Jun-26 14:32:22 GMT", 10.0),
        ("Retry-After: Sun, 31 May 2026 14:32:22 GMT", None),
    ],
)
@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_busy_page_is_asked_again_when_it_said(
    fetcher: Build, serve: Serve, answer: Respond, header: str, wait_s: float | None, status: str
) -> None:
    routes = {"/": busy_once(answer, header, status=status)}
    (outcome,), slept, requests = fetch(fetcher, serve, routes, "http://shop.example/")
    assert isinstance(outcome, Fetched)
    assert outcome.capture.body == b"ready"
    assert [exchange.status for exchange in outcome.exchanges] == [int(status[:3]), 200]
    assert slept == ([wait_s] if wait_s else [])
    assert requests == ["/robots.txt", "/", "/"]


@pytest.mark.parametrize(
    "header", ["X-None: 1", "Retry-After: soon", "Retry-After: -5", "Retry-After: 1e9"]
)
def test_without_a_time_to_wait_the_answer_stands(
    fetcher: Build, serve: Serve, answer: Respond, header: str
) -> None:
    routes = {"/": busy_once(answer, header)}
    (outcome,), slept, _ = fetch(fetcher, serve, routes, "http://shop.example/")
    assert isinstance(outcome, Fetched)
    assert outcome.capture.status == 503
    assert slept == []


def test_a_page_that_stays_busy_is_given_up_after_the_retries(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {"/": answer(b"busy", "Retry-After: 5", status="503 Service Unavailable")}
    (outcome,), slept, requests = fetch(
        fetcher, serve, routes, "http://shop.example/", retries_max=2
    )
    assert isinstance(outcome, Fetched)
    assert outcome.capture.status == 503
    assert slept == [5.0, 5.0]
    assert requests.count("/") == 3


def test_a_host_that_asks_for_long_patience_is_left_alone_and_no_other(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/": answer(b"busy", "Retry-After: 3600", status="429 Too Many Requests"),
        "/other": answer(b"fine"),
    }
    outcomes, slept, requests = fetch(
        fetcher, serve, routes,
        "http://shop.example/", "http://shop.example/other", "http://else.example/other",
    )  # fmt: skip
    first, held, other = outcomes
    assert isinstance(first, Fetched)
    assert first.capture.status == 429
    assert isinstance(held, FetchFailure)
    assert held.code == "asked_to_wait"
    assert held.message == "the site asks for no request within 3600 s"
    assert isinstance(other, Fetched)
    assert slept == []
    assert requests == ["/robots.txt", "/", "/robots.txt", "/other"]


def test_a_waiting_host_is_waited_for_by_its_next_page_too(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    routes = {
        "/": answer(b"busy", "Retry-After: 30", status="503 Service Unavailable"),
        "/next": answer(b"fine"),
    }
    outcomes, slept, _ = fetch(
        fetcher, serve, routes, "http://shop.example/", "http://shop.example/next", retries_max=0
    )
    assert isinstance(outcomes[1], Fetched)
    assert slept == [30.0]


def test_all_hosts_together_keep_the_pace_of_the_process(
    fetcher: Build, serve: Serve, answer: Respond
) -> None:
    urls = [f"http://shop{n}.example/" for n in range(3)]
    _, slept, requests = fetch(fetcher, serve, {"/": answer(b"x")}, *urls, requests_per_s_max=4.0)
    assert len(requests) == 6
    assert slept == [0.25] * 5
