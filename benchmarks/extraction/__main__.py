"""Precision and recall on labelled pages, and the cost on real ones.

python -m benchmarks.extraction [--errors]: prints tables; `--errors` also what was wrong.
Speed needs the real data beside the checkout (or TRACEWELL_SHARED) and is skipped without.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.detection import DATA, best_of, read_pages
from benchmarks.extraction.labelled import SETS, Score, Tally, iter_labelled
from benchmarks.extraction.sample_web import score_partners, score_postings
from tracewell.extraction import extract
from tracewell.extraction.page import read_page
from tracewell.values import Capture

PARTNERS_PRECISION = 0.95
PARTNERS_RECALL = 0.8
ROUNDS = 5


def report(label: str, tally: Tally, *, errors: bool) -> None:
    """One line of the table."""
    print(
        f"{label:<34}{tally.precision:>10.3f}{tally.recall:>8.3f}"
        f"{tally.right:>8}{tally.wrong:>8}{tally.missed:>8}"
    )
    for error in tally.errors if errors else ():
        print(f"    {error}")


def measure_quality(*, errors: bool) -> bool:
    """The labelled pages and the sample web; True where both targets of partners are met."""
    print(f"{'':<34}{'precision':>10}{'recall':>8}{'right':>8}{'wrong':>8}{'missed':>8}")
    reached = True
    for name in SETS:
        score = Score()
        pages = list(iter_labelled(name))
        for page in pages:
            score.add(page, extract(page.capture))
        for kind in ("partners", "types", "domains", "postings", "places", "facts"):
            report(f"{name} ({len(pages)} pages), {kind}", getattr(score, kind), errors=errors)
        tally = score.partners
        reached &= tally.precision >= PARTNERS_PRECISION and tally.recall >= PARTNERS_RECALL
    partners, types = score_partners()
    for kind, tally in (("partners", partners), ("types", types), ("postings", score_postings())):
        report(f"sample web (40 sites), {kind}", tally, errors=errors)
    return reached and partners.precision >= PARTNERS_PRECISION


def measure_speed(captures: Sequence[Capture]) -> None:
    """Milliseconds of CPU a page, and what is found on pages that are nobody's partner pages."""
    print(f"\n{'':<34}{'pages/s':>10}{'mean ms':>8}{'p50':>8}{'p99':>8}{'worst':>8}")
    for label, run in (("parsing alone", read_page), ("all extraction", extract)):
        times = best_of(ROUNDS, lambda run=run: _time(run, captures))  # type: ignore[misc]
        ordered = sorted(times)
        mean = statistics.mean(times)
        print(
            f"{label:<34}{1 / mean:>10.0f}{mean * 1e3:>8.2f}{statistics.median(times) * 1e3:>8.2f}"
            f"{ordered[int(len(ordered) * 0.99)] * 1e3:>8.2f}{ordered[-1] * 1e3:>8.2f}"
        )
    found = [extract(capture) for capture in captures]
    print(
        f"on {len(captures)} real pages: {sum(len(one.facts) for one in found)} facts; partners on "
        f"{sum(bool(one.partners) for one in found)} pages; postings on "
        f"{sum(bool(one.postings) for one in found)}"
    )


def _time(run: Callable[[Capture], object], captures: Sequence[Capture]) -> list[float]:
    times = []
    for capture in captures:
        before = time.process_time()
        run(capture)
        times.append(time.process_time() - before)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="also print what was wrong")
    reached = measure_quality(errors=parser.parse_args().errors)
    if not (DATA / "pages" / "pages.warc.gz").is_file():
        print("speed: skipped, the real data is not on this machine (set TRACEWELL_SHARED)")
    else:
        measure_speed(read_pages())
    if not reached:
        print("the targets of precision and recall are missed")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
