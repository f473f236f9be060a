"""How a page's postings become ours, and which technologies their texts name: pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import ahocorasick_rs

from tracewell.extraction import Posting
from tracewell.trace.postings.model import SeenPosting
from tracewell.trace.texts import storable

TITLE_CHARS_MAX = 300
LOCATION_CHARS_MAX = 300
URL_CHARS_MAX = 2_048
TECHNOLOGIES_MAX = 50
NAME_CHARS_MIN = 3

_WORD = re.compile(r"\w")


class Vocabulary:
    """Finds the technologies that a text names: by their names as they are spelt, as whole words.

    Names shorter than `NAME_CHARS_MIN`, and those that begin with a small letter and hold nothing
    but letters, are words of the language as often as names: they are not looked for.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(name for name in names if _is_telling(name))
        self._automaton = ahocorasick_rs.AhoCorasick(
            self._names, matchkind=ahocorasick_rs.MatchKind.LeftmostLongest
        )

    def find_all(self, text: str) -> tuple[str, ...]:
        """The names, in order, at most `TECHNOLOGIES_MAX`."""
        found = {
            self._names[place]
            for place, start, end in self._automaton.find_matches_as_indexes(text)
            if _stands_alone(text, start, end)
        }
        return tuple(sorted(found)[:TECHNOLOGIES_MAX])


def _is_telling(name: str) -> bool:
    plain = name.isalpha() and name.islower()
    return len(name) >= NAME_CHARS_MIN and not plain


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    after = text[end : end + 1]
    return not (
        (_WORD.match(text[start]) and _WORD.match(before))
        or (_WORD.match(text[end - 1]) and _WORD.match(after))
    )


def seen_postings(
    postings: Iterable[Posting],
    vocabulary: Vocabulary,
    *,
    capture: str,
    observed_at: int,
) -> tuple[SeenPosting, ...]:
    """What one page posts, each posting once."""
    seen: dict[str, SeenPosting] = {}
    for posting in postings:
        title = " ".join(storable(posting.title).split())[:TITLE_CHARS_MAX]
        if not title:
            continue
        location = _clean(posting.location)
        url = storable(posting.url)[:URL_CHARS_MAX]
        key = posting_key(url, title, location)
        seen[key] = SeenPosting(
            key,
            title,
            location,
            posting.is_remote,
            _clean(posting.employment_type),
            posting.posted_at,
            posting.expires_at,
            url,
            capture,
            observed_at,
            vocabulary.find_all(f"{title}\n{posting.text}"),
        )
    return tuple(seen.values())


def posting_key(url: str, title: str, location: str | None) -> str:
    """What makes a posting the same one at the next visit: address, title and place."""
    told = "\0".join((url, title.casefold(), (location or "").casefold()))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def _clean(text: str | None) -> str | None:
    return " ".join(storable(text).split())[:LOCATION_CHARS_MAX] or None if text else None
