"""Asking one connector through the real runner, with the real network, of a local upstream."""

from __future__ import annotations

import functools
import itertools
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.connectors.upstream import Certificates

from tracewell.intrace.connectors.declared.loading import load_shipped
from tracewell.intrace.connectors.means import Means
from tracewell.intrace.connectors.memory import AnswerMemory
from tracewell.intrace.connectors.model import Connector, Health
from tracewell.intrace.connectors.network.client import HttpClient
from tracewell.intrace.connectors.network.dns_client import NameServer
from tracewell.intrace.connectors.network.network import Network
from tracewell.intrace.connectors.network.secrecy import SourceOptions
from tracewell.intrace.connectors.runner import RunResult, check_connector, run_connectors
from tracewell.intrace.connectors.sources.certificates import Certificates as CertificateSearch
from tracewell.intrace.connectors.sources.dns_records import DnsRecords
from tracewell.intrace.connectors.sources.rdap import Rdap
from tracewell.intrace.connectors.sources.web_page import WebPage
from tracewell.intrace.identifiers import parse_identifiers
from tracewell.kernel.clock import system_clock
from tracewell.web.client import FetchLimits
from tracewell.web.fetcher import Fetcher, Manners

KEY = "planted/secret+key=1234"
CONTACT = "https://tracewell.example/about"


@functools.cache
def _shipped() -> Mapping[str, Connector]:
    return {connector.spec.id: connector for connector in load_shipped()}


_CODED: Mapping[str, Callable[[], Connector]] = {
    "rdap": Rdap,
    "certificates": CertificateSearch,
    "dns": DnsRecords,
    "web_page": WebPage,
}


def make(connector_id: str) -> Connector:
    """A fresh connector of that id."""
    if connector_id in _CODED:
        return _CODED[connector_id]()
    return _shipped()[connector_id]


def make_means(
    certificates: Certificates | None,
    *,
    allow: Sequence[str] = (),
    name_servers: Sequence[NameServer] = (),
    options: Mapping[str, SourceOptions] | None = None,
    with_memory: bool = False,
    resolver: Any = None,
    clock: Any = system_clock,
    page_timeout_s: float = 5.0,
) -> Means:
    """The real means; without certificates the system's trust, which knows nobody here."""
    tls = certificates.client() if certificates else None
    return Means(
        Network(
            HttpClient(
                clock=clock, contact_url=CONTACT, allow=allow, tls=tls, resolver=resolver
            ),
            name_servers=name_servers,
            options={"hibp": SourceOptions(KEY), **(options or {})},
            fetcher=Fetcher(
                contact_url=CONTACT, clock=clock, allow=allow, resolver=resolver,
                tls=certificates.client if certificates else ssl.create_default_context,
                manners=Manners(pause_s=0.0, retries_max=0),
                limits=FetchLimits(total_timeout_s=page_timeout_s),
            ),
            random=lambda: 0.0,
        ),
        AnswerMemory() if with_memory else None,
    )  # fmt: skip


async def ask(
    connector: Connector, means: Means, *identifiers: tuple[str, str], timeout_s: float = 5.0
) -> RunResult:
    """What the runner makes of the connector's answers."""
    numbers = itertools.count()
    return await run_connectors(
        [connector],
        parse_identifiers(list(identifiers)),
        clock=system_clock,
        new_source_id=lambda: f"src_{next(numbers)}",
        timeout_s=timeout_s,
        enabled=(connector.spec.id,),
        means=means,
    )


async def check(connector: Connector, means: Means, timeout_s: float = 5.0) -> Health:
    """The live check."""
    return await check_connector(connector, clock=system_clock, timeout_s=timeout_s, means=means)


def stated(result: RunResult) -> list[tuple[str, str]]:
    """The (predicate, value) pairs, in order."""
    return [(s.observation.predicate, s.observation.value) for s in result.observations]
