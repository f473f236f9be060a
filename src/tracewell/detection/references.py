"""Letters that a page's source writes as references to characters, and the source without them.

What stands behind `&amp;` and the like is no business of this module: strings that are looked for
hold none of these signs (see `literals`).
"""

from __future__ import annotations

import functools
import html
import html.entities
import re

from tracewell.detection.scanning import PresenceScanner, make_presence_scanner

_WINDOW_BYTES = 64  # on either side of a reference; no string that is looked for is as long

# References that stand for printable ASCII other than the characters that needles never hold.
_DECIMAL = b"0*(?:3[2357]|4[0-9]|5[0-9]|61|6[3-9]|[7-9][0-9]|1[01][0-9]|12[0-6])"
_HEXADECIMAL = b"[xX]0*(?:2[0134589a-fA-F]|3[0-9abdfABDF]|[4-6][0-9a-fA-F]|7[0-9a-eA-E])"
_NAMES = "|".join(
    re.escape(name)
    for name, meaning in sorted(html.entities.html5.items())
    if any(" " <= character <= "~" and character not in "\"'&<>" for character in meaning)
).encode()
_TELLING = re.compile(
    b"(&(?:#(?:%b(?![0-9])|%b(?![0-9a-fA-F]));?|(?:%b)))" % (_DECIMAL, _HEXADECIMAL, _NAMES)
)
_PRESENT = (  # the same for Hyperscan, which cannot look ahead
    rb"&#%b(?:[^0-9]|\z)" % _DECIMAL,
    rb"&#%b(?:[^0-9a-fA-F]|\z)" % _HEXADECIMAL,
    b"&(?:%b)" % _NAMES,
)
_SAMPLES = (b"a&#65", b"&#0047;", b"&#x2f&", b" &#X0041;", b"&sol;", b"&lbrace;", b"x&period;y")


def reveal_references(flat: bytes, *, quick: bool = True) -> bytes | None:
    """The surroundings of all references to letters, the references resolved; None without any.

    A string of up to 64 characters that the parsed page has, and the source has not as it stands,
    is in what is returned. `quick=False` leaves Hyperscan alone.
    """
    if quick and (scan := _presence()) is not None and not scan.finds(flat):
        return None
    pieces = _TELLING.split(flat)  # text, reference, text, ...
    if len(pieces) == 1:
        return None
    near = 2 * _WINDOW_BYTES
    for number, text in zip(range(0, len(pieces), 2), pieces[::2], strict=True):
        if len(text) > near:
            before = text[:_WINDOW_BYTES] if number else b""
            behind = text[-_WINDOW_BYTES:] if number < len(pieces) - 1 else b""
            pieces[number] = before + b"\n" + behind
    pieces[1::2] = map(functools.cache(_resolve), pieces[1::2])  # there are few different ones
    return b"".join(pieces)


@functools.cache
def _presence() -> PresenceScanner | None:
    """Whether there is one at all: ten pages in eleven have none, and are soon done."""
    return make_presence_scanner(_PRESENT, _SAMPLES)


def _resolve(reference: bytes) -> bytes:
    return html.unescape(reference.decode("ascii")).encode("ascii", "replace")
