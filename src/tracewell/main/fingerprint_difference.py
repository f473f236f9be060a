"""What two fingerprint sets find on the same archived pages: technologies that gain or lose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tracewell.detection import FingerprintSet, detect
from tracewell.values import Capture

EXAMPLES_MAX = 3  # addresses told for one technology


@dataclass(slots=True)
class Change:
    """One technology: pages on which both sets, only the first or only the second find it."""

    technology: str
    both: int = 0
    only_first: int = 0
    only_second: int = 0
    examples: tuple[str, ...] = ()

    @property
    def gain(self) -> int:
        """Pages gained from the first set to the second; below zero when lost."""
        return self.only_second - self.only_first


@dataclass(frozen=True, slots=True)
class Difference:
    """The pages read, the findings (a technology on a page) of each set, and every technology that
    the sets do not find on the same pages, the greatest difference first."""

    pages: int
    findings_first: int
    findings_second: int
    changes: tuple[Change, ...]


def compare_sets(
    first: FingerprintSet,
    second: FingerprintSet,
    captures: Iterable[Capture],
    on_page: Callable[[int], None] = lambda pages: None,
) -> Difference:
    """Runs both sets over the pages (answers with status 200). `on_page` is told the count."""
    changes: dict[str, Change] = {}
    pages = total_first = total_second = 0
    for capture in captures:
        if capture.status != 200:
            continue
        pages += 1
        found_first = {use.name for use in detect(capture, first).uses}
        found_second = {use.name for use in detect(capture, second).uses}
        total_first += len(found_first)
        total_second += len(found_second)
        for name in found_first | found_second:
            change = changes.setdefault(name, Change(name))
            if name in found_first and name in found_second:
                change.both += 1
                continue
            change.only_first += name in found_first
            change.only_second += name in found_second
            if len(change.examples) < EXAMPLES_MAX:
                change.examples += (capture.url,)
        on_page(pages)
    told = [change for change in changes.values() if change.only_first or change.only_second]
    told.sort(key=lambda change: (-(change.only_first + change.only_second), change.technology))
    return Difference(pages, total_first, total_second, tuple(told))
