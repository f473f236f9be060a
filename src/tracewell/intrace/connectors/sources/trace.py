"""Connector `trace`: what the Trace product knows of the company behind a domain.

Intrace does not know Trace: whoever wires the two together lends it a `CompanyDirectory`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    NotApplicableError,
    observe,
)
from tracewell.intrace.connectors.sources.email_domain import MailProviders, load_mail_providers
from tracewell.intrace.identifiers.formats import split_suffix
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """A company as its public web pages show it; empty where nothing is known.

    `id` is stable within the directory, `url` leads to the company there. `social_accounts` are
    `platform:handle`. `observed_at` is milliseconds since the epoch, UTC.
    """

    id: str
    name: str
    url: str
    observed_at: int
    legal_name: str = ""
    domains: tuple[str, ...] = ()
    description: str = ""
    industry: str = ""
    country: str = ""
    employee_range: str = ""
    founded_year: str = ""
    social_accounts: tuple[str, ...] = ()
    technologies: tuple[str, ...] = ()


class CompanyDirectory(Protocol):
    """Where companies are found by a domain of theirs."""

    async def find_company(self, domain: str) -> CompanyFacts | None:
        """The company that has the domain (lower case, A-labels) among its own, or None."""
        ...


class Trace(Connector):
    """Name, domains, firmographics and technologies of the company behind a domain."""

    spec = ConnectorSpec(
        id="trace",
        name="Trace company intelligence",
        accepts=frozenset({IdentifierType.DOMAIN, IdentifierType.EMAIL, IdentifierType.URL}),
        yields=(
            "organization.name",
            "organization.legal_name",
            "organization.industry",
            "organization.country",
            "organization.description",
            "organization.employee_range",
            "organization.founded_year",
            "domain.name",
            "social.account",
            "technology.name",
        ),
        terms_url=None,
        licence="the organisation's own crawl",
        cost_class=CostClass.LOCAL,
        timeout_s=5.0,
    )

    def __init__(
        self, directory: CompanyDirectory | None, providers: MailProviders | None = None
    ) -> None:
        self._directory = directory
        self._providers = providers or load_mail_providers()

    def find_obstacle(self) -> str | None:
        """Trace may not be served in this deployment."""
        return "the Trace product is not part of this deployment" if not self._directory else None

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """The company of the domain, or of its registrable domain."""
        assert self._directory is not None
        domain = _domain_of(identifier)
        if self._providers.find_provider(domain) or self._providers.is_disposable(domain):
            raise NotApplicableError("the mail domain belongs to a mail provider, not to a holder")
        company = await self._directory.find_company(domain)
        registrable, _ = split_suffix(domain)
        if company is None and registrable not in ("", domain):
            company = await self._directory.find_company(registrable)
        return _statements_of(company) if company is not None else ()

    async def check_health(self, context: AskContext) -> Condition:
        """Asks for a domain that nobody can have (RFC 6761)."""
        if self._directory is None:
            return Condition(HealthStatus.UNKNOWN, "the Trace product is not served here")
        await self._directory.find_company("tracewell-health-check.invalid")
        return Condition(HealthStatus.REACHABLE)


def _domain_of(identifier: Identifier) -> str:
    if identifier.type is IdentifierType.EMAIL:
        domain = identifier.details["domain"]
    elif identifier.type is IdentifierType.URL:
        domain = identifier.details["host"].removeprefix("www.")
    else:
        domain = identifier.value
    if domain.startswith("[") or domain.rpartition(".")[2].isdigit():
        raise NotApplicableError("an IP address has no domain")
    return domain


def _statements_of(company: CompanyFacts) -> tuple[Observation, ...]:
    subject = f"company:{company.id}"
    record = {
        slot: getattr(company, slot) for slot in CompanyFacts.__slots__ if slot != "observed_at"
    }
    statements = [
        ("organization.name", company.name),
        ("organization.legal_name", company.legal_name),
        ("organization.industry", company.industry),
        ("organization.country", company.country),
        ("organization.description", company.description),
        ("organization.employee_range", company.employee_range),
        ("organization.founded_year", company.founded_year),
        *(("domain.name", domain) for domain in company.domains),
        *(("social.account", account) for account in company.social_accounts),
        *(("technology.name", name) for name in company.technologies),
    ]
    return observe(
        subject,
        statements,
        source_url=company.url,
        observed_at=company.observed_at,
        record=record,
    )
