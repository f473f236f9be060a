"""The partnerships of many domains, charged for each partner that is a company of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracewell.kernel.credits import Call, Charge, Ledger
from tracewell.kernel.credits.batch import Found
from tracewell.kernel.database import Database, Transaction
from tracewell.trace.companies.domains import parse_domain
from tracewell.trace.companies.heads import Head, find_heads
from tracewell.trace.metering import metered

DOMAIN_CHARS_MAX = 253
PARTNERSHIPS_MAX = 1_000
"""Partnerships told of one company, the last observed."""

_PARTNERS_TEXT = """
    SELECT p.partner_id, COALESCE(c.name, p.partner_name),
      COALESCE(c.primary_domain, p.partner_domain), c.slug, MIN(p.first_observed_at),
      MAX(p.last_observed_at), CAST(SUM(p.observation_count) AS INTEGER), c.industry,
      (SELECT f.value FROM firmographics AS f WHERE f.company_id = p.partner_id
        AND f.field = 'description'
        ORDER BY f.weight DESC, f.observed_at DESC, f.source_url DESC, f.value DESC LIMIT 1)
    FROM partnerships AS p LEFT JOIN companies AS c ON c.company_id = p.partner_id
    WHERE p.company_id = :company_id
    GROUP BY p.partner_key, p.partner_id, COALESCE(c.name, p.partner_name),
      COALESCE(c.primary_domain, p.partner_domain), c.slug, c.industry
    ORDER BY 6 DESC, p.partner_key LIMIT {most}"""
_PARTNERS = _PARTNERS_TEXT.format(most=PARTNERSHIPS_MAX)


@dataclass(frozen=True, slots=True)
class EnrichedPartner:
    """A partner with what is known of it; `category` is its industry."""

    partner_id: int | None
    name: str
    domain: str | None
    slug: str | None
    first_observed_at: int
    last_observed_at: int
    observation_count: int
    category: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Enriched:
    """One domain; `head` is None where it is not tracked."""

    domain: str
    head: Head | None
    partners: tuple[EnrichedPartner, ...]


def clean_domains(domains: Iterable[str]) -> list[str]:
    """Lower case, trimmed, one leading `www.` stripped, each once; what has no dot or is too long
    is left out."""
    cleaned = (domain.strip().lower().removeprefix("www.") for domain in domains)
    fitting = (one for one in cleaned if "." in one and len(one) <= DOMAIN_CHARS_MAX)
    return list(dict.fromkeys(fitting))


@dataclass(frozen=True, slots=True)
class Enrichment:
    """Reads of many companies' partnerships."""

    database: Database
    ledger: Ledger

    async def enrich(self, call: Call, domains: Sequence[str]) -> tuple[list[Enriched], Charge]:
        """One result for each cleaned domain, in order.

        Raises CreditsExhausted (nothing was charged) and DatabaseFailed.
        """
        keys = {domain: _key(domain) for domain in domains}

        async def read(tx: Transaction) -> Found[list[Enriched]]:
            heads = await find_heads(tx, [key for key in keys.values() if key is not None])
            told: dict[int, tuple[EnrichedPartner, ...]] = {}
            for head in heads.values():
                if head.company_id not in told:
                    told[head.company_id] = await _read_partners(tx, head.company_id)
            found = []
            for domain, key in keys.items():
                head_of = heads.get(key) if key is not None else None
                found.append(Enriched(domain, head_of, told[head_of.company_id] if head_of else ()))
            ids = (one.partner_id for partners in told.values() for one in partners)
            return Found(found, tuple(dict.fromkeys(i for i in ids if i is not None)))

        return await metered(self.database, self.ledger, call, read)


async def _read_partners(tx: Transaction, company_id: int) -> tuple[EnrichedPartner, ...]:
    rows = await tx.fetch_all(_PARTNERS, company_id=company_id)
    return tuple(EnrichedPartner(*row) for row in rows)


def _key(domain: str) -> str | None:
    try:
        return parse_domain(domain)
    except ValueError:
        return None
