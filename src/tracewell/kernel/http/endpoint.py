"""How an endpoint is declared: once, as data, with who may call it and what it costs.

The FastAPI route, the gate's table, the OpenAPI responses and the table of charges are made from
this list, so that no route can be added without saying who may call it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel
from starlette.responses import Response

from tracewell.kernel.errors import ErrorKind
from tracewell.kernel.http.answer import JSON


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint, and what a call costs.

    `scopes`: all of them are needed. `user_only`: an org's key does not do. `charges`: what is
    charged, in words, None for a free endpoint.
    """

    scopes: frozenset[str] = frozenset()
    user_only: bool = False
    charges: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation. `path` begins with `/v1/`; `errors` are those beyond the product's usual.

    `media_types` are documented where there is no `answer` model: a file in any of these.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Response]]
    access: Access
    summary: str
    answer: type[BaseModel] | None
    tag: str
    status: int = 200
    errors: tuple[ErrorKind, ...] = ()
    takes_body: bool = False
    media_types: tuple[str, ...] = (JSON,)

    @property
    def name(self) -> str:
        """How ledger, metrics and docs call it: `GET /v1/companies/{identifier}`."""
        return f"{self.method} {self.path}"


class Matched(NamedTuple):
    """An endpoint and the raw (percent-decoded) values of its path's parameters."""

    endpoint: Endpoint
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path exists, the method does not."""

    allowed: tuple[str, ...]


class EndpointTable:
    """Finds the endpoint of a path: literal paths by dictionary, the others by their length."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._literal: dict[str, dict[str, Endpoint]] = {}
        self._shaped: dict[int, list[tuple[re.Pattern[str], dict[str, Endpoint]]]] = {}
        for endpoint in endpoints:
            self._add(endpoint)

    def _add(self, endpoint: Endpoint) -> None:
        if "{" not in endpoint.path:
            self._literal.setdefault(endpoint.path, {})[endpoint.method] = endpoint
            return
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", endpoint.path))
        shapes = self._shaped.setdefault(endpoint.path.count("/"), [])
        for known, methods in shapes:
            if known.pattern == pattern.pattern:
                methods[endpoint.method] = endpoint
                return
        shapes.append((pattern, {endpoint.method: endpoint}))

    def find(self, method: str, path: str) -> Matched | WrongMethod | None:
        """The endpoint, or which methods the path has, or None for an unknown path."""
        methods = self._literal.get(path)
        params: dict[str, Any] = {}
        if methods is None:
            for pattern, candidates in self._shaped.get(path.count("/"), ()):
                match = pattern.fullmatch(path)
                if match is not None:
                    methods, params = candidates, match.groupdict()
                    break
        if methods is None:
            return None
        endpoint = methods.get(method)
        if endpoint is None:
            return WrongMethod(tuple(sorted(methods)))
        return Matched(endpoint, params)
