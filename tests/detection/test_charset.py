"""Every character of a decoded page leads back to its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewell.detection import charset
from tracewell.detection.charset import decode_body

PIECES = st.sampled_from(
    ("a", "\r\n", "\r", "\n", "é", "日本", "😀", "<p>", "\r\n\r\n", "x" * 15, "ß\r\n", "\r\r\n")
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PIECES, max_size=40),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16-le", "gb18030", "shift_jis", "windows-1252")),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_every_character_leads_back_to_its_bytes(
    pieces: list[str], encoding: str, order: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charset, "_READ_LENGTH", 7)
        patch.setattr(charset, "_CHUNK_CHARS", 5)
        patch.setattr(charset, "_CHUNK_BYTES", 6)
        raw = "".join(pieces)
        raw = raw.encode(encoding, "ignore").decode(encoding)
        label = encoding.removesuffix("-sig")
        bom = b"\xff\xfe" if encoding == "utf-16-le" else b""
        decoded = decode_body(bom + raw.encode(encoding), f"text/html; charset={label}")
        assert decoded.text == raw.replace("\r\n", "\n").replace("\r", "\n")
        assert len(decoded.flat) == len(decoded.text)
        for character, byte in zip(decoded.text, decoded.flat, strict=True):
            assert byte == ord(character) if character.isascii() else byte not in range(0x20)
        for index in (*order, *range(len(decoded.text) + 1)):
            if index > len(decoded.text):
                continue
            for end in range(index, min(index + 12, len(decoded.text)) + 1):
                assert decoded.locate(index, end)[:2] == (
                    decoded.byte_offset(index),
                    decoded.byte_offset(end),
                )
                excerpt = decoded.locate(index, end)[2].replace("\r\n", "\n").replace("\r", "\n")
                assert excerpt == decoded.text[index:end]
            rest = decoded.body[decoded.byte_offset(index) :].decode(decoded.encoding)
            assert rest.replace("\r\n", "\n").replace("\r", "\n") == decoded.text[index:]


@pytest.mark.parametrize(
    "body", [b"\x80a", b"\xc3", b"\xe2\x82a\xac", b"a\xed\xa0\x80", b"\xc3\xa9\xa9\r\n\xff"]
)
def test_bytes_that_are_no_utf8_are_a_character_each(body: bytes) -> None:
    decoded = decode_body(body, "text/html; charset=utf-8")
    assert len(decoded.flat) == len(decoded.text)
    assert decoded.byte_offset(len(decoded.text)) == len(body)
