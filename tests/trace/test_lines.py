"""Lines in memory are found as Python finds them, in few companies and in many."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pyroaring import BitMap

from tracewell.trace.companies.lines import END, LinesGathering, LinesPart, lines_of, no_lines
from tracewell.trace.index.masks import bitmap_of_ids

WORDS = ("ab", "ba", "a b", "é", "ß", "語", "x\ny", ".com", "ltd", "%")


def draw_lines(count: int) -> dict[int, list[str]]:
    chance = random.Random(count)
    places = chance.sample(range(1 << 16), count)
    return {
        place: ["".join(chance.choices(WORDS, k=chance.randint(0, 4))) for _ in range(3)]
        for place in places
    }


def gathered(lines: dict[int, list[str]], part: int) -> LinesPart:
    """That part of companies that lie there, their lines gathered one kind after the other."""
    gathering = LinesGathering()
    mixed = random.Random(2).sample(sorted(lines), len(lines))
    for kind in range(3):
        gathering.add([place + (part << 16) for place in mixed], [lines[p][kind] for p in mixed])
    *before, made = gathering.parts()
    assert all(one.text == no_lines().text for one in before)
    return made


def stored(lines: list[str]) -> bytes:
    # A name may have line breaks, what follows has none.
    name, *further = [line if n == 0 else line.replace("\n", "") for n, line in enumerate(lines)]
    return lines_of(name, "\n".join([name, *further]))


@pytest.mark.parametrize("count", [1, 300, 20_000])
@pytest.mark.parametrize("at_start", [False, True])
def test_lines_are_found_as_python_finds_them(count: int, at_start: bool) -> None:
    lines = draw_lines(count)
    lines = {
        place: [own[0], *(one.replace("\n", "") for one in own[1:])] for place, own in lines.items()
    }
    part = gathered(lines, 3)
    chance = random.Random(1)
    # Others take the place of some: longer ones, shorter ones, none, and some that were not there.
    changed = sorted({*chance.sample(range(1 << 16), 50), 0, (1 << 16) - 1})
    fresh = [stored(chance.choices(WORDS, k=3)) for _ in changed]
    part = part.replaced(changed, fresh)
    meant = {place: stored(own) for place, own in lines.items()} | dict(
        zip(changed, fresh, strict=True)
    )
    assert all(part.of(place) == own for place, own in meant.items())
    places = np.array(sorted(meant), np.uint32)
    for text in (*WORDS, "aba", "comlt", "éß", "y", "abab", "zz", "語" * 9):
        wanted = text.encode()
        found = part.holding(wanted, places, at_start=at_start)
        fits = {
            place
            for place, own in meant.items()
            if any(
                line.startswith(wanted) if at_start else wanted in line for line in own.split(END)
            )
        }
        assert set(found.tolist()) == fits


@pytest.mark.parametrize("ids", [[], [0], [2**32 - 1], range(5, 200_000, 3)])
def test_ids_become_the_bitmap_of_them(ids: list[int]) -> None:
    assert bitmap_of_ids(np.array(ids, np.int64)) == BitMap(ids)
