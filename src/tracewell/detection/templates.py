"""Version templates of the public fingerprint format: `\\1`, `\\1?a:b`, plain text.

Pure text work; what matched is given by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

VERSION_LENGTH_MAX = 15
GROUP_LENGTH_MAX = 10
NUMBER_MAX = 10_000


def fill_template(template: str, groups: Sequence[str | None]) -> str | None:
    """The version that a match tells, or None when it tells none.

    `groups[0]` is the whole match. `\\N` stands for group N (empty when it took no part), `\\N?a:b`
    for a when group N matched something and else for b; a reaches to the first colon, b to the end.
    A group longer than ten characters is no version (the format's own rule) and voids the template,
    as does a reference to a group that the pattern does not have.
    """
    filled = _fill(template, groups)
    if filled is None:
        return None
    version = filled.strip()
    return version if is_version(version) else None


def _fill(template: str, groups: Sequence[str | None]) -> str | None:
    parts: list[str] = []
    at = 0
    while at < len(template):
        if not (template[at] == "\\" and template[at + 1 : at + 2] in tuple("0123456789")):
            parts.append(template[at])
            at += 1
            continue
        number = int(template[at + 1])
        if number >= len(groups):
            return None
        group = groups[number] or ""
        rest = template[at + 2 :]
        yes, colon, no = rest[1:].partition(":")
        if rest.startswith("?") and colon and yes:
            chosen = _fill(yes if group else no, groups)
            return None if chosen is None else "".join(parts) + chosen
        if len(group) > GROUP_LENGTH_MAX:
            return None
        parts.append(group)
        at += 2
    return "".join(parts)


def is_version(text: str) -> bool:
    """Whether the format takes the text for a version: 1 to 15 characters, below 10,000."""
    if not 0 < len(text) <= VERSION_LENGTH_MAX:
        return False
    return _leading_number(text) < NUMBER_MAX


def _leading_number(text: str) -> int:
    end = 0
    while end < len(text) and text[end] in "0123456789":
        end += 1
    return int(text[:end]) if end else 0


def pick_version(versions: Sequence[str]) -> str | None:
    """The version to tell of several: the longest, then the highest; None of none.

    The length rule is the format's (2.4.1 says more than 2); the second makes the answer
    independent of the order in which the patterns matched.
    """
    if len(versions) < 2:
        return versions[0] if versions else None
    return max(versions, key=lambda version: (len(version), _sort_key(version)))


def _sort_key(version: str) -> tuple[tuple[int, ...], str]:
    numbers = tuple(int(part) for part in version.split(".") if part.isascii() and part.isdigit())
    return numbers, version
