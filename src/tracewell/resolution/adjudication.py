"""Which records are one entity, given the bits of their pairs: clusters that contradict nothing.

Average linkage under constraints; deterministic, ties are broken by the order of the records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tracewell.resolution.columns import Bools, Floats, Indexes

BITS_MAX: Final = 14.0
BITS_MIN: Final = -7.0
UNCOMPARED_BITS: Final = -2.0
AMBIGUITY_BITS: Final = 3.0
COMPONENT_MAX: Final = 300
_VETO: Final = -1e6


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scored pairs: `vetoed` may never be in one entity; `contested` may not hold one together.

    `bits` are those above what a match needs: positive speaks for one entity. A veto that is not
    `forbidden` (two dates of birth) is lifted between records that a third one is `near` to both.
    """

    left: Indexes
    right: Indexes
    bits: Floats
    vetoed: Bools
    forbidden: Bools
    near: Bools
    contested: Bools


def find_contested(
    left: Indexes, right: Indexes, bits: Floats, rivals: Bools, silent: Bools
) -> Bools:
    """Pairs of a record that fits two rivals and lacks the very value in which these differ.

    An undated John Smith between two dated ones belongs to neither. `rivals` are pairs that
    contradict each other, `silent` those of which one side lacks what rivals differ in. When it
    fits one of them better by `AMBIGUITY_BITS`, only the other is contested.
    """
    contested = np.zeros(len(left), dtype=np.bool_)
    fits = np.flatnonzero(silent & (bits > -AMBIGUITY_BITS) & ~rivals)
    if not len(fits) or not rivals.any():
        return contested
    neighbours: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for k in fits.tolist():
        a, b = int(left[k]), int(right[k])
        neighbours[a].append((b, k))
        neighbours[b].append((a, k))
    opposed: dict[int, set[int]] = defaultdict(set)
    for k in np.flatnonzero(rivals).tolist():
        a, b = int(left[k]), int(right[k])
        opposed[a].add(b)
        opposed[b].add(a)
    for others in neighbours.values():
        for place, (a, k) in enumerate(others):
            for b, other in others[place + 1 :]:
                if b in opposed[a]:
                    apart = bits[k] - bits[other]
                    if apart < AMBIGUITY_BITS:
                        contested[k] = True
                    if apart > -AMBIGUITY_BITS:
                        contested[other] = True
    return contested


def components(count: int, left: Sequence[int], right: Sequence[int]) -> list[list[int]]:
    """The connected components with more than one record, each sorted, by their first record."""
    parent = list(range(count))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in zip(left, right, strict=True):
        one, other = find(a), find(b)
        if one != other:
            parent[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = defaultdict(list)
    for node in sorted({*left, *right}):
        groups[find(node)].append(node)
    return [group for _, group in sorted(groups.items())]


def bounded_components(count: int, pairs: Pairs) -> list[list[int]]:
    """Components over the pairs that speak for one entity, none above `COMPONENT_MAX` records.

    A larger one (a snowball of weak links) is taken apart at its weakest links first.
    """
    holding = (pairs.bits > 0) & ~pairs.vetoed & ~pairs.contested
    pending = [(np.flatnonzero(holding), 0.0)]
    found: list[list[int]] = []
    while pending:
        edges, floor = pending.pop()
        for group in components(count, pairs.left[edges].tolist(), pairs.right[edges].tolist()):
            if len(group) <= COMPONENT_MAX:
                found.append(group)
                continue
            inside = edges[np.isin(pairs.left[edges], group)]
            strong = inside[pairs.bits[inside] > floor + 2.0]
            if len(strong):
                pending.append((strong, floor + 2.0))
            else:  # nothing but links of equal strength: no reason to prefer any of them
                found.extend([[member] for member in group])
    return sorted(found)


def uncompared_pairs(groups: Iterable[Sequence[int]], count: int, known: Indexes) -> Indexes:
    """Codes (i * count + j) of the pairs within groups that were no candidates."""
    codes = [
        np.array([a * count + b for place, a in enumerate(g) for b in g[place + 1 :]], np.int64)
        for g in groups
        if 2 < len(g) <= 64
    ]
    if not codes:
        return np.zeros(0, dtype=np.int64)
    return np.setdiff1d(np.concatenate(codes), known, assume_unique=True)


def adjudicate(count: int, pairs: Pairs, groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """The entities of more than one record: groups merged as far as their pairs speak for it."""
    if not groups:
        return []
    home = np.full(count, -1, dtype=np.int64)
    for place, group in enumerate(groups):
        home[list(group)] = place
    inside = np.flatnonzero((home[pairs.left] == home[pairs.right]) & (home[pairs.left] >= 0))
    bits = np.clip(pairs.bits, BITS_MIN, BITS_MAX)
    bits = np.where(pairs.contested, BITS_MIN, bits)
    bits = np.where(pairs.vetoed, _VETO, bits)
    order = inside[np.argsort(home[pairs.left[inside]], kind="stable")]
    cuts = np.searchsorted(home[pairs.left[order]], np.arange(len(groups) + 1))
    found: list[list[int]] = []
    for place, group in enumerate(groups):
        edges = order[cuts[place] : cuts[place + 1]]
        size = len(group)
        whole = len(edges) == size * (size - 1) // 2
        if whole and bool((bits[edges] > 0).all()):
            found.append(list(group))
            continue
        found.extend(_link_averages(group, pairs, edges, bits))
    return sorted(found)


def _link_averages(
    group: Sequence[int], pairs: Pairs, edges: Indexes, bits: Floats
) -> list[list[int]]:
    """Joins the two clusters whose pairs speak most for it on average, while that is above zero."""
    place = {member: i for i, member in enumerate(group)}
    size = len(group)
    total = np.full((size, size), UNCOMPARED_BITS)
    near = np.zeros((size, size), dtype=np.bool_)
    liftable = []
    for k in edges.tolist():
        a, b = place[int(pairs.left[k])], place[int(pairs.right[k])]
        total[a, b] = total[b, a] = bits[k]
        near[a, b] = near[b, a] = bool(pairs.near[k]) and bits[k] > 0
        if pairs.vetoed[k] and not pairs.forbidden[k]:
            liftable.append((a, b, max(BITS_MIN, float(pairs.bits[k]))))
    for a, b, value in liftable:
        if (near[a] & near[b]).any():
            total[a, b] = total[b, a] = min(0.0, value)
    sizes = np.ones(size)
    np.fill_diagonal(total, _VETO)
    members = {i: [group[i]] for i in range(size)}
    alive = np.ones(size, dtype=np.bool_)
    while len(members) > 1:
        average = total / np.outer(sizes, sizes)
        best = int(average.argmax())
        a, b = divmod(best, size)
        if average[a, b] <= 0:
            break
        a, b = min(a, b), max(a, b)
        total[a, :] += total[b, :]
        total[:, a] = total[a, :]
        total[a, a] = _VETO * 1e6
        total[b, :] = total[:, b] = _VETO * 1e6
        sizes[a] += sizes[b]
        alive[b] = False
        members[a] += members.pop(b)
    return [sorted(m) for m in members.values() if len(m) > 1]
