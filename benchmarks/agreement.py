"""Agreement with wappalyzer-core, by pattern and by version, on real pages; every difference told.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.detection import DATA, read_pages
from benchmarks.peers.running import PeerMissing, core_items, run_core
from tracewell.detection import FingerprintSet, Limits, load_fingerprints
from tracewell.detection.looking import Looker, choose_candidates
from tracewell.detection.matching import Guard, Hit
from tracewell.detection.model import Pattern
from tracewell.detection.page import Page
from tracewell.detection.templates import fill_template, is_version
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
NOT_EXPLAINED = "NOT EXPLAINED"
OTHER_VERSION = "other version"
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


def own_hits(capture: Capture, fingerprints: FingerprintSet) -> dict[Seen, Hit]:
    """What we see, by the kinds that both decide."""
    page = Page(capture.url, capture.body, capture.header("content-type"), AMPLE)
    guard = Guard(AMPLE, time.perf_counter)
    looker = Looker(capture, page, fingerprints, guard, choose_candidates)
    return {
        (hit.pattern.technology, hit.pattern.kind, as_node_tells(hit.pattern.expression)): hit
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


def versions_by(expression: str, pattern: Pattern, texts: list[str]) -> set[str]:
    """The versions that the expression tells in its pattern's place, the obvious way."""
    try:
        compiled = compile_expression(expression)
    except ValueError:
        return set()
    found = [compiled.search(text, timeout=60) for text in texts]
    template = pattern.version or ""
    told = [fill_template(template, (one.group(), *one.groups())) for one in found if one]
    return {version for version in told if version}


def explain_versions(hit: Hit, theirs: set[str], texts: Texts) -> str:
    """Why both see a pattern and tell other versions; empty where no cause is found."""
    kept = {version for version in theirs if is_version(version)}
    if kept == set(hit.versions):
        return "neither in the end: they leave out numbers from 10,000 on only when they add up"
    given = texts.of(hit.pattern)
    plain = versions_by(hit.pattern.expression, hit.pattern, given)
    rewritten = versions_by(rewrite(hit.pattern.expression), hit.pattern, given)
    if plain == set(hit.versions) and rewritten == kept:
        return "theirs: the rewritten expression tells other groups"
    return ""


@dataclass
class Tally:
    """What was compared, and every difference by its cause."""

    patterns: int = 0
    versions_same: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def differ(self, side: str, cause: str, key: Seen) -> None:
        """One difference."""
        label = f"{side}: {cause or NOT_EXPLAINED}"
        self.causes[label] += 1
        self.examples[label][f"{key[0]} ({key[1]}) {key[2][:70]}"] += 1

    def count(self, of_versions: bool) -> int:
        """How many differences there are."""
        return sum(
            number for label, number in self.causes.items()
            if label.startswith(OTHER_VERSION) == of_versions
        )  # fmt: skip

    def show(self, pages: int) -> None:
        """Prints it."""
        only, other = self.count(of_versions=False), self.count(of_versions=True)
        print(f"{pages} pages, {self.patterns} patterns seen by both, {only} by one only")
        print(f"agreement {self.patterns / max(1, self.patterns + only):.2%}")
        print(f"{self.versions_same} versions the same, {other} not")
        for label, count in self.causes.most_common():
            print(f"\n{count:>5}  {label}")
            for example, times in self.examples[label].most_common(12):
                print(f"       {times:>4} x {example}")


def compare(captures: list[Capture], fingerprints: FingerprintSet, public: Path) -> int:
    """Prints agreement and differences. Returns how many have no explanation."""
    by_key: dict[Seen, Pattern] = {
        (pattern.technology, pattern.kind, as_node_tells(pattern.expression)): pattern
        for kind in KINDS
        for pattern in fingerprints.patterns_of(kind)
    }
    kinds_back = {theirs: own for own, theirs in KINDS.items()}
    run = run_core(captures, public)
    tally = Tally()
    for capture, told in zip(captures, run.seen, strict=True):
        own = own_hits(capture, fingerprints)
        theirs: defaultdict[Seen, set[str]] = defaultdict(set)
        for name, kind, source, version in told:
            theirs[name, kinds_back[kind], source] |= {version} - {""}
        texts = Texts(core_items(capture))
        tally.patterns += len(theirs.keys() & own.keys())
        for key in theirs.keys() ^ own.keys():
            pattern = by_key.get(key)
            cause = explain(pattern, texts, key in own) if pattern else ""
            tally.differ("only ours" if key in own else "only theirs", cause, key)
        for key in theirs.keys() & own.keys():
            if set(own[key].versions) == theirs[key]:
                tally.versions_same += bool(theirs[key])
            else:
                tally.differ(OTHER_VERSION, explain_versions(own[key], theirs[key], texts), key)
    tally.show(len(captures))
    return sum(count for label, count in tally.causes.items() if label.endswith(NOT_EXPLAINED))


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
