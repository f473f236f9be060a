"""`python -m benchmarks.resolution.traps`: precision and recall by kind of trap, over many batches.

Batches are small and large ones: what a batch tells of itself must not open a trap.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from benchmarks.resolution.scenes import APART, JOINED, invent_traps
from tracewell.resolution import resolve, warm


@dataclass
class Tally:
    """Pairs of one kind of trap over all batches."""

    right: int = 0
    false: int = 0
    true: int = 0


def measure_traps(scenes: int, seeds: Sequence[int]) -> Mapping[str, Tally]:
    """Right, false and true pairs by kind of trap; a pair across kinds counts as `across`."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for seed in seeds:
        data, traps = invent_traps(scenes, seed)
        for holder, size in Counter(data.truth.values()).items():
            tallies[holder.rsplit(" ", 2)[0]].true += size * (size - 1) // 2
        for cluster in resolve(data.records):
            keys = [(member.source, member.record_id) for member in cluster.members]
            for a, b in combinations(keys, 2):
                tally = tallies[traps[a] if traps[a] == traps[b] else "across"]
                if data.truth[a] == data.truth[b]:
                    tally.right += 1
                else:
                    tally.false += 1
    return tallies


def main(arguments: Sequence[str]) -> int:
    """Prints precision and recall by kind of trap."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resolution.traps")
    parser.add_argument(
        "--scenes", type=int, nargs="*", default=[1, 4, 20], help="of each kind in a batch"
    )
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args(arguments)
    warm()
    for scenes in options.scenes:
        tallies = measure_traps(scenes, range(options.seeds))
        print(f"\n{scenes} scenes of each kind in a batch, {options.seeds} batches")
        print("| trap | true pairs | false | missed | precision | recall |")
        print("| --- | --- | --- | --- | --- | --- |")
        total = Tally()
        for name in (*APART, *JOINED, "across"):
            tally = tallies.get(name, Tally())
            total.right += tally.right
            total.false += tally.false
            total.true += tally.true
            _show(name, tally)
        _show("all", total)
    return 0


def _show(name: str, tally: Tally) -> None:
    said = tally.right + tally.false
    precision = f"{tally.right / said:.4f}" if said else "-"
    recall = f"{tally.right / tally.true:.4f}" if tally.true else "-"
    print(
        f"| {name} | {tally.true} | {tally.false} | {tally.true - tally.right} | {precision} |"
        f" {recall} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
