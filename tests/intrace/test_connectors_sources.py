"""The first connectors that read no files of the organisation, each through the runner."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tracewell.intrace.connectors.model import Connector
from tracewell.intrace.connectors.registry import ConnectorSettings, build_connectors
from tracewell.intrace.connectors.runner import RunResult, check_connector, run_connectors
from tracewell.intrace.connectors.sources.email_domain import EmailDomain
from tracewell.intrace.connectors.sources.ip_location import IpLocation
from tracewell.intrace.connectors.sources.phone_plan import PhonePlan
from tracewell.intrace.connectors.sources.trace import CompanyFacts, Trace
from tracewell.intrace.identifiers import as_queried, parse_identifier
from tracewell.resolution import (
    SourcedObservation,
    render_facts,
    render_resolution,
    resolve_observations,
)
from tracewell.resolution.vocabulary import DETAILS, PREDICATES

SHARED = Path(os.environ.get("TRACEWELL_SHARED", Path(__file__).parents[3] / "shared"))
GEOIP = SHARED / "data" / "geoip"
needs_geoip = pytest.mark.skipif(not GEOIP.is_dir(), reason=f"no MMDB test files at {GEOIP}")


def ask(connector: Connector, kind: str, value: str) -> RunResult:
    numbers = itertools.count()
    return asyncio.run(
        run_connectors(
            [connector],
            [parse_identifier(kind, value)],
            clock=lambda: 1_000,
            new_source_id=lambda: f"src_{next(numbers)}",
            timeout_s=5,
        )
    )


def stated(observations: tuple[SourcedObservation, ...]) -> dict[str, str]:
    return {o.observation.predicate: o.observation.value for o in observations}


def health(connector: Connector) -> tuple[str, str | None]:
    checked = asyncio.run(check_connector(connector, clock=lambda: 0, timeout_s=5))
    return checked.status, checked.error


@pytest.fixture(scope="session")
def phone_plan() -> PhonePlan:
    return PhonePlan()


PHONES: list[tuple[str, dict[str, str]]] = [
    (
        "+14155552671",
        {
            "phone.is_valid": "true",
            "phone.type": "fixed_line_or_mobile",
            "phone.country": "US",
            "phone.region": "San Francisco, CA",
            "phone.time_zone": "America/Los_Angeles",
        },
    ),
    (
        "+491701234567",
        {
            "phone.is_valid": "true",
            "phone.type": "mobile",
            "phone.country": "DE",
            "phone.time_zone": "Europe/Berlin",
        },
    ),
    ("+18005551212", {"phone.is_valid": "true", "phone.type": "toll_free"}),
    ("+15555555555", {"phone.is_valid": "false"}),
    ("+80012345678", {"phone.is_valid": "true", "phone.type": "toll_free"}),
]


@pytest.mark.parametrize("number, expected", PHONES)
def test_the_phone_plan_tells_what_the_number_tells(
    number: str, expected: dict[str, str], phone_plan: PhonePlan
) -> None:
    result = ask(phone_plan, "phone", number)
    facts = stated(result.observations)
    assert result.coverage[0].status == "answered"
    assert facts["phone.number"] == number
    assert expected.items() <= facts.items()


def test_a_number_without_a_country_is_given_none(phone_plan: PhonePlan) -> None:
    assert "phone.country" not in stated(ask(phone_plan, "phone", "+80012345678").observations)
    facts = stated(ask(phone_plan, "phone", "+15555555555").observations)
    assert not facts.keys() & {"phone.region", "phone.type", "phone.carrier"}


def test_the_carrier_of_a_number_range_is_told(phone_plan: PhonePlan) -> None:
    facts = stated(ask(phone_plan, "phone", "+491701234567").observations)
    assert facts["phone.carrier"]


EMAILS = [
    (
        "ada@mail.example.co.uk",
        {
            "email.local_part": "ada",
            "email.domain": "mail.example.co.uk",
            "email.registrable_domain": "example.co.uk",
            "email.public_suffix": "co.uk",
            "email.is_free_mail": "false",
            "email.is_disposable": "false",
            "email.is_role_account": "false",
        },
    ),
    ("ada@gmail.com", {"email.is_free_mail": "true", "email.provider": "Google Gmail"}),
    ("ada@inbox.mailinator.com", {"email.is_disposable": "true", "email.is_free_mail": "false"}),
    ("Info+x@example.com", {"email.is_role_account": "true"}),
    ("ada@notgmail.com", {"email.is_free_mail": "false"}),
    ("ada@[192.0.2.1]", {"email.domain": "[192.0.2.1]"}),
    ("ada@bücher.de", {"email.domain": "xn--bcher-kva.de", "email.public_suffix": "de"}),
]


@pytest.mark.parametrize("address, expected", EMAILS)
def test_the_email_domain_connector_tells_what_the_address_tells(
    address: str, expected: dict[str, str]
) -> None:
    facts = stated(ask(EmailDomain(), "email", address).observations)
    assert expected.items() <= facts.items()
    assert all(facts.values())


class Directory:
    """A company directory that knows one company."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find_company(self, domain: str) -> CompanyFacts | None:
        self.asked.append(domain)
        if domain != "acme.example":
            return None
        return CompanyFacts(
            id="acme",
            name="Acme",
            url="/trace/v1/companies/acme",
            observed_at=123,
            legal_name="Acme GmbH",
            domains=("acme.example", "acme.test"),
            industry="Anvils",
            social_accounts=("github:acme",),
            technologies=("nginx", "Django"),
        )


@pytest.mark.parametrize(
    "kind, value",
    [
        ("domain", "acme.example"),
        ("domain", "shop.eu.acme.example"),
        ("email", "ada@mail.acme.example"),
        ("url", "https://www.acme.example/about?x=1"),
    ],
)
def test_trace_finds_the_company_behind_a_domain(kind: str, value: str) -> None:
    result = ask(Trace(Directory()), kind, value)
    assert result.coverage[0].status == "answered"
    asked = [as_queried(parse_identifier(kind, value))]
    (entity,) = render_resolution(resolve_observations(result.observations, asked))["entities"]
    assert entity["kind"] == "organization"
    organization = entity["profile"]["organization"]
    assert organization["legal_name"]["value"] == "Acme GmbH"
    assert organization["industry"]["value"] == "Anvils"
    assert [t["name"] for t in entity["profile"]["technologies"]] == ["Django", "nginx"]
    assert len(entity["profile"]["domains"]) == 2
    assert result.sources[0].url == "/trace/v1/companies/acme"


def test_trace_is_not_asked_about_mail_providers() -> None:
    directory = Directory()
    result = ask(Trace(directory), "email", "ada@gmail.com")
    assert result.coverage[0].status == "skipped"
    assert directory.asked == []


def test_trace_knows_nothing_of_an_unknown_domain_or_a_bare_address() -> None:
    assert ask(Trace(Directory()), "domain", "other.example").coverage[0].status == "empty"
    assert ask(Trace(Directory()), "url", "http://192.0.2.1/").coverage[0].status == "skipped"


def test_trace_without_a_directory_is_not_configured() -> None:
    outcome = ask(Trace(None), "domain", "acme.example").coverage[0]
    assert outcome.status == "not_configured"


@needs_geoip
def test_ip_location_merges_what_the_databases_know(tmp_path: Path) -> None:
    for name in (
        "GeoIP2-City-Test.mmdb",
        "GeoLite2-ASN-Test.mmdb",
        "GeoIP2-Anonymous-IP-Test.mmdb",
    ):
        shutil.copy(GEOIP / name, tmp_path)
    connector = IpLocation(tmp_path, clock=lambda: 0)
    result = ask(connector, "ip", "81.2.69.160")
    facts = stated(result.observations)
    assert result.coverage[0].status == "answered"
    assert (facts["ip.country"], facts["ip.city"]) == ("GB", "London")
    assert stated(ask(connector, "ip", "1.128.0.0").observations)["ip.asn"] == "1221"
    assert stated(ask(connector, "ip", "1.2.0.0").observations)["ip.is_anonymous"] == "true"
    assert ask(connector, "ip", "2001:218::1").coverage[0].status == "answered"
    assert ask(connector, "ip", "192.0.2.77").coverage[0].status == "empty"
    assert health(connector) == ("reachable", None)


@needs_geoip
def test_a_broken_database_is_told_and_never_taken_for_empty(tmp_path: Path) -> None:
    shutil.copy(GEOIP / "GeoIP2-Country-Test.mmdb", tmp_path)
    (tmp_path / "empty.mmdb").write_bytes(b"")
    (tmp_path / "noise.mmdb").write_bytes(b"\x00\xff" * 5_000)
    shutil.copy(GEOIP / "GeoIP2-City-Test-Broken-Double-Format.mmdb", tmp_path)
    shutil.copy(GEOIP / "MaxMind-DB-test-broken-pointers-24.mmdb", tmp_path)
    connector = IpLocation(tmp_path, clock=lambda: 0)
    result = ask(connector, "ip", "81.2.69.160")
    assert result.coverage[0].status == "partial"
    assert "empty.mmdb, noise.mmdb" in result.coverage[0].reason
    assert stated(result.observations)["ip.country"] == "GB"
    status, error = health(connector)
    assert status == "degraded"
    assert "noise.mmdb" in (error or "")


def test_ip_location_without_databases_is_not_configured(tmp_path: Path) -> None:
    for directory in (None, tmp_path, tmp_path / "missing"):
        connector = IpLocation(directory, clock=lambda: 0)
        assert ask(connector, "ip", "192.0.2.1").coverage[0].status == "not_configured"


def test_reference_connectors_find_nobody_but_tell_their_facts() -> None:
    result = ask(EmailDomain(), "email", "nobody@gmail.com")
    asked = [as_queried(parse_identifier("email", "nobody@gmail.com"))]
    resolution = resolve_observations(result.observations, asked)
    assert (resolution.status, resolution.entities) == ("no_match", ())
    facts: list[dict[str, Any]] = render_facts(resolution.facts)["email", "nobody@gmail.com"]
    assert {"provider": "Google Gmail", "is_free_mail": True}.items() <= {
        f["name"]: f["value"] for f in facts
    }.items()


def test_every_registered_connector_declares_what_it_is() -> None:
    connectors = build_connectors(ConnectorSettings(clock=lambda: 0))
    assert len({c.spec.id for c in connectors}) == len(connectors) >= 5
    for connector in connectors:
        spec = connector.spec
        assert spec.accepts
        assert spec.licence
        assert spec.timeout_s > 0
        assert spec.yields
        assert set(spec.yields) <= PREDICATES.keys() | DETAILS.keys()


def test_connectors_that_are_ready_are_reachable(phone_plan: PhonePlan) -> None:
    assert health(phone_plan) == ("reachable", None)
    assert health(EmailDomain()) == ("reachable", None)
    assert health(Trace(Directory())) == ("reachable", None)
