"""Named parameters and the few places where the two dialects differ.

A statement is written once with `:name` parameters. Where SQLite and PostgreSQL need different
words, `Sql(sqlite=..., postgresql=...)` holds both side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

Dialect = Literal["sqlite", "postgresql"]

# A colon that is neither part of a cast (`::`) nor inside a word; string literals hold none here.
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement in both dialects."""

    sqlite: str
    postgresql: str

    def of(self, dialect: Dialect) -> str:
        """The statement in that dialect."""
        return self.sqlite if dialect == "sqlite" else self.postgresql


Statement = str | Sql


@lru_cache(maxsize=2048)
def positional(statement: str, mark: str) -> tuple[str, tuple[str, ...]]:
    """Turns `:name` into `$1` or `?1`; a name used twice keeps one number.

    Returns the text for the driver and the names in the order of their numbers.
    """
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"{mark}{names.index(name) + 1}"

    return _PARAMETER.sub(number, statement), tuple(names)


def bind(names: Sequence[str], params: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values in the order of the statement's names; KeyError names a missing one."""
    return tuple([params[name] for name in names])
