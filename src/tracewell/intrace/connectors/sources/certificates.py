"""Connector `certificates`: host names that public certificates were issued for.

Asks a search over the certificate transparency logs (RFC 9162) that answers as crt.sh does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    PartialAnswerError,
    Rate,
    SourceFailedError,
    Upstream,
    observe,
)
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

NAMES_MAX: Final = 500
_ODD_SHAPE: Final = "the answer is no list of certificates"


class Certificates(Connector):
    """Names below a domain, and who issued certificates for them."""

    spec = ConnectorSpec(
        id="certificates",
        name="Certificate transparency",
        accepts=frozenset({IdentifierType.DOMAIN}),
        yields=("domain.name", "domain.host_name", "domain.certificate_issuer"),
        terms_url="https://crt.sh/",
        licence="public certificate transparency logs",
        cost_class=CostClass.FREE,
        timeout_s=20.0,
        cache_s=3600,
        is_reference=True,
        sends_out=True,
        upstream=Upstream("https://crt.sh/", Rate(5, 10.0), body_bytes_max=16 << 20),
    )

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """One record for the domain; partial when it has more names than are shown."""
        domain = identifier.value
        answer = await context.http.get_json("", params={"q": domain, "output": "json"}, absent=())
        names, issuers = _read(answer, domain)
        if not names:
            return ()
        shown = sorted(names)[:NAMES_MAX]
        observations = observe(
            f"domain:{domain}",
            [
                ("domain.name", domain),
                *(("domain.host_name", name) for name in shown),
                *(("domain.certificate_issuer", issuer) for issuer in sorted(issuers)[:50]),
            ],
            source_url=context.http.public_url("", {"q": domain}),
            observed_at=context.clock(),
        )
        if len(names) > NAMES_MAX:
            told = f"only the first {NAMES_MAX} of {len(names)} names are shown"
            raise PartialAnswerError(told, observations)
        return observations

    async def check_health(self, context: AskContext) -> Condition:
        """Asks about a name that IANA keeps for examples (RFC 2606)."""
        _read(
            await context.http.get_json(
                "", params={"q": "example.com", "output": "json"}, absent=()
            ),
            "example.com",
        )
        return Condition(HealthStatus.REACHABLE)


def _read(answer: Any, domain: str) -> tuple[set[str], set[str]]:
    if not isinstance(answer, list):
        raise SourceFailedError(_ODD_SHAPE)
    names: set[str] = set()
    issuers: set[str] = set()
    for entry in answer:
        told = entry.get("name_value") if isinstance(entry, dict) else None
        if not isinstance(told, str):
            raise SourceFailedError(_ODD_SHAPE)
        for line in told.splitlines():
            name = line.strip().lower().removeprefix("*.").rstrip(".")
            # A certificate may name mail addresses and hosts of others besides.
            if name == domain or name.endswith("." + domain):
                names.add(name)
        issuer = str(entry.get("issuer_name") or "")
        organization = [p[2:].strip(' "') for p in issuer.split(", ") if p.startswith("O=")]
        issuers.update(organization[:1])
    return names, issuers
