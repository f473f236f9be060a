"""How an error is declared: once, as data, in a product's catalogue.

From a catalogue come the wire bodies, the OpenAPI responses, the docs page, the client's exceptions
and the conformance table. The catalogues themselves are the products'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Shape = Literal["flat", "nested", "minimal", "detail", "envelope", "framework"]
"""Which body an error has on the wire; each product's `wire` module says how each looks."""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One error code of a product.

    `message` is what the body says unless the place that raises knows better; `cause` and `remedy`
    are for the docs page.
    """

    code: str
    status: int
    message: str
    cause: str
    remedy: str
    shape: Shape


class ApiError(Exception):
    """An error that a product tells its caller.

    `context` holds the further members of the body, in their order; `headers` are added to the
    answer.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str | None = None,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        **context: Any,
    ) -> None:
        super().__init__(kind.code)
        self.kind = kind
        self.message = kind.message if message is None else message
        self.context = context
        self.headers = headers


class Catalogue:
    """All error kinds of one product, each code once, in the order of the docs page."""

    def __init__(self, *kinds: ErrorKind) -> None:
        self._by_code = {kind.code: kind for kind in kinds}
        if len(self._by_code) != len(kinds):
            raise ValueError("a code stands twice in the catalogue")

    def __iter__(self) -> Iterator[ErrorKind]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def __getitem__(self, code: str) -> ErrorKind:
        return self._by_code[code]
