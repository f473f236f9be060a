"""The keys that bound a page are those of a full sort, wherever it lies and whatever the ties."""

from __future__ import annotations

import numpy as np
import pytest

from tracewell.trace.companies.views import keys_at


@pytest.mark.parametrize("count", [1, 2, 70, 1_000, 30_000])
@pytest.mark.parametrize("different", [1, 3, 40, 2**40])
@pytest.mark.parametrize("order", ["drawn", "ascending", "descending", "hidden from the sample"])
def test_the_bounds_of_a_page_are_those_of_a_full_sort(
    count: int, different: int, order: str
) -> None:
    chance = np.random.default_rng(count)
    keys = chance.integers(0, different, count)
    if order == "ascending":
        keys = np.sort(keys)
    elif order == "descending":
        keys = np.sort(keys)[::-1]
    elif order == "hidden from the sample":
        keys[::64] = different // 2
    meant = np.sort(keys)
    for first in {0, 1, count // 9, count // 2, count - count // 9, count - 2, count - 1}:
        for size in (1, 50, count // 10 + 1):
            last = min(first + size, count)
            if 0 <= first < last:
                assert keys_at(keys, first, last) == (meant[first], meant[last - 1])
