"""Values that break databases, parsers and serialisers, wherever one is taken: never a 500."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import orjson
import pytest
from tests.server.deployment import Deployment
from tests.server.raw import RawConnection, connected, request
from tests.servers import Server

pytestmark = pytest.mark.usefixtures("nothing_failed")

# As they stand in a path or query.
TEXTS = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF",
    "%F0%9F%92%A9",
    "9" * 400,
    "9" * 5000,
    "-1",
    "0",
    "1e999",
    "NaN",
    "%D9%A1",
    "%27%22%3B--",
    "%25%5C%5F",
    "%0A%0D",
    "a" * 5000,
    "",
]
# As they stand in a JSON body.
VALUES = [
    rb'"\u0000"',
    rb'"a\u0000b"',
    rb'"\ud800"',
    rb'"\udc00\ud800"',
    rb'"\uffff"',
    b'"' + b"a" * 100_000 + b'"',
    b'""',
    b"1" * 5000,
    b"-1" + b"0" * 5000,
    b"1e999",
    b"1e-999",
    b"NaN",
    b"-Infinity",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[" * 500 + b"]" * 500,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    rb'{"\ud800": 1}',
    rb'{"\u0000": 1}',
]
BODIES = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 500_000,
    b'{"a":' * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b"9" * 1_000_000,
    b'"' + rb"\ud800" * 100_000 + b'"',
    b'{"name": "a", "name": "b"}',
    b'{"name": "a"} {"name": "b"}',
    b"null",
    b"nul",
    b"{",
]


@pytest.fixture(scope="module", params=["trace", "intrace"])
def product(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def key(shared_deployment: Deployment, product: str) -> str:
    if product == "trace":
        return shared_deployment.add_customer(credits=10_000).key
    return shared_deployment.add_service(("analyst", "auditor", "admin"))


@pytest.fixture(scope="module")
def operations(shared_server: Server, product: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every call, and the document's schemas."""
    document = httpx.get(f"{shared_server.url}/{product}/openapi.json").json()
    schemas = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
            operation["body"] = schemas.get(reference.rpartition("/")[2], {})
            found.append((method.upper(), f"/{product}{path}", operation))
    return found


def ask(connection: RawConnection, data: bytes, told: str) -> None:
    """Sends a request whose answer may be anything but a failure of ours."""
    connection.send(data)
    try:
        answer = connection.answer()
    except EOFError:
        pytest.fail(f"no answer to {told}")
    assert answer.status < 500, told
    assert answer.status != 404 or answer.body, told
    if answer.headers.get("connection") == "close":
        connection.reopen()


def test_hostile_texts_in_paths_and_queries(
    shared_server: Server, key: str, operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    tried = 0
    with connected(shared_server.port) as connection:
        for method, path, operation in operations:
            for parameter, text in itertools.product(operation.get("parameters", ()), TEXTS):
                name = parameter["name"]
                target = (
                    path.replace("{" + name + "}", text)
                    if parameter["in"] == "path"
                    else f"{path}?{name}={text}&{text}={text}"
                ).replace("{", "").replace("}", "")  # fmt: skip
                body = b"{}" if operation["body"] else None
                ask(connection, request(method, target, key, body), f"{method} {target}")
                tried += 1
    assert tried > 100


def valid_body(path: str) -> dict[str, Any]:
    """What a call takes, or near it: the members around a hostile one."""
    if path.endswith("/lookup"):
        return {"identifiers": [{"type": "name", "value": "Jane Doe"}], "depth": "deep",
                "connectors": ["phone_plan"], "requester_reference": "a case"}  # fmt: skip
    if "/computations/" in path:
        leaf = {"field": "technology_count", "operator": "gte", "value": 0}
        segment, group = {"registry_version": 1, "root": leaf}, {"technology": "bauhaus-cms"}
        return {"a": segment, "b": segment, "company": "c0", "segment": segment, **group,
                "dropped": group, "adopted": group}  # fmt: skip
    return {"name": "a list", "description": "", "email": "a@b.example", "password": "p" * 12,
            "token": "a.b.c"}  # fmt: skip


def test_hostile_values_in_bodies(
    shared_server: Server, key: str, operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    tried = 0
    with connected(shared_server.port) as connection:
        for method, path, operation in operations:
            if not operation["body"]:
                continue
            target = path.replace("{", "").replace("}", "")
            for body in BODIES:
                told = f"{method} {target} {body[:40]!r}"
                ask(connection, request(method, target, key, body), told)
            members = operation["body"]["properties"]
            valid = {name: value for name, value in valid_body(path).items() if name in members}
            for name, value in itertools.product(members, VALUES):
                body = _with(valid, name, value)
                told = f"{method} {target} {body[:200]!r}"
                ask(connection, request(method, target, key, body), told)
                tried += 1
    assert tried > 50


def _with(valid: dict[str, Any], name: str, value: bytes) -> bytes:
    others = [f'"{key}": '.encode() + orjson.dumps(each)
              for key, each in valid.items() if key != name]  # fmt: skip
    return b"{" + b", ".join([*others, f'"{name}": '.encode() + value]) + b"}"


TYPES = ("email", "phone", "username", "ip", "domain", "name", "url", "address", "company_name",
         "social_url")  # fmt: skip
HOSTILE_IDENTIFIERS = [
    rb"a\u0000b", rb"\ud800", rb"\uffff", rb"\u202e", rb"\n", b" ", b"", b"a" * 100_000, b"@",
    b"+", b"+" + b"9" * 5000, b"::", b"1.2.3.4.5", b"http://[", b"https://\xe2\x98\x83@@/",
    rb"https://a.example/\u0000", rb"xn--\ud83d", b"xn--" + b"a" * 60, b"." * 300, b"%", b"'",
    "ﷺ".encode() * 300, "İ".encode() * 100, b"https://twitter.com/" + b"%00" * 50,
]  # fmt: skip


def test_hostile_identifiers_of_every_type(
    shared_server: Server, shared_deployment: Deployment
) -> None:
    key = shared_deployment.add_service()
    with connected(shared_server.port) as connection:
        for kind, value in itertools.product(TYPES, HOSTILE_IDENTIFIERS):
            body = b'{"identifiers": [{"type": "%s", "value": "%s"}]}' % (kind.encode(), value)
            data = request("POST", "/intrace/v1/lookup", key, body)
            ask(connection, data, f"{kind} {value[:60]!r}")


def test_hostile_credentials(shared_server: Server, product: str) -> None:
    path = f"/{product}/v1/" + ("companies" if product == "trace" else "audit")
    values = ["", " ", "\xff", "trace_\xb2", "a" * 5000, "Bearer", "Bearer ", "Bearer \xff.a.b",
              "Bearer " + "." * 1000, "Bearer eyJhbGciOiJub25lIn0..", "Basic YTpi"]  # fmt: skip
    with connected(shared_server.port) as connection:
        for name, value in itertools.product(("X_API_Key", "Authorization", "Cookie"), values):
            ask(connection, request("GET", path, **{name: value}), f"{name}: {value!r}")
