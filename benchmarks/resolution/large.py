"""`python -m benchmarks.resolution.large`: a batch of a size at which Splink proposes the pairs.

Invented people from a seed, each stage in CPU seconds, the answer against the truth, and how many
of the true pairs were proposed at all. `--engine memory` does the same without Splink.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from benchmarks.__main__ import describe_machine
from benchmarks.resolution.datasets import DataSet
from benchmarks.resolution.invented import invent_copies
from benchmarks.resolution.measures import score_clusters
from tracewell.resolution import warm
from tracewell.resolution.batch_engine import find_candidates_with_splink
from tracewell.resolution.blocking import find_candidates
from tracewell.resolution.columns import Indexes, build_columns
from tracewell.resolution.features import extract_features
from tracewell.resolution.linkage import link_features


class Stages:
    """CPU seconds (all threads) and wall seconds since the last stage, printed as they end."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def ended(self, name: str, found: str = "") -> None:
        """Prints the stage with the most memory that the process has had so far."""
        cpu, wall = time.process_time(), time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {name} | {cpu - self.cpu:.1f} | {wall - self.wall:.1f} | {memory:,.0f} | {found} |",
            flush=True,
        )
        self.cpu, self.wall = time.process_time(), time.perf_counter()


def main(arguments: Sequence[str]) -> int:
    """Prints the stages and the scores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resolution.large")
    parser.add_argument("--people", type=int, default=80_000, help="half as many copies besides")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("splink", "memory"), default="splink")
    options = parser.parse_args(arguments)
    print(describe_machine())
    print("\n| stage | CPU s | wall s | memory at most, MB | found |")
    print("| --- | --- | --- | --- | --- |")
    warm()
    stages = Stages()
    data = invent_copies(options.people, lambda chance: chance.choice((0, 0, 1, 1)), options.seed)
    stages.ended("inventing", f"{len(data.records):,} records")
    _measure(data, options.engine, stages)
    return 0


def _measure(data: DataSet, engine: str, stages: Stages) -> None:
    records = sorted(data.records, key=lambda record: record.key)
    features = [extract_features(record) for record in records]
    stages.ended("normal forms")
    if engine == "splink":
        candidates = find_candidates_with_splink(features)
    else:
        candidates = find_candidates(features, build_columns(features))
    stages.ended(f"pairs, {engine}", f"{len(candidates[0]):,} pairs")
    linkage = link_features(features, candidates=candidates)
    stages.ended("comparing and deciding", f"{len(linkage.clusters):,} entities")
    scores = score_clusters(
        [[records[i].key for i in cluster] for cluster in linkage.clusters], data.truth
    )
    proposed = _share_proposed([data.truth[r.key] for r in records], candidates)
    print(
        f"\nprecision {scores.precision:.5f}, recall {scores.recall:.5f}, F1 {scores.f1:.5f}"
        f" ({scores.false_pairs} false, {scores.missed_pairs} missed);"
        f" {proposed:.5f} of the true pairs were proposed"
    )


def _share_proposed(holders: Sequence[str], candidates: tuple[Indexes, Indexes]) -> float:
    """The share of the true pairs that were compared at all."""
    of_holder: dict[str, list[int]] = defaultdict(list)
    for index, holder in enumerate(holders):
        of_holder[holder].append(index)
    true = {pair for members in of_holder.values() for pair in combinations(members, 2)}
    said = set(zip(candidates[0].tolist(), candidates[1].tolist(), strict=True))
    return len(true & said) / max(1, len(true))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
