"""The text form of allow entries, and what a pattern matches."""

from __future__ import annotations

import pytest

from tracewell.web.guard import parse_allow


@pytest.mark.parametrize(
    "text, pattern, connect_to",
    [
        ("*.example=127.0.0.1:8480", "*.example", ("127.0.0.1", 8480)),
        (" Shop.Example = 10.0.0.7:80 ", "shop.example", ("10.0.0.7", 80)),
        ("*.a.example=[::1]:8480", "*.a.example", ("::1", 8480)),
    ],
)
def test_an_allow_entry_is_read_from_text(
    text: str, pattern: str, connect_to: tuple[str, int]
) -> None:
    entry = parse_allow(text)
    assert (entry.host_pattern, entry.connect_to) == (pattern, connect_to)


@pytest.mark.parametrize(
    "text",
    ["", "*.example", "*=127.0.0.1:80", "*.*=127.0.0.1:80", "a.example=localhost:80",
     "a.example=127.0.0.1", "a.example=127.0.0.1:0", "a.example=127.0.0.1:70000",
     "127.0.0.1=127.0.0.1:80", "a b.example=127.0.0.1:80", "a.example=127.0.0.1:8o"],
)  # fmt: skip
def test_a_bad_allow_entry_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="an allow entry"):
        parse_allow(text)


def test_a_wide_allow_entry_matches_below_its_name_and_not_beside_it() -> None:
    entry = parse_allow("*.shop.example=127.0.0.1:80")
    assert entry.matches("a.shop.example")
    assert entry.matches("a.b.shop.example")
    assert not entry.matches("shop.example")
    assert not entry.matches("ashop.example")
    assert not entry.matches(".shop.example")
