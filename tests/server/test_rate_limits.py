"""The limiter as callers meet it: headers, Retry-After, and four servers that count as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import aiohttp
import httpx
import pytest
from tests.server.deployment import Deployment
from tests.server.raw import exchange
from tests.servers import Server

pytestmark = pytest.mark.xdist_group("server-limits")

WINDOW_S = 3
LIMIT = 5
BURST = 2
SETTINGS = {
    "RATE_LIMIT_WINDOW_SECONDS": str(WINDOW_S),
    "RATE_LIMIT_REQUESTS_PER_MINUTE": str(LIMIT),
    "RATE_LIMIT_BURST": str(BURST),
    "TRACE_REQUESTS_PER_MINUTE": str(LIMIT),
}
NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    made = Deployment(tmp_path_factory.mktemp("limits") / "data")
    made.add_companies(2)
    return made


@pytest.fixture(scope="module")
def server(deployment: Deployment) -> Iterator[Server]:
    with deployment.start(environment=SETTINGS) as started:
        yield started


@pytest.mark.parametrize(
    "path, headers, method, status",
    [
        ("/v1/connectors", {}, "GET", 401),
        ("/v1/connectors", {"X-API-Key": "intrace_wrong"}, "GET", 401),
        ("/v1/connectors", {"Authorization": "Bearer a.b.c"}, "GET", 401),
        ("/v1/nothing", {}, "GET", 404),
        ("/v1", {}, "GET", 404),
        ("/v1/lookup", {}, "PUT", 405),
        ("/nothing", {}, "GET", 404),
        ("/docs", {}, "POST", 405),
        ("/docs", {}, "GET", 200),
        ("/openapi.json", {}, "GET", 200),
    ],
)
def test_intrace_tells_strangers_its_limit(
    server: Server, path: str, headers: dict[str, str], method: str, status: int
) -> None:
    answer = httpx.request(method, server.intrace + path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-ratelimit-limit"] == str(LIMIT)
    assert answer.headers["x-ratelimit-remaining"] == str(LIMIT + BURST)
    assert int(answer.headers["x-ratelimit-reset"]) >= time.time()
    assert answer.headers["x-request-id"].startswith("req_")


def test_intrace_tells_its_limit_where_a_request_cannot_be_read(server: Server) -> None:
    for data in (b"GET /intrace/v1/x HTTP/1.1\r\nbad\r\n\r\n",
                 b"GET /intrace/v1/" + b"a" * 200_000):  # fmt: skip
        answer = exchange(server.port, data)
        assert answer.headers["x-ratelimit-limit"] == str(LIMIT)
        assert set(NAMES) <= set(answer.headers)


def test_intrace_counts_a_known_caller_on_every_answer(
    deployment: Deployment, server: Server
) -> None:
    key = deployment.add_service(("auditor",), per_minute=20)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    told = []
    with httpx.Client(base_url=server.intrace, headers=headers) as client:
        for status, method, path in (
            (200, "GET", "/v1/audit"),
            (404, "GET", "/v1/audit/req_00000000000000000000000000"),
            (400, "GET", "/v1/audit?limit=0"),
            (403, "POST", "/v1/lookup"),
            (404, "GET", "/v1/nothing"),
            (405, "DELETE", "/v1/audit"),
            (403, "GET", "/v1/lookup"),
        ):
            answer = client.request(method, path)
            assert answer.status_code == status
            assert answer.headers["x-ratelimit-limit"] == "20"
            told.append(int(answer.headers["x-ratelimit-remaining"]))
    assert told == list(range(20 + BURST - 1, 20 + BURST - 8, -1))


def test_trace_tells_the_limit_on_authenticated_calls_alone(
    deployment: Deployment, server: Server
) -> None:
    key = deployment.add_customer(per_minute=20).key
    told = []
    with httpx.Client(base_url=server.trace) as client:
        for status, path in (
            (200, "/v1/companies/c0"),
            (404, "/v1/companies/nobody"),
            (422, "/v1/companies?limit=0"),
            (404, "/v1/nothing"),
        ):
            known = client.get(path, headers={"X-API-Key": key})
            stranger = client.get(path)
            assert known.status_code == status
            assert stranger.status_code == (404 if path == "/v1/nothing" else 401)
            assert not set(NAMES) & set(stranger.headers)
            assert stranger.headers["x-request-id"].startswith("req_")
            assert known.headers["x-ratelimit-limit"] == "20"
            told.append(int(known.headers["x-ratelimit-remaining"]))
    assert told == [19, 18, 17, 16]


@pytest.mark.parametrize("product", ["trace", "intrace"])
def test_remaining_goes_down_by_one_and_retry_after_is_the_truth(
    deployment: Deployment, server: Server, product: str
) -> None:
    if product == "trace":
        url, admitted = f"{server.trace}/v1/credits", LIMIT
        key = deployment.add_customer(per_minute=None).key
    else:
        url, admitted = f"{server.intrace}/v1/connectors", LIMIT + BURST
        key = deployment.add_service(per_minute=None)
    with httpx.Client(headers={"X-API-Key": key}) as client:
        began = time.monotonic()
        answers = [client.get(url) for _ in range(admitted)]
        assert [answer.status_code for answer in answers] == [200] * admitted
        remaining = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
        assert remaining == list(range(admitted - 1, -1, -1))
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {str(LIMIT)}

        refused = client.get(url)
        assert refused.status_code == 429
        assert refused.headers["x-ratelimit-remaining"] == "0"
        wait_s = int(refused.headers["retry-after"])
        assert 1 <= wait_s <= WINDOW_S
        if product == "trace":
            assert refused.json()["retry_after_seconds"] == wait_s
        told_at = time.monotonic()
        reset_in = int(refused.headers["x-ratelimit-reset"]) - time.time()
        assert wait_s - 1 <= reset_in + 1 <= wait_s + 2

        time.sleep(max(0.0, told_at + wait_s - 1 - time.monotonic()))
        early = client.get(url)
        # On a machine that slept for longer the window has truly passed.
        if time.monotonic() < began + WINDOW_S:
            assert early.status_code == 429
        time.sleep(max(0.0, told_at + wait_s - time.monotonic()))
        assert client.get(url).status_code == 200


async def _hammer(urls: list[str], key: str, for_s: float) -> list[tuple[float, float]]:
    """When each admitted request was sent and answered, by two clients a server."""
    admitted: list[tuple[float, float]] = []
    end = time.monotonic() + for_s

    async def run(session: aiohttp.ClientSession, url: str) -> None:
        while (sent := time.monotonic()) < end:
            async with session.get(f"{url}/v1/credits") as answer:
                await answer.read()
            assert answer.status in (200, 429)
            if answer.status == 200:
                admitted.append((sent, time.monotonic()))

    async with aiohttp.ClientSession(headers={"X-API-Key": key}) as session:
        await asyncio.gather(*(run(session, url) for url in urls for _ in range(2)))
    return admitted


def test_four_servers_admit_together_what_one_would(deployment: Deployment, server: Server) -> None:
    limit = 200
    key = deployment.add_customer(per_minute=limit).key
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        starting = [pool.submit(deployment.start, "trace", environment=SETTINGS) for _ in range(3)]
        urls = [server.trace, *(stack.enter_context(one.result()).trace for one in starting)]
        admitted = asyncio.run(_hammer(urls, key, 1.5 * WINDOW_S))
    first = min(sent for sent, _ in admitted)
    in_first_window = [answered for _, answered in admitted if answered < first + WINDOW_S]
    assert len(in_first_window) == limit
    # limit + 1 admissions never fit into a window: an admission is after its request was sent and
    # before it was answered, so that these spans are at least as long as the true ones.
    sent_at = sorted(sent for sent, _ in admitted)
    answered_at = sorted(answered for _, answered in admitted)
    spans = [late - early for early, late in zip(sent_at, answered_at[limit:], strict=False)]
    assert spans
    assert min(spans) >= WINDOW_S - 0.002
