"""Connector `email_domain`: what an address tells without asking anybody who could answer mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    observe,
)
from tracewell.intrace.identifiers.formats import split_suffix
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.resolution.vocabulary import ROLE_ACCOUNTS
from tracewell.values import Observation


class MailProviders:
    """Which domains hand out mailboxes to anybody, and which hand out throw-away ones."""

    def __init__(self, free: Mapping[str, str], disposable: frozenset[str], edition: str) -> None:
        self.free = free
        self.disposable = disposable
        self.edition = edition

    def find_provider(self, domain: str) -> str | None:
        """The free-mail provider of a domain (lower case), or None."""
        return self.free.get(domain)

    def is_disposable(self, domain: str) -> bool:
        """Whether a domain or one above it belongs to a throw-away service."""
        labels = domain.split(".")
        return any(".".join(labels[i:]) in self.disposable for i in range(len(labels) - 1))


def load_mail_providers() -> MailProviders:
    """The tables that ship with the package (`data/mail_providers.yaml`)."""
    text = resources.files(__package__).joinpath("data/mail_providers.yaml").read_text("utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    free = {domain: provider for provider, domains in table["free"].items() for domain in domains}
    return MailProviders(
        MappingProxyType(free), frozenset(table["disposable"]), str(table["edition"])
    )


class EmailDomain(Connector):
    """The parts of an address, its registrable domain, free-mail, throw-away and role mailboxes."""

    spec = ConnectorSpec(
        id="email_domain",
        name="E-mail domain checks",
        accepts=frozenset({IdentifierType.EMAIL}),
        yields=(
            "email.address",
            "email.local_part",
            "email.domain",
            "email.registrable_domain",
            "email.public_suffix",
            "email.provider",
            "email.is_free_mail",
            "email.is_disposable",
            "email.is_role_account",
        ),
        terms_url=None,
        licence="CC0-1.0 (tables), MPL-2.0 (Public Suffix List)",
        cost_class=CostClass.LOCAL,
        timeout_s=2.0,
        is_reference=True,
    )

    def __init__(self, providers: MailProviders | None = None) -> None:
        self._providers = providers or load_mail_providers()

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """The statements about an address; never empty."""
        local_part, _, domain = identifier.value.rpartition("@")
        statements = [
            ("email.address", identifier.value),
            ("email.local_part", local_part),
            ("email.domain", domain),
            ("email.is_role_account", _truth(local_part.partition("+")[0] in ROLE_ACCOUNTS)),
        ]
        if not domain.startswith("["):
            registrable, suffix = split_suffix(domain)
            provider = self._providers.find_provider(domain)
            statements += [
                ("email.registrable_domain", registrable),
                ("email.public_suffix", suffix),
                ("email.provider", provider or ""),
                ("email.is_free_mail", _truth(provider is not None)),
                ("email.is_disposable", _truth(self._providers.is_disposable(domain))),
            ]
        return observe(
            f"address:{identifier.value}",
            statements,
            source_url=f"tracewell:mail-providers/{self._providers.edition}",
            observed_at=context.clock(),
        )

    async def check_health(self, context: AskContext) -> Condition:
        """Whether the tables are there."""
        if self._providers.free and self._providers.disposable:
            return Condition(HealthStatus.REACHABLE)
        return Condition(HealthStatus.DEGRADED, "the provider tables are empty")


def _truth(value: bool) -> str:
    return "true" if value else "false"
