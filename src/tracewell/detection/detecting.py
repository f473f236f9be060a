"""The detector: a capture and a fingerprint set in, technology uses with evidence out. Pure."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tracewell.detection.fingerprints import FingerprintSet
from tracewell.detection.looking import Choose, Looker, choose_all, choose_candidates
from tracewell.detection.matching import Guard, Hit, evidence_of, versions_of
from tracewell.detection.model import DetectionResult, GivenUp, Limits
from tracewell.detection.page import Page
from tracewell.detection.relations import Implied, resolve_relations
from tracewell.detection.templates import is_version, pick_version
from tracewell.values import Capture, Evidence, TechnologyUse

EVIDENCE_MAX = 50  # of one technology on one page


def detect(
    capture: Capture,
    fingerprints: FingerprintSet,
    limits: Limits | None = None,
    seconds: Callable[[], float] = time.perf_counter,
) -> DetectionResult:
    """What technologies the capture shows, each with its evidence, sorted by name.

    Confidence is the sum over the technology's matching patterns, at most 100; the version is the
    longest told. Never raises on account of the capture's contents: what the limits stopped is in
    `given_up`. `seconds` is the monotonic clock that the time limits are measured with; unless it
    is given, time in which other work had the core does not count.
    """
    busy_seconds = time.thread_time if seconds is time.perf_counter else None
    guard = Guard(limits or Limits(), seconds, busy_seconds=busy_seconds)
    return detect_with(capture, fingerprints, guard, choose_candidates)


def detect_exhaustively(capture: Capture, fingerprints: FingerprintSet) -> DetectionResult:
    """`detect` the slow, obvious way, with ample time: every pattern over the whole of every text
    in one engine. The reference for tests."""
    limits = Limits(pattern_timeout_s=60, page_timeout_s=3600)
    guard = Guard(limits, time.perf_counter, obvious=True)
    return detect_with(capture, fingerprints, guard, choose_all)


def detect_with(
    capture: Capture, fingerprints: FingerprintSet, guard: Guard, choose: Choose
) -> DetectionResult:
    """`detect` with the way of choosing patterns and the bounds as arguments."""
    fingerprints.prepare()  # not on the first page's time
    limits = guard.limits
    content_type = capture.header("content-type")
    page = Page(capture.url, capture.body, content_type, limits, quick=fingerprints.quick)
    if page.cut:
        reason = f"only the first {limits.body_bytes_max} bytes of the body were read"
        guard.given_up.append(GivenUp("html", reason))
    hits: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in Looker(capture, page, fingerprints, guard, choose).iter_hits():
        if hit.pattern.confidence > 0:
            hits[hit.pattern.technology].append(hit)
    return DetectionResult(_uses(hits, fingerprints, page), tuple(guard.given_up))


def _uses(
    hits: Mapping[str, Sequence[Hit]], fingerprints: FingerprintSet, page: Page
) -> tuple[TechnologyUse, ...]:
    confidences = {
        name: min(100, sum(hit.pattern.confidence for hit in found)) for name, found in hits.items()
    }
    resolution = resolve_relations(confidences, fingerprints.technologies)
    return tuple(_iter_uses(hits, confidences, resolution.seen, resolution.implied, page))


def _iter_uses(
    hits: Mapping[str, Sequence[Hit]],
    confidences: Mapping[str, int],
    seen: Iterable[str],
    implied: Mapping[str, Sequence[Implied]],
    page: Page,
) -> Iterator[TechnologyUse]:
    for name in sorted({*seen, *implied}):
        own = hits[name] if name in seen else ()
        steps = implied.get(name, ())
        told = [step.version for step in steps if step.version and is_version(step.version)]
        version = pick_version(versions_of(own)) or pick_version(told)
        evidence = [evidence_of(hit, page) for hit in own[:EVIDENCE_MAX]]
        evidence += [
            Evidence("implied", step.by, "", f"{step.by} implies {name}") for step in steps
        ]
        best = max([confidences[name] if own else 0, *(step.confidence for step in steps)])
        yield TechnologyUse(name, version, best, tuple(evidence[:EVIDENCE_MAX]))
