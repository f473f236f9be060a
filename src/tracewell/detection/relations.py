"""Implies, requires and excludes: from what was seen to what is claimed.

Independent of the order of anything, and terminating on cycles, by construction: presence is the
least fixed point of rules that only add, exclusion is decided once in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass

from tracewell.detection.model import Fingerprint


@dataclass(frozen=True, slots=True)
class Implied:
    """A technology's presence by implication: the strongest step that leads to it."""

    by: str
    confidence: int
    version: str | None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What holds: names seen directly that stand, and what is implied by whom."""

    seen: frozenset[str]
    implied: Mapping[str, tuple[Implied, ...]]


def resolve_relations(
    seen: Mapping[str, int], technologies: Mapping[str, Fingerprint]
) -> Resolution:
    """What stands of the technologies seen (name -> confidence 0..100), and what they imply.

    A technology with `requires` or `requiresCategory` stands if one of those named (or another of
    such a category) is present. One that was seen and stands excludes others, implied ones too;
    where technologies exclude each other, the more confident stands (then the name decides).
    """
    present = _present(seen, technologies, frozenset())
    excluded = _excluded({name: seen[name] for name in present if name in seen}, technologies)
    if excluded:
        present = _present(seen, technologies, excluded)
    standing = frozenset(name for name in seen if name in present)
    return Resolution(standing, _implied(present, seen, technologies, excluded))


def _present(
    seen: Mapping[str, int], technologies: Mapping[str, Fingerprint], excluded: Set[str]
) -> set[str]:
    present: set[str] = set()
    waiting = set(seen) - excluded
    # Nearly all ask for nothing.
    ready = {name for name in waiting if not _asks(technologies[name])}
    waiting -= ready
    _add_with_implied(ready, present, technologies, excluded)
    while waiting:
        ask = any(technologies[name].requires_categories for name in waiting)
        categories = _find_categories(present, technologies) if ask else frozenset()
        ready = {name for name in waiting if _is_supported(technologies[name], present, categories)}
        if not ready:
            return present
        waiting -= ready
        _add_with_implied(ready, present, technologies, excluded)
    return present


def _asks(fingerprint: Fingerprint) -> bool:
    return bool(fingerprint.requires or fingerprint.requires_categories)


def _find_categories(present: Set[str], technologies: Mapping[str, Fingerprint]) -> frozenset[str]:
    return frozenset(category for name in present for category in technologies[name].categories)


def _is_supported(fingerprint: Fingerprint, present: Set[str], categories: Set[str]) -> bool:
    """For one that asks, and is not in `present` yet, so that it never supports itself."""
    return any(name in present for name in fingerprint.requires) or any(
        category in categories for category in fingerprint.requires_categories
    )


def _add_with_implied(
    names: Set[str],
    present: set[str],
    technologies: Mapping[str, Fingerprint],
    excluded: Set[str],
) -> None:
    stack = [*names]
    while stack:
        name = stack.pop()
        if name in present or name in excluded or name not in technologies:
            continue
        present.add(name)
        stack.extend(implication.technology for implication in technologies[name].implies)


def _excluded(seen: Mapping[str, int], technologies: Mapping[str, Fingerprint]) -> frozenset[str]:
    """Everything that a standing technology excludes (grounded semantics of attacks, Dung 1995)."""
    if not any(technologies[name].excludes for name in seen):
        return frozenset()
    attackers: dict[str, set[str]] = {name: set() for name in seen}
    for name in seen:
        for target in technologies[name].excludes:
            if target in attackers and target != name:
                attackers[target].add(name)
    undecided, fallen = set(seen), set[str]()
    standing: set[str] = set()
    while undecided:
        safe = {name for name in undecided if attackers[name] <= fallen}
        if not safe:  # only cycles are left: the strongest stands, what attacks it has no say
            winner = min(undecided, key=lambda name: (-seen[name], name))
            safe = {winner}
            fallen |= undecided & attackers[winner]
            undecided -= attackers[winner]
        standing |= safe
        undecided -= safe
        hit = {name for name in undecided if attackers[name] & safe}
        fallen |= hit
        undecided -= hit
    targets = {target for name in standing for target in technologies[name].excludes}
    return frozenset(targets - standing)


def _implied(
    present: Set[str],
    seen: Mapping[str, int],
    technologies: Mapping[str, Fingerprint],
    excluded: Set[str],
) -> Mapping[str, tuple[Implied, ...]]:
    """Confidence of an implied technology: the weakest step of its best path, as in the format."""
    confidence = {name: seen.get(name, 0) for name in present}
    stack = sorted(name for name in present if name in seen)
    while stack:
        name = stack.pop()
        for implication in technologies[name].implies:
            target = implication.technology
            reached = min(confidence[name], implication.confidence)
            if target in present and reached > confidence[target]:
                confidence[target] = reached
                stack.append(target)
    implied: defaultdict[str, list[Implied]] = defaultdict(list)
    for name in sorted(present):
        for implication in technologies[name].implies:
            target = implication.technology
            if target in present and target not in excluded and target != name:
                reached = min(confidence[name], implication.confidence)
                implied[target].append(Implied(name, reached, implication.version))
    return {name: tuple(steps) for name, steps in implied.items()}
