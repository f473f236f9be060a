"""How mentions of partners become claims, and claims partnerships: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tracewell.extraction import PartnerMention, PartnershipType
from tracewell.trace.companies.domains import find_company_domain
from tracewell.trace.partnerships.model import Claim, Side, Sight
from tracewell.trace.texts import name_key, storable

NAME_CHARS_MAX = 200
EXCERPT_CHARS_MAX = 500
SIGHTS_KEPT = 5
"""Pages kept as evidence of what one company says of one partner, the newest."""


def claims_of(
    mentions: Iterable[PartnerMention], *, url: str, capture: str, observed_at: int
) -> tuple[Claim, ...]:
    """What one page says, each partner and kind once; a name without a letter is no partner."""
    claims: dict[tuple[str, PartnershipType], Claim] = {}
    for mention in mentions:
        domain = find_company_domain(mention.domain) if mention.domain else None
        name = " ".join(storable(mention.name).split())[:NAME_CHARS_MAX] or domain or ""
        key = key_of(name, domain)
        if key is None or (key, mention.partnership_type) in claims:
            continue
        sight = Sight(
            url,
            mention.source_kind,
            storable(mention.excerpt)[:EXCERPT_CHARS_MAX],
            capture,
            mention.start,
            mention.end,
            observed_at,
        )
        claims[key, mention.partnership_type] = Claim(
            name, domain, mention.partnership_type, (sight,)
        )
    return tuple(claims.values())


def key_of(name: str, domain: str | None) -> str | None:
    """What tells a partner that is no company of ours from others; None where nothing does."""
    if domain is not None:
        return f"domain:{domain}"
    spelt = name_key(name)
    return f"name:{spelt}" if spelt else None


def company_key(company_id: int) -> str:
    """The partner's key once it is a company of ours."""
    return f"company:{company_id}"


def add_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The claims of several pages, those of one partner and kind together."""
    together: dict[tuple[str | None, str], Claim] = {}
    for claim in claims:
        key = (key_of(claim.partner_name, claim.partner_domain), claim.partnership_type)
        known = together.get(key)
        together[key] = (
            claim if known is None else replace(known, sights=(*known.sights, *claim.sights))
        )
    return tuple(together.values())


def keep_sights(sights: Iterable[Sight]) -> tuple[Sight, ...]:
    """The newest sight on each page, the newest `SIGHTS_KEPT`."""
    newest: dict[str, Sight] = {}
    for sight in sights:
        known = newest.get(sight.source_url)
        if known is None or _rank(sight) > _rank(known):
            newest[sight.source_url] = sight
    return tuple(sorted(newest.values(), key=_rank, reverse=True)[:SIGHTS_KEPT])


def _rank(sight: Sight) -> tuple[int, str, str, str]:
    return (sight.observed_at, sight.capture, sight.source_url, sight.excerpt)


def sides_of(
    publisher_id: int, publisher: tuple[str, str], claim: Claim, partner_id: int | None
) -> list[Side]:
    """Where a claim is noted: at the publisher (its name and domain), and at a partner we have."""
    times = [sight.observed_at for sight in claim.sights]
    key = key_of(claim.partner_name, claim.partner_domain) or ""
    at_publisher = Side(
        company_id=publisher_id,
        partner_key=key if partner_id is None else company_key(partner_id),
        partnership_type=claim.partnership_type,
        partner_id=partner_id,
        partner_domain=claim.partner_domain,
        partner_name=claim.partner_name,
        is_listed=True,
        is_listed_by=False,
        first_observed_at=min(times),
        last_observed_at=max(times),
        observation_count=len(times),
    )
    return [at_publisher] if partner_id is None else [at_publisher, mirror(at_publisher, publisher)]


def mirror(side: Side, company: tuple[str, str]) -> Side:
    """The same partnership as it stands at the partner; `company` is the side's name and domain."""
    assert side.partner_id is not None
    name, domain = company
    return replace(
        side,
        company_id=side.partner_id,
        partner_key=company_key(side.company_id),
        partner_id=side.company_id,
        partner_domain=domain,
        partner_name=name,
        is_listed=side.is_listed_by,
        is_listed_by=side.is_listed,
    )


def resolve_claims(
    claims: Sequence[Claim], by_domain: Mapping[str, int], by_name: Mapping[str, int]
) -> list[tuple[Claim, int | None]]:
    """Each claim and the company of ours it leads to: its link decides, else its name."""
    found: list[tuple[Claim, int | None]] = []
    for claim in claims:
        if claim.partner_domain is not None:
            found.append((claim, by_domain.get(claim.partner_domain)))
        else:
            found.append((claim, by_name.get(name_key(claim.partner_name))))
    return found


def add_sides(sides: Iterable[Side]) -> list[Side]:
    """Sides of one company, partner and kind as one, as the database adds them up."""
    together: dict[tuple[int, str, PartnershipType], Side] = {}
    for side in sides:
        key = (side.company_id, side.partner_key, side.partnership_type)
        known = together.get(key)
        together[key] = side if known is None else _both(known, side)
    return list(together.values())


def _both(first: Side, second: Side) -> Side:
    last = max(first, second, key=lambda side: (side.last_observed_at, side.partner_name))
    return replace(
        first,
        partner_name=last.partner_name,
        is_listed=first.is_listed or second.is_listed,
        is_listed_by=first.is_listed_by or second.is_listed_by,
        first_observed_at=min(first.first_observed_at, second.first_observed_at),
        last_observed_at=last.last_observed_at,
        observation_count=first.observation_count + second.observation_count,
    )
