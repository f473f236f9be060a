"""Texts on their way in and out: what clients may send, what databases can hold, slugs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import StringConstraints

SLUG_CHARS_MAX = 80
SLUG_PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_SLUG = re.compile(SLUG_PATTERN)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# PostgreSQL's text holds no NUL.
NO_NUL_PATTERN = r"^[^\u0000]*$"

SearchText = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL_PATTERN)]

# Letters that Unicode does not decompose into a base letter and a mark.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "œ": "oe", "ı": "i",
     "+": " plus ", "#": " sharp ", "&": " and "}
)  # fmt: skip

_LEGAL_FORMS = frozenset(
    {"ab", "ag", "aps", "as", "asa", "bv", "co", "company", "corp", "corporation", "gmbh", "inc",
     "incorporated", "kg", "kk", "limited", "llc", "llp", "lp", "ltd", "mbh", "nv", "oy", "plc",
     "pte", "pty", "pvt", "sa", "sarl", "sas", "se", "sl", "spa", "srl"}
)  # fmt: skip


def is_slug(text: str) -> bool:
    """Whether the text can be one of our slugs: such a text never looks like a domain."""
    return len(text) <= SLUG_CHARS_MAX and _SLUG.fullmatch(text) is not None


def slugify(text: str) -> str:
    """Lower-case ASCII words joined by hyphens; "" where no letter or digit of ASCII remains."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return "-".join(words)[: SLUG_CHARS_MAX - 8].strip("-")


def free_slug(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """The wanted slug, or the first of `wanted-2`, `wanted-3`, ... that is free."""
    slug, number = wanted, 1
    while is_taken(slug):
        number += 1
        slug = f"{wanted}-{number}"
    return slug


def storable(text: str) -> str:
    """The text as every database can hold it: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def sort_key(text: str) -> str:
    """What names are sorted by: letter case does not matter."""
    return storable(text).casefold()


def name_key(name: str) -> str:
    """What two spellings of one company's name share: no case, marks, punctuation, legal form."""
    words = slugify(name).split("-")
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
    return "-".join(words)


def like_pattern(text: str) -> str:
    """A LIKE pattern (escape character `\\`) for texts that hold `text`, casefolded."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text.casefold())
    return f"%{escaped}%"
