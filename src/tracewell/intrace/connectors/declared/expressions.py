"""JMESPath with the few functions that mapping an answer needs besides the standard's. Pure."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import jmespath
from jmespath import functions
from jmespath.parser import ParsedResult

_TAG: Final = re.compile(r"<[^<>]{0,1000}>")
_DAY: Final = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]")


class _Functions(functions.Functions):
    """`lower`, `day`, `plain`, `account`, `split`: all give null for null."""

    @functions.signature({"types": ["string", "null"]})
    def _func_lower(self, text: str | None) -> str | None:
        return text and text.lower()

    @functions.signature({"types": ["string", "number", "null"]})
    def _func_day(self, moment: str | float | None) -> str | None:
        """The day (YYYY-MM-DD) of an ISO 8601 time, or of seconds since the epoch."""
        if isinstance(moment, int | float):
            try:
                return datetime.fromtimestamp(moment, UTC).date().isoformat()
            except (ValueError, OverflowError, OSError):
                return None
        return moment[:10] if moment and _DAY.match(moment) else None

    @functions.signature({"types": ["string", "null"]})
    def _func_plain(self, text: str | None) -> str | None:
        """HTML as text on one line."""
        return " ".join(html.unescape(_TAG.sub(" ", text)).split()) if text else None

    @functions.signature({"types": ["string"]}, {"types": ["string", "number", "null"]})
    def _func_account(self, platform: str, handle: str | float | None) -> str | None:
        """`platform:handle`, the form of a profile page; null without a handle."""
        return f"{platform}:{str(handle).lower()}" if handle not in (None, "") else None

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_split(self, text: str | None, separator: str) -> list[str] | None:
        return text.split(separator)[:200] if text else None


_OPTIONS: Final = jmespath.Options(custom_functions=_Functions())


@lru_cache(maxsize=4_096)
def compile_expression(text: str) -> ParsedResult:
    """The expression, ready to be evaluated. Raises `jmespath.exceptions.JMESPathError`."""
    return jmespath.compile(text)


def evaluate(text: str, value: Any) -> Any:
    """What the expression finds in a JSON value. Raises `JMESPathError` where types clash."""
    return compile_expression(text).search(value, _OPTIONS)
