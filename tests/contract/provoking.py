"""How any endpoint is brought to answer each status: by what is wrong with the request, with who
sends it, or with the server's database."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from tests.conformance.tampering import table_gone
from tests.conformance.world import read_raw
from tests.contract.recipes import RECIPES, body_of, call, endpoints, path_of
from tests.contract.stage import Customer, Stage

from tracewell.kernel.http.endpoint import Endpoint

JSON = "application/json"
BODY_BYTES_MAX = 1 << 20
SOCKET_TIMEOUT_S = 60
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_UNKNOWN = {"version": 999, "user_id": 999_999_999}

Provoke = Callable[["Scene"], httpx.Response]


@dataclass
class Scene:
    """One endpoint, and customers for whom something is amiss."""

    stage: Stage
    endpoint: Endpoint
    operation: Mapping[str, Any]
    """The endpoint in the OpenAPI document."""
    cast: Cast

    @property
    def path(self) -> str:
        """A right path, of the rich customer's."""
        return path_of(self.endpoint, RECIPES[self.endpoint.name], self.stage.rich)

    def send(self, client: httpx.Client | None = None, **parts: Any) -> httpx.Response:
        """A right call, but for `parts`; as the rich customer unless another client is given."""
        recipe = RECIPES[self.endpoint.name]
        body = body_of(self.endpoint, recipe, self.stage.rich)
        given: dict[str, Any] = {"params": recipe.query}
        if body is not None and "content" not in parts and "json" not in parts:
            given["json"] = body
        parts = {**given, **parts}
        path = parts.pop("path", None) or self.path
        return (client or self.stage.rich.owner).request(self.endpoint.method, path, **parts)

    def wrong_parameters(self) -> Iterator[tuple[tuple[str, str], httpx.Response]]:
        """Place and name of each declared parameter that has a form, and the answer to a call in
        which it is NUL: no number, no choice, and in none of our texts. HTTP carries no header
        with NUL; two words are none of ours."""
        recipe = RECIPES[self.endpoint.name]
        for parameter in self.operation.get("parameters", ()):
            place, name = parameter["in"], parameter["name"]
            if place == "query":
                yield (place, name), self.send(params={**recipe.query, name: "\0"})
            elif place == "header":
                yield (place, name), self.send(headers={name: "two words"})
            elif place == "path" and parameter["schema"]["type"] != "string":
                filled = {**recipe.path, name: "%00"}
                path = path_of(self.endpoint, replace(recipe, path=filled), self.stage.rich)
                yield (place, name), self.send(path=path)

    def raw(self, *lines: str) -> socket.socket:
        """A connection over which the head of a request was sent, with these lines at its end."""
        path = urlsplit(self.stage.server.trace).path + quote(self.path)
        key = self.stage.rich.owner.headers["x-api-key"]
        head = [f"{self.endpoint.method} {path} HTTP/1.1", "Host: x", f"X-API-Key: {key}"]
        head += ["Connection: close", *lines]
        connection = socket.create_connection(
            ("127.0.0.1", self.stage.server.port), SOCKET_TIMEOUT_S
        )
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        return connection

    def answer(self, connection: socket.socket) -> httpx.Response:
        """What came over a raw connection; it is closed."""
        with connection:
            answer = read_raw(connection)
        answer.elapsed = timedelta()
        answer.request = httpx.Request(self.endpoint.method, self.stage.server.trace + self.path)
        return answer


@dataclass
class Cast:
    """Who calls: one without credits, one whose address is not proven, one at the rate limit."""

    poor: Customer
    unverified: Customer
    hurried: httpx.Client
    unread_key: httpx.Client
    """A key that the server has never looked up."""


def _unreadable(scene: Scene) -> httpx.Response:
    if scene.endpoint.takes_body:
        return scene.send(content=b'{"name": "\xff"}', headers={"Content-Type": JSON})
    return scene.answer(scene.raw("no colon here"))


def _unknown(scene: Scene) -> httpx.Response:
    """Everything that the path names is none, or something that the body names."""
    recipe = RECIPES[scene.endpoint.name]
    if recipe.unknown is not None:
        return scene.send(json=recipe.unknown)
    names = [part[1:-1] for part in scene.endpoint.path.split("/") if part.startswith("{")]
    values = {name: _UNKNOWN.get(name, "no-such-thing") for name in names}
    return scene.send(path=scene.endpoint.path.format(**values))


def _wrong_method(scene: Scene) -> httpx.Response:
    table = {one.method for one in endpoints().values() if _same_shape(one.path, scene)}
    method = next(one for one in _METHODS if one not in table)
    answer = scene.stage.rich.owner.request(method, scene.path)
    assert scene.endpoint.method in answer.headers["allow"].split(", ")
    return answer


def _same_shape(path: str, scene: Scene) -> bool:
    ours, theirs = scene.path.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(
        their.startswith("{") or our == their for our, their in zip(ours, theirs, strict=True)
    )


def _too_large(scene: Scene) -> httpx.Response:
    return scene.answer(scene.raw(f"Content-Length: {BODY_BYTES_MAX + 1}"))


def _not_validated(scene: Scene) -> httpx.Response:
    """A body that is no object, or a NUL for a parameter: it fits no type, no choice, no text."""
    if scene.endpoint.takes_body:
        return scene.send(json=["no object"])
    (_, answer), *_ = scene.wrong_parameters()
    return answer


def _failing(scene: Scene) -> httpx.Response:
    with table_gone(scene.stage.server, "api_keys"):
        return scene.send(scene.cast.unread_key)


STATUSES: Mapping[int, Provoke] = {
    400: _unreadable,
    401: lambda scene: scene.send(scene.stage.client()),
    402: lambda scene: call(scene.endpoint, scene.cast.poor),
    403: lambda scene: scene.send(scene.cast.unverified.owner),
    404: _unknown,
    405: _wrong_method,
    413: _too_large,
    415: lambda scene: scene.send(content=b"{}", headers={"Content-Type": "text/plain"}),
    422: _not_validated,
    429: lambda scene: scene.send(scene.cast.hurried),
    431: lambda scene: scene.send(headers={"X-Padding": "x" * 33_000}),
    500: _failing,
}
