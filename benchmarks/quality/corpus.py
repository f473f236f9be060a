"""The real input of the quality measurements: pages, fingerprint sets, labelled examples.

It lies beside the repository (`../shared/data`, or where TRACEWELL_SHARED says) and is read only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewell.detection import FingerprintSet, Limits, detect
from tracewell.values import Capture
from tracewell.web.archive import iter_captures

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRACEWELL_SHARED", ROOT.parent / "shared")) / "data"
PAGES = DATA / "pages" / "pages.warc.gz"
MIT_SET = DATA / "fingerprints" / "wappalyzer-mit"
PUBLIC_SET = DATA / "fingerprints" / "webappanalyzer"
RECOG = DATA / "fingerprints" / "recog"
RETIRE = DATA / "fingerprints" / "retire" / "testcases.json"
OWN_PACK = ROOT / "fingerprints"

# Quality is asked here, not speed: no pattern is given up on account of a busy machine.
AMPLE = Limits(pattern_timeout_s=5, page_timeout_s=60)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, and what the rest was: a line for each."""

    title: str
    right: int
    total: int
    target: float
    misses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        return self.right / self.total if self.total else 0.0

    def __str__(self) -> str:
        verdict = "reached" if self.value >= self.target else "MISSED"
        head = f"{self.title}: {self.right} of {self.total} = {self.value:.1%}"
        lines = [f"{head} (target {self.target:.0%}, {verdict})"]
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  wrong: {miss}" for miss in self.misses]
        return "\n".join(lines)


def load_judgements(name: str) -> Any:
    """A data file of judgements that lies beside the measurements."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def read_pages(every: int = 1) -> list[Capture]:
    """The real pages, or each so many-th of them. Raises OSError."""
    broken: list[tuple[int, str]] = []
    captures = list(iter_captures(PAGES, lambda offset, reason: broken.append((offset, reason))))
    assert not broken, broken
    return captures[::every]


def names_of(capture: Capture, fingerprints: FingerprintSet) -> frozenset[str]:
    """The technologies that the capture shows."""
    return frozenset(use.name for use in detect(capture, fingerprints, AMPLE).uses)


def cut_list(lines: Iterable[str], most: int) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    listed = list(lines)
    rest = len(listed) - most
    return (*listed[:most], f"and {rest} more") if rest > 0 else tuple(listed)
