"""Our pack with the MIT-licensed set against the full public set: how much of it do they find?

A finding is one technology on one page. `disputed.json` names technologies that the public set
claims on the real pages without ground, and why; they count as missed in the figure of record, and
a second figure leaves them out.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from benchmarks.quality.corpus import (
    MIT_SET,
    OWN_PACK,
    PUBLIC_SET,
    Share,
    cut_list,
    load_judgements,
    names_of,
    read_pages,
)
from tracewell.detection import FingerprintSet, load_fingerprints, load_pack
from tracewell.values import Capture

TARGET = 0.95

Findings = list[frozenset[str]]


def list_findings(fingerprints: FingerprintSet, captures: Sequence[Capture]) -> Findings:
    """The technologies of each page."""
    return [names_of(capture, fingerprints) for capture in captures]


def compare(title: str, ours: Findings, public: Findings, target: float = TARGET) -> Share:
    """How many of the public findings are ours too; what is missed, the most frequent first."""
    pairs = list(zip(ours, public, strict=True))
    missed = Counter(name for found, wanted in pairs for name in wanted - found)
    total = sum(map(len, public))
    lines = [f"{name}: {count} pages" for name, count in missed.most_common()]
    return Share(title, total - missed.total(), total, target, cut_list(lines, 25))


def measure(captures: Sequence[Capture]) -> list[Share]:
    """The figure of record, the one without disputed technologies, and two to compare."""
    public = list_findings(load_fingerprints(PUBLIC_SET), captures)
    both = list_findings(load_fingerprints(OWN_PACK, MIT_SET), captures)
    alone = list_findings(load_pack(), captures)
    mit = list_findings(load_fingerprints(MIT_SET), captures)
    disputed = frozenset(load_judgements("disputed.json"))
    undisputed = [names - disputed for names in public]
    return [
        compare("our pack and the MIT set, of the public set's findings", both, public),
        compare("the same without disputed technologies", both, undisputed),
        compare("our pack alone, to compare", alone, public, 0),
        compare("the MIT set alone, to compare", mit, public, 0),
    ]


if __name__ == "__main__":
    for place, share in enumerate(measure(read_pages())):
        print(share if place == 0 else str(share).splitlines()[0])
    for name, reason in load_judgements("disputed.json").items():
        print(f"  disputed: {name}: {reason}")
    sys.exit(0)
