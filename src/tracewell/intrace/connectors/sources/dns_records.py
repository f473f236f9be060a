"""Connector `dns`: addresses, mail and name servers of a domain, the name behind an address."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Final

from tracewell.intrace.connectors.lent import Dns
from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorError,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    NotApplicableError,
    PartialAnswerError,
    observe,
)
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

_NULL_MX: Final = "."  # RFC 7505
_QUESTIONS: Final = (
    # (statement, name before the domain, type)
    ("address", "", "A"),
    ("address", "", "AAAA"),
    ("mail", "", "MX"),
    ("name_server", "", "NS"),
    ("spf", "", "TXT"),
    ("dmarc", "_dmarc.", "TXT"),
)

Found = dict[tuple[str, str], tuple[str, ...] | None]


class DnsRecords(Connector):
    """What the domain name system publishes: RFC 1035, SPF (7208), DMARC (7489)."""

    spec = ConnectorSpec(
        id="dns",
        name="Domain name system",
        accepts=frozenset({IdentifierType.DOMAIN, IdentifierType.EMAIL, IdentifierType.IP}),
        yields=(
            "domain.name",
            "domain.address",
            "domain.mail_server",
            "domain.name_server",
            "domain.accepts_mail",
            "domain.has_spf",
            "domain.dmarc_policy",
            "email.address",
            "email.accepts_mail",
            "email.mail_server",
            "ip.address",
            "ip.reverse_name",
        ),
        terms_url="https://www.rfc-editor.org/rfc/rfc1035",
        licence="published by the domains' own holders",
        cost_class=CostClass.FREE,
        timeout_s=6.0,
        cache_s=300,
        is_reference=True,
        sends_out=True,
    )

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """Partial when one of the questions found no server that answers."""
        if identifier.type is IdentifierType.IP:
            return await _ask_reverse(identifier.value, context)
        is_email = identifier.type is IdentifierType.EMAIL
        domain = identifier.details["domain"] if is_email else identifier.value
        if domain.startswith("["):
            raise NotApplicableError("an address literal has no domain")
        questions = [q for q in _QUESTIONS if not is_email or q[0] in ("mail", "address")]
        found, failure = await _ask_all(domain, questions, context.dns)
        if found.get(("address", "A"), ()) is None or found.get(("mail", "MX"), ()) is None:
            return ()  # NXDOMAIN: there is no such name
        statements = _mail_statements(found) if is_email else _domain_statements(found)
        prefix, subject = ("email", identifier.value) if is_email else ("domain", domain)
        named = "address" if is_email else "name"
        observations = observe(
            f"{prefix}:{subject}",
            [(f"{prefix}.{named}", subject)]
            + [(f"{prefix}.{name}", value) for name, value in statements],
            source_url=f"dns:{domain}",
            observed_at=context.clock(),
        )
        if failure is None:
            return observations
        if not found:
            raise failure
        raise PartialAnswerError(f"not every record was answered: {failure.reason}", observations)

    async def check_health(self, context: AskContext) -> Condition:
        """Asks for the root's own name servers."""
        if await context.dns.query(".", "NS"):
            return Condition(HealthStatus.REACHABLE)
        return Condition(HealthStatus.DEGRADED, "the name server knows no root")


async def _ask_all(
    domain: str, questions: Sequence[tuple[str, str, str]], dns: Dns
) -> tuple[Found, ConnectorError | None]:
    async def ask(prefix: str, kind: str) -> tuple[str, ...] | ConnectorError | None:
        try:
            return await dns.query(prefix + domain, kind)
        except ConnectorError as error:
            return error

    told = await asyncio.gather(*(ask(prefix, kind) for _, prefix, kind in questions))
    found: Found = {}
    failure: ConnectorError | None = None
    for (name, _, kind), answer in zip(questions, told, strict=True):
        if isinstance(answer, ConnectorError):
            failure = answer
        else:
            found[name, kind] = answer
    return found, failure


def _domain_statements(found: Found) -> list[tuple[str, str]]:
    statements = [("address", a) for a in _records(found, "address")]
    statements += [("name_server", s.rstrip(".").lower()) for s in _records(found, "name_server")]
    statements += _mail_statements(found)
    if ("spf", "TXT") in found:
        has_spf = any(t.lower().startswith("v=spf1") for t in _records(found, "spf"))
        statements.append(("has_spf", "true" if has_spf else "false"))
    for text in _records(found, "dmarc"):
        tags = {
            part.partition("=")[0].strip().lower(): part.partition("=")[2].strip()
            for part in text.split(";")
        }
        if tags.get("v", "").upper() == "DMARC1" and tags.get("p"):
            statements.append(("dmarc_policy", tags["p"].lower()))
    return statements


def _mail_statements(found: Found) -> list[tuple[str, str]]:
    """RFC 5321, 5.1: without an MX record, mail goes to the address."""
    if ("mail", "MX") not in found:
        return []
    servers = [text.split()[-1] for text in _records(found, "mail") if text.split()]
    named = [server.rstrip(".").lower() for server in servers if server != _NULL_MX]
    accepts: bool | None = bool(named)
    if not servers:
        asked_both = ("address", "A") in found and ("address", "AAAA") in found
        accepts = bool(_records(found, "address")) or (False if asked_both else None)
    statements = [("mail_server", server) for server in named]
    if accepts is not None:
        statements.append(("accepts_mail", "true" if accepts else "false"))
    return statements


def _records(found: Found, wanted: str) -> list[str]:
    return [text for (name, _), texts in found.items() if name == wanted for text in texts or ()]


async def _ask_reverse(address: str, context: AskContext) -> Sequence[Observation]:
    pointer = ipaddress.ip_address(address).reverse_pointer
    names = await context.dns.query(pointer, "PTR")
    if not names:
        return ()
    return observe(
        f"ip:{address}",
        [("ip.address", address), *(("ip.reverse_name", n.rstrip(".").lower()) for n in names)],
        source_url=f"dns:{pointer}",
        observed_at=context.clock(),
    )
