"""`python -m benchmarks.resolution`: quality, calibration and speed, next to the peers' figures.

`--picture PATH` also writes the reliability curves as SVG (`docs/images/reliability.svg`).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.__main__ import describe_machine
from benchmarks.resolution.datasets import (
    DATA,
    READERS,
    DataSet,
    read_febrl,
    read_name_pairs,
)
from benchmarks.resolution.measures import (
    area_under_curve,
    calibration_error,
    f1_at,
    reliability,
    score_clusters,
)
from benchmarks.resolution.picture import draw_reliability
from benchmarks.resolution.predictions import link_predictions, record_predictions
from tracewell.resolution import SourceRecord, compare_names, forget, resolve, warm

PEERS = {
    "truth set": "nomenklatura 0.648",
    "febrl 1": "Splink 0.9991 (febrl 4), 0.9987 (febrl 3)",
    "febrl 2": "Splink 0.9991 (febrl 4), 0.9987 (febrl 3)",
    "fake_1000": "Splink 0.934",
}
SPLINK_MS = {50: 209, 200: 219, 1_000: 244, 5_000: 675}
AIMS_MS = {50: 5, 200: 20, 1_000: 120, 5_000: 675}
ROUNDS = {50: 40, 200: 30, 1_000: 9, 5_000: 5}


def main(arguments: Sequence[str]) -> int:
    """Prints all figures. Returns 1 when the data are not there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resolution")
    parser.add_argument("--picture", type=Path, help="write the reliability curves there (SVG)")
    options = parser.parse_args(arguments)
    if not DATA.exists():
        print(f"the labelled data are not at hand: {DATA}", file=sys.stderr)
        return 1
    print(describe_machine(), flush=True)
    warm()
    sets = [read() for read in READERS.values()]
    show_quality(sets)
    curves = show_calibration(sets)
    show_speed(read_febrl(2))
    if options.picture:
        options.picture.write_text(draw_reliability(curves), encoding="utf-8")
    return 0


def show_quality(sets: Sequence[DataSet]) -> None:
    """Pairwise scores of the clusters, and of pairs of names."""
    print("\n| data | records | precision | recall | F1 | false / missed pairs | peers' best |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for data in sets:
        clusters = resolve(data.records)
        found = [[(m.source, m.record_id) for m in c.members] for c in clusters]
        s = score_clusters(found, data.truth)
        print(
            f"| {data.name} | {len(data.records):,} | {s.precision:.4f} | {s.recall:.4f} |"
            f" {s.f1:.4f} | {s.false_pairs} / {s.missed_pairs} | {PEERS[data.name]} |"
        )
    scored = name_predictions()
    certain = sum(p in (0.0, 1.0) for p, _ in scored) / len(scored)
    started = time.process_time()
    forget()
    name_predictions()
    pace = len(scored) / (time.process_time() - started)
    print(
        f"\nname pairs ({len(scored)}): F1 at 0.5 {f1_at(scored):.3f}, AUC"
        f" {area_under_curve(scored):.3f}, exactly 0 or 1 {certain:.1%}, {pace:,.0f} pairs a CPU"
        " second, each seen for the first time"
        "\n  (logic-v2: F1 0.796, AUC 0.870, 60 % exactly 1, 1,816 pairs a second)"
    )


def name_predictions() -> list[tuple[float, bool]]:
    """The probability and the label of every labelled pair of names."""
    return [(compare_names(p.first, p.second, p.kind), p.is_match) for p in read_name_pairs()]


def show_calibration(sets: Sequence[DataSet]) -> dict[str, list[tuple[float, bool]]]:
    """Expected calibration errors; returns the predictions behind them by what they predict."""
    print("\n| predictions | count | expected calibration error | exactly 1 |")
    print("| --- | --- | --- | --- |")
    curves: dict[str, list[tuple[float, bool]]] = {"pairs of names": name_predictions()}
    links = [prediction for data in sets for prediction in link_predictions(data)]
    members = [prediction for data in sets for prediction in record_predictions(data)]
    rows = {**curves, "pairs of records": links, "records in entities": members}
    for data in sets:
        rows[f"records in entities, {data.name}"] = record_predictions(data)
    for name, scored in rows.items():
        certain = sum(p == 1.0 for p, _ in scored) / len(scored)
        print(f"| {name} | {len(scored):,} | {calibration_error(scored):.3f} | {certain:.1%} |")
    for name in ("pairs of names", "pairs of records"):
        told = ", ".join(
            f"{b.mean:.2f}: {b.share:.2f} ({b.count})" for b in reliability(rows[name])
        )
        print(f"  {name}, predicted: true (count): {told}")
    return {"pairs of names": rows["pairs of names"], "pairs of records": links}


def show_speed(data: DataSet) -> None:
    """Medians of `resolve` on parts of a data set, with nothing of them remembered and again."""
    print(
        "\n| records | p50 ms, never seen | CPU ms | p50 ms, seen before | CPU ms | aim | Splink |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size, rounds in ROUNDS.items():
        fresh, again = [], []
        for number in range(rounds):
            start = number * size % max(1, len(data.records) - size + 1)
            part = data.records[start : start + size]
            forget()
            warm()
            fresh.append(_timed(part))
            again.append(_timed(part))
        print(
            f"| {size:,} | {_median(fresh)} | {_median(again)} | {AIMS_MS[size]} |"
            f" {SPLINK_MS[size]} |",
            flush=True,
        )


def _timed(records: Sequence[SourceRecord]) -> tuple[float, float]:
    """Milliseconds on the clock and of CPU."""
    gc.collect()
    started, used = time.perf_counter(), time.process_time()
    resolve(records)
    return (time.perf_counter() - started) * 1e3, (time.process_time() - used) * 1e3


def _median(times: Sequence[tuple[float, float]]) -> str:
    wall, cpu = zip(*times, strict=True)
    return f"{statistics.median(wall):.1f} | {statistics.median(cpu):.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
