"""Bitmaps made of masks are those made of the ids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pyroaring import BitMap

from tracewell.trace.index.masks import bitmap_of_masks


def parts_of(mask: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    return [mask[first : first + 65_536] for first in range(0, len(mask), 65_536)]


@pytest.mark.parametrize("length", [0, 1, 7, 65_535, 65_536, 65_537, 300_001])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.06, 0.0625, 0.07, 0.5, 1.0])
def test_a_mask_becomes_the_bitmap_of_its_places(length: int, share: float) -> None:
    mask = np.random.default_rng(length).random(length) < share
    made = bitmap_of_masks(parts_of(mask))
    meant = BitMap(np.flatnonzero(mask).tolist())
    assert made == meant
    assert len(made) == len(meant)
    assert BitMap.deserialize((made | BitMap([5])).serialize()) == meant | BitMap([5])


@pytest.mark.parametrize("count", [4_095, 4_096, 4_097, 65_536])
def test_containers_change_their_form_at_the_formats_bound(count: int) -> None:
    mask = np.zeros(200_000, np.bool_)
    mask[70_000 : 70_000 + count] = True
    assert bitmap_of_masks(parts_of(mask)) == BitMap(range(70_000, 70_000 + count))
