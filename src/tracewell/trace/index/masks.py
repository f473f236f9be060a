"""From an array of yes and no, by company id, or of ids, to a bitmap: pure.

A mask is written in Roaring's portable format (github.com/RoaringBitmap/RoaringFormatSpec): a
bitmap made of numpy's integers takes a hundred times as long.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

_COOKIE_NO_RUNS = 12_346
_CONTAINER = 1 << 16
_ARRAY_MAX = 4_096
"""Ids up to which a container lists them, two bytes each; above, it is a bit for each."""


def bitmap_of_masks(parts: Iterable[npt.NDArray[np.bool_]]) -> BitMap:
    """The places that are true in a mask that comes in parts of 65,536 places, the last one
    shorter; at most 2**32 of them."""
    headers, bodies = [], []
    for place, part in enumerate(parts):
        count = int(np.count_nonzero(part))
        if count == 0:
            continue
        headers.append((place, count - 1))
        if count <= _ARRAY_MAX:
            bodies.append(np.flatnonzero(part).astype("<u2").tobytes())
        else:
            bits = np.packbits(part, bitorder="little").tobytes()
            bodies.append(bits.ljust(_CONTAINER // 8, b"\0"))
    offset = 8 + 8 * len(bodies)
    offsets = []
    for body in bodies:
        offsets.append(offset)
        offset += len(body)
    return BitMap.deserialize(
        b"".join(
            (
                struct.pack("<II", _COOKIE_NO_RUNS, len(bodies)),
                *(struct.pack("<HH", *header) for header in headers),
                struct.pack(f"<{len(offsets)}I", *offsets),
                *bodies,
            )
        )
    )


def bitmap_of_ids(ids: npt.NDArray[np.integer]) -> BitMap:
    """These ids."""
    # Of an array of this kind pyroaring takes the memory, of any other sequence integer by integer.
    return BitMap(array("I", ids.astype(np.uint32).tobytes()))
