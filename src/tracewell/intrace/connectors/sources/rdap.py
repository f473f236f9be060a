"""Connector `rdap`: who registered a domain or an address block, from the registries themselves.

Which registry answers is IANA's bootstrap (RFC 9224); the answers are RFC 9083's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    NotApplicableError,
    Rate,
    SourceFailedError,
    Upstream,
    observe,
)
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

BOOTSTRAP_MS: Final = 86_400_000
"""The registries' addresses are asked for again after a day."""
_ACCEPT: Final = {"Accept": "application/rdap+json, application/json"}
_ODD_SHAPE: Final = "the registry's answer is not RDAP's (RFC 9083)"
_EVENTS: Final[Mapping[str, str]] = {
    "registration": "domain.registered_at",
    "expiration": "domain.expires_at",
}


@dataclass(frozen=True, slots=True)
class _Bootstrap:
    """One of IANA's files: what each registry is in charge of, and its addresses."""

    services: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    read_at: int


class Rdap(Connector):
    """Registrar, registrant, dates and name servers of a domain; holder of an address block."""

    spec = ConnectorSpec(
        id="rdap",
        name="Registration data (RDAP)",
        accepts=frozenset({IdentifierType.DOMAIN, IdentifierType.IP}),
        yields=(
            "domain.name",
            "domain.registrar",
            "domain.registrant",
            "domain.registered_at",
            "domain.expires_at",
            "domain.status",
            "domain.name_server",
            "ip.address",
            "ip.network",
            "ip.network_name",
            "ip.network_holder",
            "ip.country",
        ),
        terms_url="https://www.icann.org/rdap",
        licence="terms of the registry that answers",
        cost_class=CostClass.FREE,
        timeout_s=8.0,
        cache_s=3600,
        is_reference=True,
        sends_out=True,
        upstream=Upstream("https://data.iana.org/rdap/", Rate(10, 1.0)),
    )

    def __init__(self) -> None:
        self._bootstraps: dict[str, _Bootstrap] = {}

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """One registration, or nothing where the registry knows none."""
        if identifier.type is IdentifierType.IP:
            return await self._ask_ip(identifier.value, context)
        domain = identifier.details.get("registrable_domain") or identifier.value
        server = await self._find_server("dns", domain, context)
        answer = await context.http.get_json(f"{server}domain/{domain}", headers=_ACCEPT)
        if answer is None:
            return ()
        record = _object(answer, "domain")
        return observe(
            f"domain:{domain}",
            [("domain.name", domain), *_domain_statements(record)],
            source_url=f"{server}domain/{domain}",
            observed_at=context.clock(),
            record=record,
        )

    async def check_health(self, context: AskContext) -> Condition:
        """Reads the bootstrap anew."""
        self._bootstraps.pop("dns", None)
        await self._read_bootstrap("dns", context)
        return Condition(HealthStatus.REACHABLE)

    async def _ask_ip(self, address: str, context: AskContext) -> Sequence[Observation]:
        kind = "ipv6" if ":" in address else "ipv4"
        server = await self._find_server(kind, address, context)
        answer = await context.http.get_json(f"{server}ip/{address}", headers=_ACCEPT)
        if answer is None:
            return ()
        record = _object(answer, "ip network")
        return observe(
            f"ip:{address}",
            [("ip.address", address), *_network_statements(record)],
            source_url=f"{server}ip/{address}",
            observed_at=context.clock(),
            record=record,
        )

    async def _find_server(self, kind: str, name: str, context: AskContext) -> str:
        """The address of the registry in charge, with a final slash."""
        bootstrap = await self._read_bootstrap(kind, context)
        best: tuple[int, tuple[str, ...]] = (-1, ())
        for entries, urls in bootstrap.services:
            for entry in entries:
                fit = _fit(kind, entry, name)
                if fit > best[0]:
                    best = (fit, urls)
        # RFC 9224, 3: the secure address where there is one.
        urls = tuple(sorted(best[1], key=lambda url: not url.startswith("https:")))
        if not urls:
            raise NotApplicableError("no registry in charge of it has an RDAP service")
        return urls[0] if urls[0].endswith("/") else urls[0] + "/"

    async def _read_bootstrap(self, kind: str, context: AskContext) -> _Bootstrap:
        known = self._bootstraps.get(kind)
        if known is not None and 0 <= context.clock() - known.read_at < BOOTSTRAP_MS:
            return known
        answer = await context.http.get_json(f"{kind}.json", absent=())
        try:
            services = tuple(
                (tuple(map(str, entries)), tuple(map(str, urls)))
                for entries, urls in answer["services"]
            )
        except (TypeError, KeyError, ValueError):
            services = ()
        if not services:
            raise SourceFailedError("the bootstrap is not IANA's (RFC 9224)")
        fresh = self._bootstraps[kind] = _Bootstrap(services, context.clock())
        return fresh


def _fit(kind: str, entry: str, name: str) -> int:
    """How narrowly an entry of the bootstrap covers a name; -1 where it does not."""
    if kind == "dns":
        entry = entry.lower().rstrip(".")
        fits = name == entry or name.endswith("." + entry) or entry == ""
        return len(entry) if fits else -1
    try:
        network = ipaddress.ip_network(entry)
        return network.prefixlen if ipaddress.ip_address(name) in network else -1
    except ValueError:
        return -1


def _object(answer: Any, kind: str) -> dict[str, Any]:
    if not isinstance(answer, dict) or answer.get("objectClassName") != kind:
        raise SourceFailedError(_ODD_SHAPE)
    return answer


def _domain_statements(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    statements = [("domain.status", text) for text in _texts(record.get("status"))]
    for event in _objects(record.get("events")):
        predicate = _EVENTS.get(str(event.get("eventAction")))
        day = str(event.get("eventDate", ""))[:10]
        if predicate and len(day) == 10:
            statements.append((predicate, day))
    statements += [
        ("domain.name_server", str(server.get("ldhName", "")).lower().rstrip("."))
        for server in _objects(record.get("nameservers"))
    ]
    for role, predicate in (("registrar", "domain.registrar"), ("registrant", "domain.registrant")):
        statements += [(predicate, name) for name in _names(record, role)]
    return statements


def _network_statements(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    start, end = str(record.get("startAddress", "")), str(record.get("endAddress", ""))
    try:
        networks = ipaddress.summarize_address_range(
            ipaddress.ip_address(start.partition("/")[0]),
            ipaddress.ip_address(end.partition("/")[0]),
        )
        blocks = [str(network) for _, network in zip(range(20), networks, strict=False)]
    except (ValueError, TypeError):
        raise SourceFailedError(_ODD_SHAPE) from None
    return [
        *(("ip.network", block) for block in blocks),
        ("ip.network_name", str(record.get("name") or "")),
        ("ip.country", str(record.get("country") or "").upper()),
        *(("ip.network_holder", name) for name in _names(record, "registrant")[:3]),
    ]


def _names(record: Mapping[str, Any], role: str) -> list[str]:
    """The formatted names (RFC 7095) of the entities with a role, redacted ones left out."""
    names = []
    for entity in _objects(record.get("entities")):
        if role not in _texts(entity.get("roles")):
            continue
        card = entity.get("vcardArray")
        fields = card[1] if isinstance(card, list) and len(card) > 1 else ()
        for wanted in ("org", "fn"):
            found = [
                str(field[3]).strip()
                for field in fields
                if isinstance(field, list) and len(field) > 3 and field[0] == wanted
            ]
            kept = [name for name in found if name and "redacted" not in name.lower()]
            if kept:
                names.append(kept[0][:300])
                break
    return names


def _objects(value: Any) -> list[dict[str, Any]]:
    return [v for v in value[:100] if isinstance(v, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [v for v in value[:100] if isinstance(v, str)] if isinstance(value, list) else []
