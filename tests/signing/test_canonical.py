"""RFC 8785 canonical JSON."""

from __future__ import annotations

from typing import Any

import pytest

from tracewell.kernel.signing import CanonicalJsonError, canonical_json


def test_the_example_of_rfc_8785_section_3_2() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert canonical_json(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_members_are_sorted_by_utf_16_code_units_as_in_section_3_2_3() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = ["\\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    text = canonical_json(value).decode()
    positions = [text.index(f'"{name}":') for name in order]
    assert positions == sorted(positions)


def test_the_order_in_which_a_value_was_built_makes_no_difference() -> None:
    assert canonical_json({"a": 1, "b": {"c": 2, "d": 3}}) == canonical_json(
        {"b": {"d": 3, "c": 2}, "a": 1.0}
    )


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, "\ud800", {1: "x"}, {"x": b"bytes"}, _deep(100_000)],
    ids=["nan", "infinity", "2**53", "lone surrogate", "number as name", "bytes", "deep"],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(CanonicalJsonError):
        canonical_json(value)


def test_the_error_does_not_repeat_the_value() -> None:
    with pytest.raises(CanonicalJsonError) as caught:
        canonical_json({"phone": 31612345678901234567})
    assert "31612345678901234567" not in str(caught.value)
