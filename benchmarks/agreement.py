"""Agreement with wappalyzer-core, pattern by pattern, on real pages; every difference explained.

python -m benchmarks.agreement [--every N]: takes every N-th page (default 4). Both engines see the
same texts and the same public set. A difference is explained by trying its cause: the pattern as
wappalyzer-core rewrites it, and the texts as it joins them. What no cause explains is listed, and
makes the exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.detection import DATA, read_pages
from benchmarks.peers.running import PeerMissing, core_items, run_core
from tracewell.detection import FingerprintSet, Limits, load_fingerprints
from tracewell.detection.looking import Looker, choose_candidates
from tracewell.detection.matching import Guard
from tracewell.detection.model import Pattern
from tracewell.detection.page import Page
from tracewell.detection.translation import compile_expression
from tracewell.values import Capture

# Our kind -> theirs, for what both decide on a page without a browser.
KINDS = {
    "html": "html",
    "css": "css",
    "header": "headers",
    "meta": "meta",
    "script_src": "scriptSrc",
    "script": "scripts",
    "text": "text",
    "url": "url",
}
AMPLE = Limits(pattern_timeout_s=60, page_timeout_s=3600)
Seen = tuple[str, str, str]  # technology, our kind, the expression as wappalyzer-core compiles it


def rewrite(expression: str) -> str:
    """The expression as wappalyzer-core compiles it: slashes escaped (also those that are), open
    repetitions bounded to 250 (also signs in classes and escaped stars)."""
    kept = expression.replace("/", "\\/").replace("\\+", "__escapedPlus__")
    bounded = kept.replace("+", "{1,250}").replace("*", "{0,250}")
    return bounded.replace("__escapedPlus__", "\\+")


def as_node_tells(expression: str) -> str:
    """The `source` of the compiled form: slashes outside of classes are escaped once more."""
    told, in_class, escaped = "", False, False
    for character in rewrite(expression):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "/" and not in_class:
            told += "\\"
        elif character in "[]":
            in_class = character == "["
        told += character
    return told or "(?:)"


def own_hits(capture: Capture, fingerprints: FingerprintSet) -> dict[Seen, Pattern]:
    """What we see, by the kinds that both decide."""
    page = Page(capture.url, capture.body, capture.header("content-type"), AMPLE)
    guard = Guard(AMPLE, time.perf_counter)
    looker = Looker(capture, page, fingerprints, guard, choose_candidates)
    return {
        (hit.pattern.technology, hit.pattern.kind, as_node_tells(hit.pattern.expression)): (
            hit.pattern
        )
        for hit in looker.iter_hits()
        if hit.pattern.kind in KINDS
    }


@dataclass(frozen=True)
class Texts:
    """The texts of one page as wappalyzer-core is given them."""

    items: dict[str, Any]

    def of(self, pattern: Pattern) -> list[str]:
        """Those that the pattern is tried on."""
        value = self.items[KINDS[pattern.kind]]
        if isinstance(value, dict):
            found: list[str] = value.get(pattern.name.lower(), [])
            return found
        return value if isinstance(value, list) else [value]


def matches(expression: str, texts: list[str]) -> bool:
    """Whether the expression matches one of the texts, the obvious way."""
    try:
        compiled = compile_expression(expression)
    except ValueError:
        return False
    return any(compiled.search(text, timeout=60) is not None for text in texts)


def explain(pattern: Pattern, texts: Texts, ours: bool) -> str:
    """Why one engine sees the pattern and the other does not; empty where no cause is found."""
    given = texts.of(pattern)
    plain = matches(pattern.expression, given)
    rewritten = matches(rewrite(pattern.expression), given)
    if plain and not rewritten and ours:
        return "theirs: the rewritten expression (repetitions bounded, escapes changed) misses it"
    if rewritten and not plain and not ours:
        return "theirs: the rewritten expression means something else"
    if plain and not ours:
        return "theirs: all scripts or styles of the page are one text to them"
    if ours and not plain:
        if (
            pattern.kind in ("header", "meta")
            and pattern.name.lower() not in (texts.items[KINDS[pattern.kind]])
        ):
            return "theirs: names of fields are no expressions to them"
        return "theirs: all scripts or styles of the page are one text to them"
    return ""


def compare(captures: list[Capture], fingerprints: FingerprintSet, public: Path) -> int:
    """Prints agreement and differences. Returns how many have no explanation."""
    by_key: dict[Seen, Pattern] = {
        (pattern.technology, pattern.kind, as_node_tells(pattern.expression)): pattern
        for kind in KINDS
        for pattern in fingerprints.patterns_of(kind)
    }
    kinds_back = {theirs: own for own, theirs in KINDS.items()}
    run = run_core(captures, public)
    both = 0
    causes: Counter[str] = Counter()
    examples: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for capture, told in zip(captures, run.seen, strict=True):
        own = own_hits(capture, fingerprints)
        theirs = {(name, kinds_back[kind], source) for name, kind, source, _ in told}
        both += len(theirs & own.keys())
        texts = Texts(core_items(capture))
        for key in theirs ^ own.keys():
            pattern = by_key.get(key)
            cause = explain(pattern, texts, key in own) if pattern else ""
            side = "only ours" if key in own else "only theirs"
            label = f"{side}: {cause or 'NOT EXPLAINED'}"
            causes[label] += 1
            examples[label][f"{key[0]} ({key[1]}) {key[2][:70]}"] += 1
    different = sum(causes.values())
    print(f"{len(captures)} pages, {both} patterns seen by both, {different} by one only")
    print(f"agreement {both / max(1, both + different):.2%}")
    for label, count in causes.most_common():
        print(f"\n{count:>5}  {label}")
        for example, times in examples[label].most_common(12):
            print(f"       {times:>4} x {example}")
    return sum(count for label, count in causes.items() if label.endswith("NOT EXPLAINED"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=4, metavar="N")
    arguments = parser.parse_args()
    public = DATA / "fingerprints" / "webappanalyzer"
    if not public.is_dir():
        print("skipped: the real data is not on this machine (set TRACEWELL_SHARED)")
        return 0
    try:
        unexplained = compare(read_pages()[:: arguments.every], load_fingerprints(public), public)
    except PeerMissing as reason:
        print(f"skipped: {reason}")
        return 0
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
