"""Where the gate answers ahead of FastAPI it gives the bytes that the FastAPI route gives.

The gate leaves any request with a query string to the route, which ignores a parameter it does not
know. So the real server is asked for both, and the product has no switch that only tests use.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import SHARED_COMPANIES
from tests.server.deployment import Deployment
from tests.server.raw import RawConnection, connected, request
from tests.servers import Server

from tracewell.kernel.identity.keys import new_key

# What differs from one request to the next by its nature.
VARYING = {"date", "x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset"}

IDENTIFIERS = [
    "c1.example",
    "c2",
    "C3.EXAMPLE",
    "www.c4.example",
    "https://c5.example",
    "https%3A%2F%2FWWW.c5.example%2Fabout",
    "c6.example.",
    "c6.example..",
    "c7.example:443",
    "%20c8.example%20",
    "c%39.example",
    "c1%2eexample",
    "nobody.example",
    "nobody",
    "b%C3%BCcher.example",
    "xn--bcher-kva.example",
    "%E2%98%83.example",
    "%F0%9F%92%A9",
    "%FF%FE",
    "%00",
    "c1%00.example",
    "%ED%A0%80",
    "..",
    "%2e%2e",
    "..%2fc1",
    ".",
    "%",
    "%zz",
    "c1%",
    "'",
    '%22%3Cscript%3E',
    "%5C",
    "c1.example%3Fa=b",
    "c1.example%23a",
    "c1.example;a=b",
    "c1.example/",
    "",
    "/c1",
    "127.0.0.1",
    "%5B::1%5D",
    "a" * 300,
    "a" * 64 + ".example",
    "a." * 200 + "example",
    "%61" * 3000,
    "+",
    "%2B",
    "~",
    "c1,c2",
    "{identifier}",
    "c1.example\xff",
]  # fmt: skip


@pytest.fixture(scope="module")
def connection(shared_server: Server) -> Iterator[RawConnection]:
    with connected(shared_server.port) as made:
        yield made


def answer_bytes(
    connection: RawConnection, key: str | None, path: str, method: str, **headers: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers in their order, body."""
    connection.send(request(method, path, key, **headers))
    answer = connection.answer(has_body=method != "HEAD")
    kept = [(name, value) for name, value in answer.headers.items() if name not in VARYING]
    return answer.status, kept, answer.body


def assert_same(
    connection: RawConnection,
    keys: tuple[str | None, str | None],
    identifier: str,
    method: str = "GET",
    **headers: str,
) -> int:
    """Asks both ways, with two keys in the same state; the status."""
    path = f"/trace/v1/companies/{identifier}"
    fast = answer_bytes(connection, keys[0], path, method, **headers)
    slow = answer_bytes(connection, keys[1], f"{path}?unknown=1", method, **headers)
    assert fast == slow
    return fast[0]


@pytest.fixture(scope="module")
def keys(shared_deployment: Deployment) -> tuple[str, str]:
    return shared_deployment.add_customer().key, shared_deployment.add_customer().key


@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=lambda text: text[:30].encode().hex())
def test_an_identifier_is_answered_alike(
    connection: RawConnection, keys: tuple[str, str], identifier: str
) -> None:
    try:
        assert_same(connection, keys, identifier)
    except EOFError:
        # Not HTTP: the connection is closed before any of the two ways is taken.
        assert not identifier.isascii()
        connection.reopen()


segments = st.one_of(
    st.text(max_size=40).map(lambda text: quote(text.encode("utf-8", "replace"), safe="")),
    st.text(alphabet=string.ascii_letters + string.digits + "-._~%!$&'()*+,;=:@", max_size=60),
    st.binary(max_size=20).map(lambda data: "".join(f"%{byte:02X}" for byte in data)),
    st.builds(
        "{}{}c{}{}{}".format,
        st.sampled_from(["", "https:%2F%2F", "HTTP://", "www.", "WWW.", "%20", "ftp:"]),
        st.sampled_from(["", "www.", "a."]),
        st.integers(0, SHARED_COMPANIES + 3),
        st.sampled_from(["", ".example", ".EXAMPLE", ".exam%70le"]),
        st.sampled_from(["", ".", "%2Fabout", ":80", "%3Fq", "%00", "/"]),
    ),
)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(identifier=segments)
def test_any_identifier_is_answered_alike(
    connection: RawConnection, keys: tuple[str, str], identifier: str
) -> None:
    assert_same(connection, keys, identifier)


def test_net_new_free_and_exhausted_are_answered_alike(
    shared_deployment: Deployment, connection: RawConnection
) -> None:
    first, second = (shared_deployment.add_customer(credits=2).key for _ in range(2))
    asked = ("c0", "c0.example", "c1", "c2", "c1", "nobody", "c2")
    assert [assert_same(connection, (first, second), one) for one in asked] == [
        200, 200, 200, 402, 200, 404, 402,
    ]  # fmt: skip


def test_every_state_of_a_key_is_answered_alike(
    shared_deployment: Deployment, connection: RawConnection
) -> None:
    states: list[tuple[str | None, int]] = [
        (None, 401),
        ("", 401),
        ("trace_wrong", 401),
        (new_key("user"), 401),
        (shared_deployment.add_customer_key(expires_at=1), 401),
        (shared_deployment.add_customer_key(is_revoked=True), 401),
        (shared_deployment.add_customer_key(is_verified=False), 403),
        (shared_deployment.add_customer_key(has_org=False), 403),
        (shared_deployment.add_service(), 401),
    ]
    assert [assert_same(connection, (key, key), "c0") for key, _ in states] == [
        status for _, status in states
    ]


def test_a_full_window_is_answered_alike(
    shared_deployment: Deployment, connection: RawConnection
) -> None:
    keys = tuple(shared_deployment.add_customer(per_minute=2).key for _ in range(2))
    found = [assert_same(connection, (keys[0], keys[1]), "c0") for _ in range(3)]
    assert found == [200, 200, 429]


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_another_method_is_answered_alike(
    connection: RawConnection, keys: tuple[str, str], method: str
) -> None:
    assert assert_same(connection, keys, "c0", method, Content_Length="0") == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html"},
        {"Accept_Encoding": "gzip"},
        {"If_None_Match": "*"},
        {"Range": "bytes=0-1"},
        {"Origin": "https://elsewhere.example"},
        {"Authorization": "Bearer nonsense"},
        {"Expect": "something"},
        {"X_Forwarded_For": "203.0.113.1", "Forwarded": "host=evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_headers_change_neither_answer(
    connection: RawConnection, keys: tuple[str, str], headers: dict[str, str]
) -> None:
    assert assert_same(connection, keys, "c0", **headers) == 200
