"""Whose record is this? By number, by domain, by name and place; what is doubtful is told. Pure.

The weights and why: docs/decisions/0208-loaded-records.md.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tracewell.resolution import compare_names
from tracewell.resolution.model import Kind
from tracewell.resolution.parsing import parse_name
from tracewell.trace.loading.known import Known
from tracewell.trace.loading.model import Candidate, Place, Record
from tracewell.trace.loading.values import COMPANIES_HOUSE, LEI
from tracewell.trace.texts import slugify

SCORE_MATCHED: Final = 0.95
"""Same name and country, and one thing more: the legal form, the town, or the postal code."""
SCORE_DOUBTFUL: Final = 0.2
"""Below, a candidate is none: another country, or a name that is only alike."""
MARGIN_BITS: Final = 4.0
"""By so much the best must stand out: sixteen times as probable as the next."""
CANDIDATES_TOLD_MAX: Final = 10

_ONE_EACH: Final = frozenset({LEI, COMPANIES_HOUSE, "SIREN", "KvK", "CVR", "KBO"})
"""A company has one of each of these: with another number it is another company."""
_NO_EVIDENCE: Final = frozenset({"TAX"})
"""Written alike in many countries."""

# Natural logarithms of odds, added up.
_PRIOR: Final = -3.0
_SAME_LEGAL_NAME: Final = 2.0
_SAME_COUNTRY: Final = 1.0
_OTHER_COUNTRY: Final = -6.0
_NO_COUNTRY: Final = -2.0
_SAME_LOCALITY: Final = 3.0
_OTHER_LOCALITY: Final = -1.0
_SAME_POSTAL_CODE: Final = 5.0
_OTHER_NAME: Final = 0.1
_NAMES_COMPARED: Final = 5

Verdict = Literal["matched", "undecided", "new", "aside"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whose a record is; `company_id` only where it is matched."""

    verdict: Verdict
    reason: str
    company_id: int | None = None
    candidates: tuple[Candidate, ...] = ()


def decide(
    record: Record,
    by_identifier: Collection[Known],
    by_domain: Collection[Known],
    by_name: Collection[Known],
) -> Decision:
    """The decision over the companies that share an identifier, a domain or a key of a name."""
    if by_identifier:
        return _by_identifier(record, by_identifier, by_domain)
    if by_domain:
        return _by_domain(record, by_domain)
    return _by_name(record, by_name)


def _by_identifier(
    record: Record, found: Collection[Known], by_domain: Collection[Known]
) -> Decision:
    several = {known.company_id: known for known in (*found, *by_domain)}
    if len(several) > 1:
        what = "number" if len(found) > 1 else "number and the domain"
        return _undecided(record, several.values(), f"the {what} lead to different companies")
    (known,) = found
    if contradicts(record, known):
        return _undecided(record, found, "one number is the company's, another is not")
    score, _ = weigh(record, known)
    if score < SCORE_DOUBTFUL and _differ(record, known):
        return _undecided(record, found, "the number is the company's, name and country are not")
    return Decision("matched", "number", known.company_id)


def _by_domain(record: Record, found: Collection[Known]) -> Decision:
    if len(found) > 1:
        return _undecided(record, found, "the domains lead to different companies")
    (known,) = found
    if contradicts(record, known):
        return _undecided(record, found, "the domain's company has another number")
    return Decision("matched", "domain", known.company_id)


def _by_name(record: Record, found: Collection[Known]) -> Decision:
    ranked = [one for one in rank(record, found) if one.score >= SCORE_DOUBTFUL]
    is_clear = bool(ranked) and ranked[0].score >= SCORE_MATCHED and _stands_out(ranked)
    if record.domains:
        # A company of that name has another domain: one of both has to be looked at.
        if is_clear:
            return Decision(
                "undecided", "the name's company has another domain", candidates=tuple(ranked)
            )
        return Decision("new", "domain")
    if not ranked:
        return Decision("aside", "no company fits, and no domain is known")
    if is_clear:
        return Decision("matched", "name", ranked[0].company_id)
    reason = (
        "the name alone is too little" if len(ranked) == 1 else "several companies may be meant"
    )
    return Decision("undecided", reason, candidates=tuple(ranked[:CANDIDATES_TOLD_MAX]))


def _stands_out(ranked: Sequence[Candidate]) -> bool:
    return len(ranked) == 1 or _bits(ranked[0].score) - _bits(ranked[1].score) >= MARGIN_BITS


def _bits(score: float) -> float:
    return math.log2(score / (1 - score))


def _undecided(record: Record, found: Iterable[Known], reason: str) -> Decision:
    told = tuple(_candidate(record, known) for known in found)[:CANDIDATES_TOLD_MAX]
    return Decision("undecided", reason, candidates=told)


def rank(record: Record, found: Iterable[Known]) -> list[Candidate]:
    """The companies that have no other number, the likeliest first; of equal ones the older."""
    told = [_candidate(record, known) for known in found if not contradicts(record, known)]
    return sorted(told, key=lambda one: (-one.score, one.domain))


def _candidate(record: Record, known: Known) -> Candidate:
    score, reasons = weigh(record, known)
    return Candidate(known.company_id, known.slug, known.primary_domain, round(score, 4), reasons)


def contradicts(record: Record, known: Known) -> bool:
    """Whether the company has another number where it can have but one."""
    ours = known.identifiers
    for identifier in record.identifiers:
        if identifier.kind not in _ONE_EACH or identifier in ours:
            continue
        if any(one.kind == identifier.kind for one in ours):
            return True
    return False


def is_evidence(kind: str) -> bool:
    """Whether a number of that kind tells companies apart."""
    return kind not in _NO_EVIDENCE


def weigh(record: Record, known: Known) -> tuple[float, tuple[str, ...]]:
    """How probably the company is the record's, 0..1, by name and place; and the reasons."""
    likeness = _likeness(record, known)
    reasons = [f"name {likeness:.2f}"]
    total = _PRIOR + math.log(likeness / (1 - likeness))
    if _full_names(record.names[:1]) & _full_names(known.names):
        total += _SAME_LEGAL_NAME
        reasons.append("same name to its legal form")
    for weight, reason in _compare_places(record.places, known.places):
        total += weight
        reasons.append(reason)
    return 1 / (1 + math.exp(-total)), tuple(reasons)


def _likeness(record: Record, known: Known) -> float:
    return max(
        (
            compare_names(ours, theirs, "organization")
            for ours in record.names[:_NAMES_COMPARED]
            for theirs in known.names
        ),
        default=0.003,
    )


def _full_names(names: Iterable[str]) -> set[str]:
    """Names that tell their legal form, spelled alike."""
    kind = Kind.ORGANIZATION
    return {slugify(name) or name for name in names if parse_name(name, kind).legal_form}


def _differ(record: Record, known: Known) -> bool:
    other_country = any(weight == _OTHER_COUNTRY for weight, _ in
                        _compare_places(record.places, known.places))  # fmt: skip
    return other_country and bool(record.names) and _likeness(record, known) < _OTHER_NAME


def _compare_places(ours: Sequence[Place], theirs: Sequence[Place]) -> Iterable[tuple[float, str]]:
    countries = _told(ours, "country"), _told(theirs, "country")
    if not all(countries):
        yield _NO_COUNTRY, "no country to compare"
    elif countries[0] & countries[1]:
        yield _SAME_COUNTRY, "same country"
    else:
        yield _OTHER_COUNTRY, "another country"
        return
    codes = _told(ours, "postal_code"), _told(theirs, "postal_code")
    if codes[0] & codes[1]:
        yield _SAME_POSTAL_CODE, "same postal code"
    towns = _told(ours, "locality"), _told(theirs, "locality")
    if towns[0] & towns[1]:
        yield _SAME_LOCALITY, "same town"
    elif all(towns):
        yield _OTHER_LOCALITY, "another town"


def _told(places: Iterable[Place], part: Literal["country", "locality", "postal_code"]) -> set[str]:
    told = (getattr(place, part) for place in places)
    return {slugify(one).replace("-", "") or one for one in told if one}
