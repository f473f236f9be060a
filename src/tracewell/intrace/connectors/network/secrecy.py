"""Keys of the sources, and the last wall that keeps them out of whatever is told or stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "[redacted]"
_SECRET_CHARACTERS_MIN: Final = 4


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a deployment says of one source: its key, and another address for it."""

    key: str | None = field(default=None, repr=False)
    base_url: str | None = None


class Redaction:
    """Takes secrets out of texts, also in the forms that they take in a URL."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {
            form
            for secret in secrets
            if len(secret) >= _SECRET_CHARACTERS_MIN
            for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))
        }
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """The text with every secret replaced."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        return text
