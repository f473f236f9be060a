"""The connector `dns` against a real server: what is published, what is not, what is no answer."""

from __future__ import annotations

import asyncio

import dns.message
import pytest
from tests.connectors.asking import ask, check, make, make_means, stated
from tests.connectors.name_server import Reply, Zone, serve_names, with_code

from tracewell.intrace.connectors.model import HealthStatus, OutcomeStatus
from tracewell.intrace.connectors.network.dns_client import NameServer, parse_name_server
from tracewell.intrace.connectors.runner import RunResult

RECORDS = {
    ("example.com", "A"): ["192.0.2.10"],
    ("example.com", "AAAA"): ["2001:db8::10"],
    ("example.com", "MX"): ["20 backup.example.net.", "10 MAIL.example.com."],
    ("example.com", "NS"): ["ns1.example.com."],
    ("example.com", "TXT"): ['"v=spf1 -all"', '"other" "text"'],
    ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=Reject; rua=mailto:x@example.com"'],
    ("parked.example", "MX"): ["0 ."],
    ("web-only.example", "A"): ["192.0.2.11"],
    ("10.2.0.192.in-addr.arpa", "PTR"): ["Host.Example.com."],
    (".", "NS"): ["a.root-servers.example."],
}


def look_up(reply: Reply, *identifier: str, timeout_s: float = 10.0) -> RunResult:
    async def run() -> RunResult:
        async with serve_names(reply) as port:
            means = make_means(None, name_servers=(NameServer("127.0.0.1", port),))
            kind, value = identifier
            return await ask(make("dns"), means, (kind, value), timeout_s=timeout_s)

    return asyncio.run(run())


def test_what_a_domain_publishes_is_stated() -> None:
    result = look_up(Zone(RECORDS), "domain", "example.com")
    assert result.coverage[0].status is OutcomeStatus.ANSWERED
    assert set(stated(result)) == {
        ("domain.name", "example.com"),
        ("domain.address", "192.0.2.10"),
        ("domain.address", "2001:db8::10"),
        ("domain.name_server", "ns1.example.com"),
        ("domain.mail_server", "backup.example.net"),
        ("domain.mail_server", "mail.example.com"),
        ("domain.accepts_mail", "true"),
        ("domain.has_spf", "true"),
        ("domain.dmarc_policy", "reject"),
    }


@pytest.mark.parametrize(
    ("domain", "accepts"),
    [
        ("example.com", "true"),
        ("parked.example", "false"),
        ("web-only.example", "true"),
        ("empty.example", "false"),
    ],
)
def test_an_address_says_whether_its_domain_takes_mail(domain: str, accepts: str) -> None:
    result = look_up(Zone(RECORDS), "email", f"ada@{domain}")
    assert ("email.accepts_mail", accepts) in stated(result)
    assert ("email.address", f"ada@{domain}") in stated(result)


def test_the_name_behind_an_address_is_stated() -> None:
    told = stated(look_up(Zone(RECORDS), "ip", "192.0.2.10"))
    assert told == [("ip.address", "192.0.2.10"), ("ip.reverse_name", "host.example.com")]
    assert look_up(Zone(RECORDS), "ip", "192.0.2.99").coverage[0].status is OutcomeStatus.EMPTY


def test_a_name_that_does_not_exist_is_an_answer() -> None:
    zone = Zone(RECORDS, missing={"nowhere.example", "_dmarc.nowhere.example"})
    assert look_up(zone, "domain", "nowhere.example").coverage[0].status is OutcomeStatus.EMPTY


def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    result = look_up(Zone(RECORDS, truncates=True), "domain", "example.com")
    assert ("domain.address", "192.0.2.10") in stated(result)


def silent(query: dns.message.Message, is_udp: bool) -> bytes | None:
    return None


def garbage(query: dns.message.Message, is_udp: bool) -> bytes | None:
    return b"\x00" * 7


def foreign(query: dns.message.Message, is_udp: bool) -> bytes | None:
    other = dns.message.make_query("other.example", "A")
    return dns.message.make_response(other).to_wire()


def circle(query: dns.message.Message, is_udp: bool) -> bytes | None:
    response = dns.message.make_response(query)
    name = query.question[0].name
    for a, b in ((name, "b.example."), ("b.example.", name)):
        response.answer.append(dns.rrset.from_text(a, 300, "IN", "CNAME", str(b)))
    return response.to_wire()


FAULTS: dict[str, tuple[Reply, set[OutcomeStatus]]] = {
    "silent": (silent, {OutcomeStatus.TIMED_OUT}),
    "garbage": (garbage, {OutcomeStatus.FAILED, OutcomeStatus.TIMED_OUT}),
    "an answer to another question": (foreign, {OutcomeStatus.FAILED, OutcomeStatus.TIMED_OUT}),
    "a circle": (circle, {OutcomeStatus.FAILED}),
    "SERVFAIL": (with_code("SERVFAIL"), {OutcomeStatus.FAILED}),
    "NOTIMP": (with_code("NOTIMP"), {OutcomeStatus.FAILED}),
    "FORMERR": (with_code("FORMERR"), {OutcomeStatus.FAILED}),
    "REFUSED": (with_code("REFUSED"), {OutcomeStatus.RATE_LIMITED}),
}


@pytest.mark.parametrize("identifier", [("domain", "example.com"), ("email", "a@example.com"),
                                        ("ip", "192.0.2.10")], ids=lambda i: i[0])  # fmt: skip
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_name_server_is_taken_for_an_answer(
    fault: str, identifier: tuple[str, str]
) -> None:
    reply, expected = FAULTS[fault]
    result = look_up(reply, *identifier, timeout_s=0.4 if reply in (silent, foreign) else 5.0)
    outcome = result.coverage[0]
    assert outcome.status in expected, outcome
    assert not result.observations
    assert identifier[1] not in outcome.reason


def test_records_that_one_question_missed_make_the_answer_partial() -> None:
    zone = Zone(RECORDS)

    def reply(query: dns.message.Message, is_udp: bool) -> bytes:
        is_mail = query.question[0].rdtype == dns.rdatatype.MX
        return with_code("SERVFAIL")(query, is_udp) or b"" if is_mail else zone(query, is_udp)

    result = look_up(reply, "domain", "example.com")
    outcome = result.coverage[0]
    assert (outcome.status, outcome.reason) == (
        OutcomeStatus.PARTIAL, "not every record was answered: the name server failed (SERVFAIL)",
    )  # fmt: skip
    assert "domain.accepts_mail" not in dict(stated(result))


def test_no_server_at_all_is_a_failure_and_a_second_one_stands_in() -> None:
    async def run() -> tuple[RunResult, RunResult]:
        async with serve_names(Zone(RECORDS)) as port:
            dead = NameServer("127.0.0.1", 9)
            alone = make_means(None, name_servers=(dead,))
            both = make_means(None, name_servers=(dead, NameServer("127.0.0.1", port)))
            question = ("ip", "192.0.2.10")
            return (
                await ask(make("dns"), alone, question),
                await ask(make("dns"), both, question, timeout_s=10),
            )

    failed, answered = asyncio.run(run())
    assert failed.coverage[0].status in (OutcomeStatus.FAILED, OutcomeStatus.TIMED_OUT)
    assert answered.coverage[0].status is OutcomeStatus.ANSWERED


def test_the_live_check_asks_for_the_root() -> None:
    async def run(reply: Reply) -> HealthStatus:
        async with serve_names(reply) as port:
            means = make_means(None, name_servers=(NameServer("127.0.0.1", port),))
            return (await check(make("dns"), means)).status

    assert asyncio.run(run(Zone(RECORDS))) is HealthStatus.REACHABLE
    assert asyncio.run(run(with_code("SERVFAIL"))) is HealthStatus.UNREACHABLE


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("9.9.9.9", NameServer("9.9.9.9")),
        ("127.0.0.1:5353", NameServer("127.0.0.1", 5353)),
        ("2001:db8::1", NameServer("2001:db8::1")),
        ("[::1]:53", NameServer("::1")),
    ],
)
def test_name_servers_are_written_as_usual(text: str, server: NameServer) -> None:
    assert parse_name_server(text) == server


@pytest.mark.parametrize("text", ["", "dns.example", "9.9.9.9:0", "9.9.9.9:99999", "1.2.3"])
def test_what_is_no_name_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_name_server(text)
