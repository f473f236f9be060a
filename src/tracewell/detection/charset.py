"""Which encoding a page is in, as browsers decide it, and where its characters lie in its bytes."""

from __future__ import annotations

import bisect
import codecs
import itertools
import re
from dataclasses import dataclass, field
from typing import Any

PRESCAN_BYTES = 1024
_CHUNK_BYTES = 4096
_CONTINUATIONS = bytes(range(0x80, 0xC0))  # all bytes of a character of UTF-8 but the first
_CHUNK_CHARS = 4096
_READ_LENGTH = 32_768

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_META_CHARSET = re.compile(
    rb"""<meta[^>]{1,400}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)

# Labels of the WHATWG Encoding Standard -> the Python codec that decodes the same bytes. Any label
# that is not here is ignored: `codecs.lookup` would also take "rot13" or "unicode_escape".
_LABELS: dict[str, str] = {
    **dict.fromkeys(("utf-8", "utf8", "unicode-1-1-utf-8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("utf-16", "utf-16le", "unicode", "ucs-2", "iso-10646-ucs-2"), "utf-16-le"),
    **dict.fromkeys(("utf-16be", "unicodefffe"), "utf-16-be"),
    **dict.fromkeys(
        (
            *("iso-8859-1", "iso8859-1", "iso_8859-1", "iso88591", "latin1", "l1", "ascii"),
            *("us-ascii", "cp1252", "windows-1252", "x-cp1252", "cp819", "ibm819"),
        ),
        "cp1252",
    ),
    **dict.fromkeys(("iso-8859-9", "latin5", "windows-1254", "cp1254", "iso8859-9"), "cp1254"),
    **dict.fromkeys(("tis-620", "iso-8859-11", "windows-874", "dos-874"), "cp874"),
    **dict.fromkeys(
        ("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms_kanji"), "cp932"
    ),
    **dict.fromkeys(("euc-jp", "x-euc-jp"), "euc_jp"),
    "iso-2022-jp": "iso2022_jp",
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "ksc5601", "korean", "windows-949"), "cp949"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80", "chinese", "gb18030"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("koi8-r", "koi8", "koi", "koi8_r"), "koi8_r"),
    **dict.fromkeys(("koi8-u", "koi8-ru"), "koi8_u"),
    **dict.fromkeys(("macintosh", "mac", "x-mac-roman"), "mac_roman"),
    "x-mac-cyrillic": "mac_cyrillic",
    **dict.fromkeys(("ibm866", "cp866", "866"), "cp866"),
    "iso-8859-8-i": "iso8859_8",
    **{f"windows-{number}": f"cp{number}" for number in (1250, 1251, 1253, 1255, 1256, 1257, 1258)},
    **{f"cp{number}": f"cp{number}" for number in (1250, 1251, 1253, 1255, 1256, 1257, 1258)},
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"iso8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}
_MULTI_BYTE = frozenset(
    {"cp932", "euc_jp", "iso2022_jp", "cp949", "gb18030", "big5hkscs", "utf-16-le", "utf-16-be"}
)


def _undefined_as_control(error: UnicodeError) -> tuple[str, int]:
    """Bytes that a code page leaves open decode to the C1 control of the same number."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(map(chr, bad)), error.end


codecs.register_error("tracewell_c1", _undefined_as_control)


def sniff_encoding(body: bytes, content_type: str | None) -> str:
    """The Python codec for a page: byte-order mark, then header, then `<meta>` in the first
    kilobyte, then windows-1252 (or UTF-8, where all of the body happens to be valid UTF-8).

    After the WHATWG rules, except for the last step, which spares pages that declare nothing.
    """
    for mark, codec in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return codec
    declared = _HEADER_CHARSET.search((content_type or "")[:1000])
    if declared and (label := declared[1].lower()) in _LABELS:
        return _LABELS[label]
    in_meta = _META_CHARSET.search(body, 0, PRESCAN_BYTES)
    if in_meta and (label := in_meta[1].decode("ascii", "replace").lower()) in _LABELS:
        return "utf-8" if _LABELS[label].startswith("utf-16") else _LABELS[label]
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data"  # a cut last character is no fault
        return "utf-8" if cut else "cp1252"
    return "utf-8"


@dataclass(slots=True)
class DecodedBody:
    """A body as text with `\\n` line ends and no byte-order mark, and the way back to its bytes.

    `flat` has one byte for each character of the text, anything for those beyond ASCII: a form in
    which strings of ASCII are looked for, and their places are the text's. `_raw` is what the body
    holds with its carriage returns: bytes for UTF-8, else text.
    """

    body: bytes
    encoding: str
    text: str
    flat: bytes
    _raw: Any = b""
    _line_end: Any = None
    _mark_bytes: int = 0
    _checkpoints: list[tuple[int, tuple[bytes, int]]] = field(default_factory=list)
    _returns: list[int] = field(default_factory=list)
    _text_read: int = 0
    _raw_read: int = 0
    _chunk_starts: list[int] = field(default_factory=lambda: [0])
    # For UTF-8: its bytes with one sign for a line end, and how many characters begin before each
    # chunk of _CHUNK_BYTES of them; none where they are no UTF-8.
    _utf8: bytes = b""
    _counts: list[int] = field(default_factory=list)

    def byte_offset(self, index: int) -> int:
        """The offset in the body of the character at `index` of `text` (its length: the end)."""
        if self.encoding == "utf-8":
            return self._mark_bytes + self._with_returns(self._utf8_offset(index))
        raw_index = self._with_returns(index)
        if self.encoding not in _MULTI_BYTE:
            return raw_index
        return self._multi_byte_offset(raw_index)

    def locate(self, start: int, end: int) -> tuple[int, int, str]:
        """Where the characters [start, end) of `text` lie in the body, and the text of its bytes
        there, with the line ends that they have."""
        first = self.byte_offset(start)
        piece = self.text[start:end]
        if piece.isascii() and "\n" not in piece and self.encoding not in _MULTI_BYTE:
            return first, first + len(piece), piece  # a byte each
        last = self.byte_offset(end)
        return first, last, self.body[first:last].decode(self.encoding, "replace")

    def _utf8_offset(self, index: int) -> int:
        """How many bytes of UTF-8 the characters before `index` take."""
        if self.text.isascii():
            return index
        if self._counts:
            number = bisect.bisect_right(self._counts, index) - 1
            at = number * _CHUNK_BYTES
            while self._utf8[at : at + 1] in _CONTINUATIONS and at < len(self._utf8):
                at += 1
            return at + _utf8_size(self.text[self._counts[number] : index])
        chunk = index // _CHUNK_CHARS
        starts = self._chunk_starts
        if chunk >= len(starts):
            places = range((len(starts) - 1) * _CHUNK_CHARS, chunk * _CHUNK_CHARS, _CHUNK_CHARS)
            pieces = [self.text[at : at + _CHUNK_CHARS] for at in places]
            sizes = [
                len(piece) if piece.isascii() else len(piece.encode("utf-8", "surrogateescape"))
                for piece in pieces
            ]
            starts += itertools.accumulate(sizes, initial=starts.pop())
        return starts[chunk] + _utf8_size(self.text[chunk * _CHUNK_CHARS : index])

    def _with_returns(self, at: int) -> int:
        """A place of the text (for UTF-8: of its bytes), counted with the carriage returns."""
        if self._line_end is None:
            return at
        while self._text_read < at and self._raw_read < len(self._raw):
            self._read_line_ends()
        return at + bisect.bisect_right(self._returns, at)

    def _read_line_ends(self) -> None:
        """Notes for the next lines the places behind each line end, in the text that has one sign
        for it: what is asked for stands mostly near the beginning."""
        end = self._raw_read + _READ_LENGTH
        if self._raw[end - 1 : end + 1] == self._line_end:
            end += 1
        piece = self._raw[self._raw_read : end]
        *lines, rest = piece.split(self._line_end)
        ends = itertools.accumulate([len(line) + 1 for line in lines], initial=self._text_read)
        _, *behind = ends
        self._returns += behind
        self._text_read = (behind[-1] if behind else self._text_read) + len(rest)
        self._raw_read += len(piece)

    def _multi_byte_offset(self, raw_index: int) -> int:
        """Decode again, byte by byte, from the last stored state before the character."""
        number = bisect.bisect_left(self._checkpoints, raw_index, key=lambda point: point[0]) - 1
        characters, state = self._checkpoints[max(number, 0)]
        offset = self._mark_bytes + max(number, 0) * _CHUNK_BYTES
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        decoder.setstate(state)
        while characters < raw_index and offset < len(self.body):
            offset += 1
            characters += len(decoder.decode(self.body[offset - 1 : offset]))
        return offset


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def flatten(text: str) -> bytes:
    """One byte for each character: those of ASCII as they are, `?` for others."""
    return text.encode("ascii", "replace")


def decode_body(body: bytes, content_type: str | None) -> DecodedBody:
    """The page as text; never fails, whatever the bytes are and whatever they claim to be."""
    encoding = sniff_encoding(body, content_type)
    marks = (mark for mark, codec in _BYTE_ORDER_MARKS if codec == encoding)
    mark_bytes = next((len(mark) for mark in marks if body.startswith(mark)), 0)
    checkpoints: list[tuple[int, tuple[bytes, int]]] = []
    if encoding == "utf-8":
        return _decode_utf8(body, mark_bytes)
    if encoding in _MULTI_BYTE:
        raw = _decode_in_chunks(body, mark_bytes, encoding, checkpoints)
    else:
        raw = body.decode(encoding, "tracewell_c1")
    text = raw.replace("\r\n", "\n").replace("\r", "\n") if "\r" in raw else raw
    line_end = "\r\n" if len(raw) != len(text) else None
    return DecodedBody(body, encoding, text, flatten(text), raw, line_end, mark_bytes, checkpoints)


def _decode_utf8(body: bytes, mark_bytes: int) -> DecodedBody:
    raw = body[mark_bytes:] if mark_bytes else body
    # Carriage returns go before decoding: no other character of UTF-8 holds their byte.
    utf8 = raw
    if b"\r" in raw:
        # Quicker than to replace them, where there are many.
        utf8 = b"\n".join(raw.split(b"\r\n")).replace(b"\r", b"\n")
    text = utf8.decode("utf-8", "surrogateescape")
    flat, counts = utf8, list[int]()
    if len(utf8) != len(text):
        # In chunks, which tell later where a character lies in the bytes.
        places = range(0, len(utf8), _CHUNK_BYTES)
        pieces = [utf8[at : at + _CHUNK_BYTES] for at in places]
        chunks = [one if one.isascii() else one.translate(None, _CONTINUATIONS) for one in pieces]
        counts = list(itertools.accumulate(map(len, chunks[:-1]), initial=0))
        flat = b"".join(chunks)
        if len(flat) != len(text):  # bytes that are no UTF-8
            flat, counts = flatten(text), []
    line_end = b"\r\n" if len(raw) != len(utf8) else None
    decoded = DecodedBody(body, "utf-8", text, flat, raw, line_end, mark_bytes)
    decoded._utf8, decoded._counts = utf8, counts
    return decoded


def _decode_in_chunks(
    body: bytes, start: int, encoding: str, checkpoints: list[tuple[int, tuple[bytes, int]]]
) -> str:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    parts: list[str] = []
    count = 0
    for at in range(start, max(len(body), start + 1), _CHUNK_BYTES):
        checkpoints.append((count, decoder.getstate()))
        parts.append(decoder.decode(body[at : at + _CHUNK_BYTES]))
        count += len(parts[-1])
    return "".join([*parts, decoder.decode(b"", True)])
