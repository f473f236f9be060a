"""Version templates: back-references, ternaries, and the format's bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.detection.templates import fill_template, is_version, pick_version


@pytest.mark.parametrize(
    ("template", "groups", "version"),
    [
        (r"\1", ("x1.2", "1.2"), "1.2"),
        (r"\1.\2", ("", "3", "4"), "3.4"),
        (r"\1", ("", None), None),
        (r"\1", ("", "12345678901"), None),
        (r"\2", ("", "1"), None),
        (r"\1?4:5", ("", "x"), "4"),
        (r"\1?4:5", ("", ""), "5"),
        (r"\1?4:5", ("", None), "5"),
        (r"\1?Next:", ("", None), None),
        (r"\1?\1:\2", ("", None, "7.1"), "7.1"),
        (r"\1?\1:\2", ("", "8.1", "7.1"), "8.1"),
        (r"API v\1", ("", "3"), "API v3"),
        (r"2+", ("",), "2+"),
        (r"\1?1 (Enterprise):1 (Community)", ("", "x"), "1 (Enterprise)"),
        (r"\1", ("", "20240101"), None),
        (r"\0", ("2.1",), "2.1"),
        (r"\1?", ("", "3"), "3?"),
    ],
)
def test_a_template_tells_this_version(
    template: str, groups: tuple[str | None, ...], version: str | None
) -> None:
    assert fill_template(template, groups) == version


_GROUP = st.one_of(st.none(), st.text("0123456789.x", max_size=12))


@given(st.text(max_size=30), st.lists(_GROUP, min_size=1, max_size=5))
def test_any_template_gives_a_version_or_none(template: str, groups: list[str | None]) -> None:
    version = fill_template(template, groups)
    assert version is None or is_version(version)


@given(st.text("0123456789.", max_size=12))
def test_a_lone_reference_tells_exactly_the_group(group: str) -> None:
    expected = group if len(group) <= 10 and is_version(group) else None
    assert fill_template(r"\1", ("", group)) == expected


@given(
    st.one_of(st.none(), st.text("ab1", max_size=5)),
    st.text("0123456789.", min_size=1, max_size=5),
    st.text("0123456789.", max_size=5),
)
def test_a_ternary_asks_whether_its_group_matched_something(
    group: str | None, yes: str, no: str
) -> None:
    expected = yes if group else no
    told = fill_template(rf"\1?{yes}:{no}", ("", group))
    assert told == (expected if is_version(expected) else None)


@given(st.lists(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True), max_size=6))
def test_the_picked_version_does_not_depend_on_the_order(versions: list[str]) -> None:
    picked = pick_version(versions)
    assert picked == pick_version(versions[::-1]) == pick_version(sorted(versions))
    assert (picked is None) == (not versions)
    assert picked is None or len(picked) == max(map(len, versions))
