"""Every fault into every connector that asks the web: none is ever stored as "found nothing"."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.connectors.asking import ask, make, make_means
from tests.connectors.faults import FAULTS, Fault
from tests.connectors.recorded import BOOTSTRAP, RECORDED, Recorded
from tests.connectors.upstream import HOSTS, Asked, Certificates, Wire, serve

from tracewell.intrace.connectors.model import OutcomeStatus
from tracewell.intrace.connectors.runner import RunResult

HANGING_S, DEADLINE_S = 1.0, 20.0
PAGE = Recorded("web_page", ("url", "https://example.com/about"), {}, frozenset(), (404, ""), "")
SOURCES = (*RECORDED, PAGE)
HONEST = {
    # (source, fault): a body by which this source says that there is nothing
    ("gitlab", "empty list"), ("certificates", "empty list"), ("hacker_news", "null"),
}  # fmt: skip


def faults_of(recorded: Recorded) -> list[Fault]:
    """Those that are faults of this source."""
    return [
        fault
        for fault in FAULTS
        if (recorded.connector_id, fault.name) not in HONEST
        and not (fault.is_json and recorded is PAGE)
    ]


async def suffer(
    recorded: Recorded, fault: Fault, certificates: Certificates, *, with_bootstrap: bool = True
) -> RunResult:
    async def handler(asked: Asked, wire: Wire) -> None:
        if with_bootstrap and asked.host == "data.iana.org":
            await wire.reply_json(BOOTSTRAP)
        else:
            await fault.handler(asked, wire)

    # Only what hangs runs into its deadline, however busy the machine is.
    timeout_s = HANGING_S if OutcomeStatus.TIMED_OUT in fault.expected else DEADLINE_S
    async with serve(handler, certificates) as upstream:
        means = make_means(certificates, allow=upstream.allow, page_timeout_s=timeout_s / 2)
        try:
            return await ask(
                make(recorded.connector_id), means, recorded.identifier, timeout_s=timeout_s
            )
        finally:
            await means.close()


def find_lie(result: RunResult, fault: Fault, recorded: Recorded) -> str | None:
    """What is wrong with the outcome of a fault, or None."""
    outcome = result.coverage[0]
    told = f"{fault.name}: {outcome.status}, {outcome.reason}"
    if result.observations or outcome.status in (OutcomeStatus.EMPTY, OutcomeStatus.ANSWERED):
        return f"taken for an answer: {told}"
    # A page's host may also say by its robots.txt that it does not want to be asked.
    if recorded is not PAGE and outcome.status not in fault.expected:
        return f"another state than {sorted(fault.expected)}: {told}"
    if not outcome.reason or recorded.identifier[1] in outcome.reason:
        return f"a reason that tells nothing or too much: {told}"
    return None


@pytest.mark.parametrize("recorded", SOURCES, ids=lambda r: r.connector_id)
def test_no_fault_of_a_source_is_taken_for_an_answer(
    recorded: Recorded, certificates: Certificates
) -> None:
    faults = faults_of(recorded)

    async def run() -> list[RunResult]:
        return await asyncio.gather(*(suffer(recorded, fault, certificates) for fault in faults))

    results = asyncio.run(run())
    assert len(results) == len(faults) > 30
    lies = [find_lie(r, fault, recorded) for r, fault in zip(results, faults, strict=True)]
    assert not list(filter(None, lies))


def test_no_fault_of_the_bootstrap_is_taken_for_an_answer(certificates: Certificates) -> None:
    recorded = next(r for r in RECORDED if r.connector_id == "rdap")

    async def run() -> list[RunResult]:
        return await asyncio.gather(
            *(suffer(recorded, fault, certificates, with_bootstrap=False) for fault in FAULTS)
        )

    results = asyncio.run(run())
    lies = [find_lie(r, fault, recorded) for r, fault in zip(results, FAULTS, strict=True)]
    assert not list(filter(None, lies))


class NoNames(AbstractResolver):
    """A resolver that finds nothing, or a private address."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self.address is None:
            raise OSError("no such name")
        return [
            ResolveResult(hostname=host, host=self.address, port=port, family=socket.AF_INET,
                          proto=0, flags=0)
        ]  # fmt: skip

    async def close(self) -> None:
        pass


WITHOUT_A_SERVER = {
    "refused connection": ("closed port", "no connection to the source"),
    "no such name": (None, "the source's name does not resolve"),
    "private address": ("10.1.2.3", "its address is not one that may be connected to"),
    "metadata service": ("169.254.169.254", "its address is not one that may be connected to"),
}


@pytest.mark.parametrize("case", WITHOUT_A_SERVER)
@pytest.mark.parametrize("recorded", SOURCES, ids=lambda r: r.connector_id)
def test_no_fault_on_the_way_is_taken_for_an_answer(
    recorded: Recorded, case: str, certificates: Certificates
) -> None:
    address, reason = WITHOUT_A_SERVER[case]

    async def run() -> RunResult:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
            port = unheard.getsockname()[1]
            closed = tuple(f"{host}=127.0.0.1:{port}" for host in HOSTS)
            means = make_means(
                certificates,
                allow=closed if address == "closed port" else (),
                resolver=NoNames(address),
            )
            try:
                return await ask(make(recorded.connector_id), means, recorded.identifier)
            finally:
                await means.close()

    outcome = asyncio.run(run()).coverage[0]
    assert outcome.status is OutcomeStatus.FAILED, outcome
    if recorded is not PAGE:
        assert outcome.reason == reason


@pytest.mark.parametrize("recorded", SOURCES, ids=lambda r: r.connector_id)
def test_a_certificate_that_nobody_vouches_for_is_a_failure(
    recorded: Recorded, certificates: Certificates
) -> None:
    async def never(asked: Asked, wire: Wire) -> None:
        raise AssertionError("asked without a trusted connection")

    async def run() -> RunResult:
        async with serve(never, certificates) as upstream:
            means = make_means(None, allow=upstream.allow)
            try:
                return await ask(make(recorded.connector_id), means, recorded.identifier)
            finally:
                await means.close()

    outcome = asyncio.run(run()).coverage[0]
    assert outcome.status is OutcomeStatus.FAILED, outcome
    if recorded is not PAGE:
        assert outcome.reason == "no trusted TLS connection"


def test_the_matrix_holds_every_source_that_asks_the_web() -> None:
    from tracewell.intrace.connectors.registry import ConnectorSettings, build_connectors

    connectors = build_connectors(ConnectorSettings(clock=lambda: 0))
    outside = {c.spec.id for c in connectors if c.spec.sends_out} - {"dns"}
    assert outside == {recorded.connector_id for recorded in SOURCES}
