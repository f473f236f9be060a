"""The detector: a capture and a fingerprint set in, technology uses with evidence out. Pure.

`js` and `xhr` patterns need a browser and are not decided here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import turbohtml

from tracewell.detection.fingerprints import FingerprintSet
from tracewell.detection.literals import is_compound_selector
from tracewell.detection.matching import Guard, Hit, match_values, versions_of
from tracewell.detection.model import DetectionResult, GivenUp, Limits, Pattern
from tracewell.detection.page import Page, Span, Value, attribute_span, tag_span
from tracewell.detection.relations import Implied, resolve_relations
from tracewell.detection.templates import is_version, pick_version
from tracewell.values import Capture, Evidence, TechnologyUse

EVIDENCE_MAX = 50  # of one technology on one page

# Given patterns' index, the text that the index scans, returns the patterns to try.
Choose = Callable[[FingerprintSet, str, str], Iterable[Pattern]]


def detect(
    capture: Capture,
    fingerprints: FingerprintSet,
    limits: Limits | None = None,
    seconds: Callable[[], float] = time.perf_counter,
) -> DetectionResult:
    """What technologies the capture shows, each with its evidence, sorted by name.

    Confidence is the sum over the technology's matching patterns, at most 100; the version is the
    longest told. Never raises on account of the capture's contents: what the limits stopped is in
    `given_up`. `seconds` is the monotonic clock that the time limits are measured with.
    """
    return detect_with(capture, fingerprints, limits or Limits(), seconds, choose_candidates)


def detect_exhaustively(capture: Capture, fingerprints: FingerprintSet) -> DetectionResult:
    """`detect` without any pre-filter and with ample time: the slow reference for tests."""
    limits = Limits(pattern_timeout_s=60, page_timeout_s=3600)
    return detect_with(capture, fingerprints, limits, time.perf_counter, choose_all)


def choose_candidates(fingerprints: FingerprintSet, kind: str, text: str) -> Iterable[Pattern]:
    """The patterns of the kind that may match in the text."""
    index = fingerprints.dom if kind == "dom" else fingerprints.plain[kind]
    return index.iter_candidates(text)


def choose_all(fingerprints: FingerprintSet, kind: str, text: str) -> Iterable[Pattern]:
    """All patterns of the kind."""
    return fingerprints.patterns_of(kind)


def detect_with(
    capture: Capture,
    fingerprints: FingerprintSet,
    limits: Limits,
    seconds: Callable[[], float],
    choose: Choose,
) -> DetectionResult:
    """`detect` with the way of choosing patterns as an argument."""
    page = Page(capture.url, capture.body, capture.header("content-type"), limits)
    guard = Guard(limits, seconds)
    if page.cut:
        reason = f"only the first {limits.body_bytes_max} bytes of the body were read"
        guard.given_up.append(GivenUp("html", reason))
    hits: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in _iter_hits(capture, page, fingerprints, guard, choose):
        if hit.pattern.confidence > 0:
            hits[hit.pattern.technology].append(hit)
    return DetectionResult(_uses(hits, fingerprints), tuple(guard.given_up))


def _iter_hits(
    capture: Capture, page: Page, fingerprints: FingerprintSet, guard: Guard, choose: Choose
) -> Iterator[Hit]:
    # From the cheap and telling to the dear, so that a page that eats its time still shows much.
    yield from _iter_named_hits("header", _headers(capture, page), page, fingerprints, guard)
    yield from _iter_named_hits("cookie", _cookies(capture, page), page, fingerprints, guard)
    yield from _iter_named_hits("dns", _dns(capture, page), page, fingerprints, guard)
    if fingerprints.patterns_of("meta"):
        metas = ((value.name, value) for value in page.metas)
        yield from _iter_named_hits("meta", metas, page, fingerprints, guard)
    for kind in ("url", "cert_issuer", "robots", "script_src", "dom", "script", "css", "html"):
        if kind == "dom":
            yield from _iter_dom_hits(page, fingerprints, guard, choose)
        else:
            yield from _iter_plain_hits(kind, capture, page, fingerprints, guard, choose)
    yield from _iter_plain_hits("text", capture, page, fingerprints, guard, choose)
    if page.text_cut:
        guard.given_up.append(GivenUp("text", "the page has too many nodes: its end was not read"))


def _headers(capture: Capture, page: Page) -> Iterator[tuple[str, Value]]:
    for name, value in capture.headers[: page.limits.values_max]:
        yield name, Value(value[: page.limits.value_chars_max], name=name)


def _cookies(capture: Capture, page: Page) -> Iterator[tuple[str, Value]]:
    for header, value in capture.headers[: page.limits.values_max]:
        if header.lower() == "set-cookie":
            name, equals, rest = value[: page.limits.value_chars_max].partition("=")
            if equals:
                yield name.strip(), Value(rest.partition(";")[0].strip(), name=name.strip())


def _dns(capture: Capture, page: Page) -> Iterator[tuple[str, Value]]:
    for record_type, records in capture.dns.items():
        for record in records[: page.limits.values_max]:
            yield record_type, Value(record[: page.limits.value_chars_max], name=record_type)


def _iter_named_hits(
    kind: str,
    named: Iterable[tuple[str, Value]],
    page: Page,
    fingerprints: FingerprintSet,
    guard: Guard,
) -> Iterator[Hit]:
    wanted: defaultdict[Pattern, list[Value]] = defaultdict(list)
    index = fingerprints.named[kind]
    for name, value in named:
        for pattern in index.iter_patterns(name):
            wanted[pattern].append(value)
    for pattern, values in wanted.items():
        hit = match_values(pattern, values, page, guard)
        if hit is not None:
            yield hit


def _values(kind: str, capture: Capture, page: Page) -> Sequence[Value]:
    most = page.limits.body_bytes_max
    match kind:
        case "url":
            return (Value(capture.url[: page.limits.value_chars_max]),)
        case "cert_issuer":
            return (Value(capture.certificate_issuer[:1000]),) if capture.certificate_issuer else ()
        case "robots":
            return (Value(capture.robots_txt[:most]),) if capture.robots_txt else ()
        case "script_src":
            return page.script_sources
        case "script":
            fetched = list(capture.scripts.items())[: page.limits.values_max]
            return [
                *page.inline_scripts,
                *(Value(text[:most], name=address) for address, text in fetched),
            ]
        case "css":
            return page.style_sheets
        case "html":
            return (Value(page.source, Span(0, len(page.source)), verbatim=True),)
        case _:
            return (page.text,)


def _iter_plain_hits(
    kind: str,
    capture: Capture,
    page: Page,
    fingerprints: FingerprintSet,
    guard: Guard,
    choose: Choose,
) -> Iterator[Hit]:
    if not fingerprints.patterns_of(kind):
        return
    values = _values(kind, capture, page)
    if not values:
        return
    joined = "\n".join(value.text for value in values) if len(values) > 1 else values[0].text
    for pattern in choose(fingerprints, kind, joined):
        hit = match_values(pattern, values, page, guard)
        if hit is not None:
            yield hit


def _iter_dom_hits(
    page: Page, fingerprints: FingerprintSet, guard: Guard, choose: Choose
) -> Iterator[Hit]:
    if not fingerprints.patterns_of("dom"):
        return
    by_selector: defaultdict[str, list[Pattern]] = defaultdict(list)
    for pattern in choose(fingerprints, "dom", page.serialised):
        by_selector[pattern.name].append(pattern)
    for selector, patterns in by_selector.items():
        if guard.is_spent() or not (is_compound_selector(selector) or page.is_plain_sailing):
            for pattern in patterns:
                guard.give_up(pattern, "the page is too large or too deep for this selector")
            continue
        elements = page.select(selector, page.limits.values_max)
        for pattern in patterns if elements else ():
            values = _dom_values(pattern, elements, page, guard)
            hit = match_values(pattern, values, page, guard)
            if hit is not None:
                yield hit


def _dom_values(
    pattern: Pattern, elements: Sequence[turbohtml.Element], page: Page, guard: Guard
) -> Iterator[Value]:
    most = page.limits.value_chars_max
    detail = pattern.detail
    for element in elements:
        if guard.is_spent():  # nested elements hold each other's text: their sum is unbounded
            guard.give_up(pattern, "the time for this page was spent")
            return
        if detail == "":
            yield Value("", tag_span(element))
            return
        if detail == "text":
            text = element.text.strip()[:most]
            if text:
                yield Value(text, tag_span(element))
        else:
            name = detail.removeprefix("@")
            value = element.attr(name)
            if value is not None or name in element.attrs:
                yield Value((value or "")[:most], attribute_span(element, name))


def _uses(
    hits: Mapping[str, Sequence[Hit]], fingerprints: FingerprintSet
) -> tuple[TechnologyUse, ...]:
    confidences = {
        name: min(100, sum(hit.pattern.confidence for hit in found)) for name, found in hits.items()
    }
    resolution = resolve_relations(confidences, fingerprints.technologies)
    names = sorted(resolution.seen | set(resolution.implied))
    return tuple(
        _use(
            name,
            hits[name] if name in resolution.seen else (),
            confidences.get(name, 0) if name in resolution.seen else 0,
            resolution.implied.get(name, ()),
        )
        for name in names
    )


def _use(
    name: str, hits: Sequence[Hit], confidence: int, implied: Sequence[Implied]
) -> TechnologyUse:
    told = [step.version for step in implied if step.version and is_version(step.version)]
    version = pick_version(versions_of(hits)) or pick_version(told)
    evidence = [hit.evidence for hit in hits]
    evidence += [Evidence("implied", step.by, "", f"{step.by} implies {name}") for step in implied]
    best = max([confidence, *(step.confidence for step in implied)])
    return TechnologyUse(name, version, best, tuple(evidence[:EVIDENCE_MAX]))
