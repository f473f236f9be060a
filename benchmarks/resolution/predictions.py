"""What resolution predicts of labelled records, with whether it was right, for calibration."""

from __future__ import annotations

from collections import Counter

from benchmarks.resolution.datasets import DataSet
from tracewell.resolution import resolve
from tracewell.resolution.linkage import as_probability, link_records

Predictions = list[tuple[float, bool]]
HOPELESS = 0.02


def link_predictions(data: DataSet) -> Predictions:
    """The probability of each compared pair that is not hopeless, and whether it is one holder."""
    records = sorted(data.records, key=lambda record: record.key)
    linkage = link_records(records)
    found = []
    for comparison, scores in linkage.scored:
        rows = zip(
            comparison.left.tolist(),
            comparison.right.tolist(),
            scores.bits.tolist(),
            scores.vetoed.tolist(),
            strict=True,
        )
        for a, b, bits, vetoed in rows:
            probability = as_probability(bits)
            if probability >= HOPELESS and not vetoed:
                one = data.truth[records[a].key] == data.truth[records[b].key]
                found.append((probability, one))
    return found


def record_predictions(data: DataSet) -> Predictions:
    """The confidence of each record, and whether it stands where it belongs.

    A record of a cluster is right where most of its cluster are records of its holder; a lone
    record where its holder has no other.
    """
    sizes = Counter(data.truth.values())
    found = []
    for cluster in resolve(data.records):
        holders = [data.truth[m.source, m.record_id] for m in cluster.members]
        for member, holder in zip(cluster.members, holders, strict=True):
            alone = len(holders) == 1
            right = sizes[holder] == 1 if alone else 2 * holders.count(holder) > len(holders)
            found.append((member.confidence, right))
    return found
