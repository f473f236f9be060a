"""Slips in query strings, refused where an answer costs credits: a filter whose name is misspelt,
or that stands twice, would be paid for without having filtered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches

from fastapi import APIRouter, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute

NEAR = 0.75
"""How alike two names are, by difflib's ratio, when one is taken for a slip of the other."""
_CHARS_TO_BE_HELD = 4
_NAME_CHARS_MAX = 40
_NAMES_MAX = 100


class NoSlips:
    """A route's dependency; `learn` tells it the route once that is made.

    Raises RequestValidationError for a parameter of the route that stands twice, and for one whose
    name holds, or nearly is, that of a parameter of the route. Any other says nothing, as with
    FastAPI.
    """

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()

    def learn(self, router: APIRouter) -> None:
        """Takes the names from the route that was added last."""
        route = router.routes[-1]
        assert isinstance(route, APIRoute)
        fields = get_flat_params(route.dependant)
        self._names = frozenset(one.alias for one in fields if isinstance(one.field_info, Query))

    async def __call__(self, request: Request) -> None:
        """Looks at the first hundred names: who sends more has made no slip."""
        times = Counter(name for name, _ in request.query_params.multi_items())
        wrong = []
        for name, count in list(times.items())[:_NAMES_MAX]:
            told = self._told(name, count)
            if told is not None:
                loc, value = ("query", name), request.query_params[name]
                wrong.append({"type": told[0], "loc": loc, "msg": told[1], "input": value})
        if wrong:
            raise RequestValidationError(wrong)

    def _told(self, name: str, count: int) -> tuple[str, str] | None:
        if name in self._names:
            once = "Input should be given once; several values are separated by commas"
            return ("multiple_argument_values", once) if count > 1 else None
        meant = find_meant(name, self._names)
        told = f"Extra inputs are not permitted; is `{meant}` meant?"
        return ("extra_forbidden", told) if meant is not None else None


def find_meant(name: str, names: Iterable[str]) -> str | None:
    """The name that another one holds or nearly is."""
    if len(name) > _NAME_CHARS_MAX:
        return None
    written, known = name.lower(), sorted(names, key=len, reverse=True)
    held = (one for one in known if len(one) >= _CHARS_TO_BE_HELD and one in written)
    near = get_close_matches(written, known, n=1, cutoff=NEAR)
    return near[0] if near else next(held, None)
