"""How observations add up to a company: pure, and independent of the order in which they come.

Whoever reads the same captures in another order, or twice, gets the same company
(docs/decisions/0071-observations.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tracewell.extraction import PARTNERSHIP_TYPES, Fact, Field, PartnershipType
from tracewell.trace.companies.days import DAY_MS, add_days, day_of, list_periods
from tracewell.trace.companies.model import Company, Domain, Sighting, Sign, Use

SIGNS_KEPT = 10
"""Pieces of evidence kept for a use, the newest."""
FACTS_KEPT = 10
"""Values kept for a field of the firmographics, the best."""
SEVERAL: frozenset[Field] = frozenset({"social_profile", "registry_identifier"})
"""Fields of which every value is shown, not the best alone."""

BestFacts = Mapping[Field, tuple[Fact, ...]]
"""What is shown of each field, the best first."""

Item = TypeVar("Item")
Key = TypeVar("Key")


def observe(company: Company, sightings: Iterable[Sighting]) -> Company:
    """The company after further captures of its own sites."""
    sightings = list(sightings)
    if not sightings:
        return company
    times = [sighting.observed_at for sighting in sightings]
    uses = {use.technology.technology_id: use for use in company.uses}
    for sighting in sightings:
        for use in sighting.uses:
            known = uses.get(use.technology.technology_id)
            uses[use.technology.technology_id] = use if known is None else add_use(known, use)
    visits = add_days(
        company.visit_days, (day_of(one.observed_at) for one in sightings if one.is_visit)
    )
    facts = [*company.facts, *(fact for sighting in sightings for fact in sighting.facts)]
    return replace(
        company,
        domains=tuple(_seen_at(domain, times) for domain in company.domains),
        uses=tuple(settle_use(use, visits) for use in uses.values()),
        facts=keep_facts(facts),
        first_observed_at=min(company.first_observed_at, *times),
        last_observed_at=max(company.last_observed_at, *times),
        last_crawled_at=max(company.last_crawled_at, *times),
        visit_days=visits,
    )


def _seen_at(domain: Domain, times: Iterable[int]) -> Domain:
    if not domain.is_primary:
        return domain
    return replace(
        domain,
        first_observed_at=min(domain.first_observed_at, *times),
        last_observed_at=max(domain.last_observed_at, *times),
    )


def add_alias(company: Company, alias: str, observed_at: int) -> Company:
    """The company with a domain that was seen to lead to it."""
    domains = {domain.domain: domain for domain in company.domains}
    known = domains.get(alias, Domain(alias, False, observed_at, observed_at))
    domains[alias] = replace(
        known,
        first_observed_at=min(known.first_observed_at, observed_at),
        last_observed_at=max(known.last_observed_at, observed_at),
    )
    return replace(company, domains=tuple(domains.values()))


def add_use(first: Use, second: Use) -> Use:
    """Two accounts of one use as one. The version is the one told last, of two at once the longer;
    the confidence is the highest that a capture gave; `settle_use` says whether it lasts."""
    versions = [
        (use.version_observed_at, len(use.version), use.version)
        for use in (first, second)
        if use.version is not None and use.version_observed_at is not None
    ]
    version_observed_at, _, version = max(versions, default=(None, 0, None))
    return Use(
        technology=first.technology,
        version=version,
        version_observed_at=version_observed_at,
        confidence=max(first.confidence, second.confidence),
        status="active",
        first_observed_at=min(first.first_observed_at, second.first_observed_at),
        last_observed_at=max(first.last_observed_at, second.last_observed_at),
        observation_count=first.observation_count + second.observation_count,
        signs=keep_signs((*first.signs, *second.signs)),
        seen_days=add_days(first.seen_days, second.seen_days),
        dropped_at=None,
    )


def settle_use(use: Use, visits: Sequence[int]) -> Use:
    """The use with what the visits say of it: still active, or dropped and since when."""
    dropped_day = list_periods(use.seen_days, visits)[-1].dropped_day
    if dropped_day is None:
        return replace(use, status="active", dropped_at=None)
    return replace(use, status="dropped", dropped_at=dropped_day * DAY_MS)


def keep_signs(signs: Iterable[Sign]) -> tuple[Sign, ...]:
    """The newest sight of each sign, the newest `SIGNS_KEPT` signs."""
    newest = _best(signs, lambda sign: (sign.kind, sign.name, sign.pattern), _sign_rank)
    return tuple(sorted(newest.values(), key=_sign_rank, reverse=True)[:SIGNS_KEPT])


def _sign_rank(sign: Sign) -> tuple[int, str, str, str, str, str]:
    return (sign.observed_at, sign.capture, sign.kind, sign.name, sign.pattern, sign.excerpt)


def keep_facts(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Each value in its best telling, and of each field the best `FACTS_KEPT` values."""
    best = _best(facts, lambda fact: (fact.field, fact.value), _fact_rank)
    kept: dict[Field, list[Fact]] = {}
    for fact in sorted(best.values(), key=_fact_rank, reverse=True):
        of_field = kept.setdefault(fact.field, [])
        if len(of_field) < FACTS_KEPT:
            of_field.append(fact)
    return tuple(fact for field in sorted(kept) for fact in kept[field])


def _fact_rank(fact: Fact) -> tuple[int, int, str, str]:
    return (fact.weight, fact.observed_at, fact.source_url, fact.value)


def _best(
    items: Iterable[Item], key: Callable[[Item], Key], rank: Callable[[Item], tuple[Any, ...]]
) -> Mapping[Key, Item]:
    best: dict[Key, Item] = {}
    for item in items:
        known = best.get(key(item))
        if known is None or rank(item) > rank(known):
            best[key(item)] = item
    return best


def best_facts(facts: Iterable[Fact]) -> BestFacts:
    """What is shown of each field: the best value, or of some fields all, the best first."""
    shown: dict[Field, tuple[Fact, ...]] = {}
    for fact in keep_facts(facts):
        if fact.field not in shown or fact.field in SEVERAL:
            shown[fact.field] = (*shown.get(fact.field, ()), fact)
    return shown


def pack_types(types: Iterable[PartnershipType]) -> int:
    """Kinds of partnership as one number, a bit for each."""
    return sum(1 << PARTNERSHIP_TYPES.index(one) for one in set(types))


def unpack_types(packed: int) -> tuple[PartnershipType, ...]:
    """What `pack_types` packed."""
    return tuple(one for bit, one in enumerate(PARTNERSHIP_TYPES) if packed >> bit & 1)


def name_of(company: Company) -> str:
    """The best name that pages told, else the primary domain."""
    return name_among(best_facts(company.facts), company.primary_domain)


def name_among(best: BestFacts, primary_domain: str) -> str:
    """The name among the best facts, else the primary domain."""
    told = best.get("name", ())
    return told[0].value if told else primary_domain
