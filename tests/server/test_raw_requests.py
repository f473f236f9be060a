"""What is no proper request: floods, lies, fragments and garbage, byte by byte over sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests.server.deployment import Customer, Deployment
from tests.server.raw import RawAnswer, connected, exchange, request
from tests.servers import Server

pytestmark = pytest.mark.xdist_group("server-raw")
SIZE_MAX = 1 << 20
FLOOD_BYTES = 64 << 20
ARRIVAL_S = 1
TRACE_GET = "/trace/v1/companies/c0"
LOOKUP = "/intrace/v1/lookup"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    made = Deployment(tmp_path_factory.mktemp("raw") / "data")
    made.add_companies(3)
    return made


@pytest.fixture(scope="module")
def customer(deployment: Deployment) -> Customer:
    return deployment.add_customer()


@pytest.fixture(scope="module")
def service(deployment: Deployment) -> str:
    return deployment.add_service(("analyst", "auditor"))


@pytest.fixture(scope="module")
def server(deployment: Deployment, customer: Customer, service: str) -> Iterator[Server]:
    settings = {"REQUEST_ARRIVAL_TIMEOUT_SECONDS": str(ARRIVAL_S)}
    with deployment.start(environment=settings) as started:
        yield started
        assert "Traceback" not in started.log()


def assert_in_shape(answer: RawAnswer, product: str, status: int, code: str) -> None:
    """The answer is the product's error of that code, whole, and says whose request it was."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["message"]
    if product == "intrace":
        assert answer.json["request_id"] == answer.headers["x-request-id"]
        assert answer.json["error"]["details"] == []
        assert int(answer.headers["x-ratelimit-limit"]) > 0


def memory_bytes(server: Server) -> int:
    """The resident memory of the server's process."""
    status = Path(f"/proc/{server.process.pid}/statm")
    if not status.exists():
        pytest.skip("memory is read from /proc")
    return int(status.read_text().split()[1]) * 4096


@pytest.mark.parametrize("product", ["trace", "intrace"])
@pytest.mark.parametrize(
    "start, flood",
    [(b"X-A: ", b"a" * 65536), (b"", b"X-A: a\r\n" * 8192)],
    ids=["one long header", "many headers"],
)
def test_headers_without_end_are_refused_with_431_and_not_kept(
    server: Server, product: str, start: bytes, flood: bytes
) -> None:
    before = memory_bytes(server)
    with connected(server.port) as connection:
        connection.send(f"GET /{product}/v1/x HTTP/1.1\r\n".encode() + start)
        sent = 0
        while sent < FLOOD_BYTES and connection.send(flood):
            sent += len(flood)
        assert sent < FLOOD_BYTES, "a flood must be cut off"
    assert memory_bytes(server) - before < 16 << 20
    with connected(server.port) as connection:
        connection.send(f"GET /{product}/v1/x HTTP/1.1\r\n".encode() + start + flood * 2)
        answer = connection.answer()
        assert connection.is_closed()
    code = "headers_too_large"
    assert_in_shape(answer, product, 431, code)


def test_a_request_line_without_end_is_refused(server: Server) -> None:
    answer = exchange(server.port, b"GET /intrace/v1/" + b"a" * 200_000)
    assert_in_shape(answer, "intrace", 431, "headers_too_large")


def test_ten_thousand_short_headers_are_refused(server: Server, customer: Customer) -> None:
    lines = "".join(f"X-{number}: a\r\n" for number in range(10_000))
    head = f"GET {TRACE_GET} HTTP/1.1\r\nX-API-Key: {customer.key}\r\n{lines}\r\n"
    assert_in_shape(exchange(server.port, head.encode()), "trace", 431, "headers_too_large")


@pytest.mark.parametrize("product", ["trace", "intrace"])
def test_a_body_that_does_not_come_is_given_up_with_408(
    server: Server, customer: Customer, service: str, product: str
) -> None:
    path, key = ("/trace/v1/lists", customer.key) if product == "trace" else (LOOKUP, service)
    with connected(server.port) as connection:
        connection.send(request("POST", path, key, b'{"name"', Content_Length="100"))
        assert_in_shape(connection.answer(), product, 408, "request_timeout")


def test_headers_that_do_not_come_end_the_connection(server: Server) -> None:
    with connected(server.port) as silent, connected(server.port) as slow:
        slow.send(b"GET /trace/v1/companies HTTP/1.1\r\nHost")
        assert silent.is_closed()
        assert slow.is_closed()


def test_empty_lines_do_not_keep_a_connection(server: Server, customer: Customer) -> None:
    with connected(server.port) as connection:
        connection.send(request("GET", TRACE_GET, customer.key))
        assert connection.answer().status == 200
        connection.send(b"\r\n")
        assert connection.is_closed()


@pytest.mark.parametrize("declared", [SIZE_MAX + 1, 10**30])
def test_a_body_declared_over_the_bound_is_refused_before_it_is_sent(
    server: Server, service: str, declared: int
) -> None:
    answer = exchange(
        server.port, request("POST", LOOKUP, service, b"", Content_Length=str(declared))
    )
    if declared > 1 << 64:
        assert_in_shape(answer, "intrace", 400, "request_malformed")
    else:
        assert_in_shape(answer, "intrace", 413, "request_too_large")


@pytest.mark.parametrize("product", ["trace", "intrace"])
def test_a_chunked_body_over_the_bound_is_refused_on_the_way(
    server: Server, customer: Customer, service: str, product: str
) -> None:
    path, key = ("/trace/v1/lists", customer.key) if product == "trace" else (LOOKUP, service)
    head = request("POST", path, key, Content_Type="application/json", Transfer_Encoding="chunked")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with connected(server.port) as connection:
        connection.send(head + chunk * 17)
        assert_in_shape(connection.answer(), product, 413, "request_too_large")


def test_a_chunked_body_within_the_bound_is_read(server: Server, customer: Customer) -> None:
    head = request(
        "POST", "/trace/v1/lists", customer.key,
        Content_Type="application/json", Transfer_Encoding="chunked",
    )  # fmt: skip
    answer = exchange(server.port, head + b'8\r\n{"name":\r\n8\r\n"chunks"\r\n1\r\n}\r\n0\r\n\r\n')
    assert answer.status == 201
    assert answer.json["name"] == "chunks"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET / HTTP/3.14\r\n\r\n",
        b"GET\r\n\r\n",
        b"G\x00T /v1/companies HTTP/1.1\r\n\r\n",
        b"GET /v1/comp\xffanies HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/companies HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET /v1/companies HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"GET http://[::1/v1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/lists HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/lists HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n",
        b"POST /v1/lists HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /v1/lists HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /v1/lists HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    ],
)
def test_what_is_no_http_is_told_so(server: Server, data: bytes) -> None:
    with connected(server.port) as connection:
        connection.send(data)
        answer = connection.answer()
        assert connection.is_closed()
    assert_in_shape(answer, "trace", 400, "bad_request")


def test_what_is_no_http_below_intrace_is_told_in_its_shape(server: Server) -> None:
    answer = exchange(server.port, b"GET /intrace/v1/audit HTTP/1.1\r\nHost audit\r\n\r\n")
    assert_in_shape(answer, "intrace", 400, "request_malformed")


def test_pipelined_requests_are_answered_in_their_order(server: Server, customer: Customer) -> None:
    paths = [f"/trace/v1/companies/{name}" for name in ("c0", "nobody", "c1", "c0", "c2")]
    with connected(server.port) as connection:
        connection.send(b"".join(request("GET", path, customer.key) for path in paths))
        answers = [connection.answer() for _ in paths]
    assert [answer.status for answer in answers] == [200, 404, 200, 200, 200]
    slugs = [answer.json.get("slug") for answer in answers]
    assert slugs == ["c0", None, "c1", "c0", "c2"]


def test_garbage_after_a_request_does_not_take_its_answer(
    server: Server, customer: Customer
) -> None:
    with connected(server.port) as connection:
        connection.send(request("GET", TRACE_GET, customer.key) + b"\x00garbage\r\n\r\n")
        first, second = connection.answer(), connection.answer()
        assert connection.is_closed()
    assert (first.status, first.json["slug"]) == (200, "c0")
    assert_in_shape(second, "trace", 400, "bad_request")


def test_a_body_longer_than_it_says_is_not_taken_for_a_request(
    server: Server, customer: Customer
) -> None:
    body = b'{"name": "short"}'
    with connected(server.port) as connection:
        connection.send(
            request("POST", "/trace/v1/lists", customer.key, body) + b"and more\r\n\r\n"
        )
        assert connection.answer().status == 201
        assert_in_shape(connection.answer(), "trace", 400, "bad_request")


def test_half_a_body_changes_nothing_when_its_client_goes(
    server: Server, customer: Customer
) -> None:
    body = b'{"name": "half"}'
    data = request("POST", "/trace/v1/lists", customer.key, body, Content_Length="100")
    with connected(server.port) as connection:
        connection.send(data)
    # Served after the first connection's end was seen: the event loop takes them in their order.
    answer = exchange(server.port, request("GET", "/trace/v1/lists", customer.key))
    assert "half" not in [found["name"] for found in answer.json["data"]]


def test_a_broken_chunk_is_told_at_once(server: Server, customer: Customer) -> None:
    head = request(
        "POST", "/trace/v1/lists", customer.key,
        Content_Type="application/json", Transfer_Encoding="chunked",
    )  # fmt: skip
    with connected(server.port) as connection:
        connection.send(head + b"nonsense\r\n")
        assert_in_shape(connection.answer(), "trace", 400, "bad_request")
        assert connection.is_closed()


def test_a_client_that_closes_its_half_is_answered(server: Server, customer: Customer) -> None:
    with connected(server.port) as connection:
        connection.send(request("GET", TRACE_GET, customer.key) * 2)
        connection.finish()
        assert [connection.answer().status for _ in range(2)] == [200, 200]
        assert connection.is_closed()


def test_a_request_in_single_bytes_is_read(server: Server, customer: Customer) -> None:
    with connected(server.port) as connection:
        for byte in request("GET", TRACE_GET, customer.key):
            connection.send(bytes([byte]))
        assert connection.answer().status == 200


def test_an_http_1_0_client_is_served_and_left(server: Server, customer: Customer) -> None:
    head = f"GET {TRACE_GET} HTTP/1.0\r\nX-API-Key: {customer.key}\r\n\r\n"
    with connected(server.port) as connection:
        connection.send(head.encode())
        assert orjson.loads(connection.answer().body)["slug"] == "c0"
        assert connection.is_closed()


def test_an_upgrade_is_not_taken(server: Server, customer: Customer) -> None:
    data = request(
        "GET", TRACE_GET, customer.key, Connection="Upgrade", Upgrade="websocket",
        Sec_WebSocket_Version="13", Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
    )  # fmt: skip
    assert exchange(server.port, data).status == 200
