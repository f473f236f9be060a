"""Web page metadata against a real server, and the parts of postal addresses."""

from __future__ import annotations

import asyncio

import pytest
from tests.connectors.asking import ask, make, make_means, stated
from tests.connectors.upstream import Asked, Certificates, Wire, serve

from tracewell.intrace.connectors.model import OutcomeStatus
from tracewell.intrace.connectors.runner import RunResult
from tracewell.intrace.connectors.sources.postal_address import PostalAddress, parse_address_parts
from tracewell.main.settings import SettingsWrong, load_settings

PAGE = b"""<!doctype html><html><head><title>About us - Analytical Engines</title>
<meta property="og:title" content="About us"><meta property="og:site_name" content="Engines">
<meta name="description" content="We make engines."><meta property="og:type" content="website">
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Organization",
 "name": "Analytical Engines", "legalName": "Analytical Engines Ltd", "url": "https://example.com",
 "telephone": "+44 20 7946 0958", "sameAs": ["https://github.com/analytical"]}</script>
</head><body>Welcome</body></html>"""
BARE = b"<!doctype html><html><head><title>Ada's notes</title></head><body>Notes</body></html>"


def fetch(
    certificates: Certificates, body: bytes, *, status: int = 200, robots: bytes = b"",
    content_type: str = "text/html", identifier: tuple[str, str] = ("domain", "example.com"),
) -> RunResult:  # fmt: skip
    async def handler(asked: Asked, wire: Wire) -> None:
        if asked.target == "/robots.txt":
            await wire.reply(200, robots, content_type="text/plain")
        else:
            await wire.reply(status, body, content_type=content_type)

    async def run() -> RunResult:
        async with serve(handler, certificates) as upstream:
            means = make_means(certificates, allow=upstream.allow)
            try:
                return await ask(make("web_page"), means, identifier)
            finally:
                await means.close()

    return asyncio.run(run())


def test_a_page_states_what_it_says_of_itself_and_of_its_organisation(
    certificates: Certificates,
) -> None:
    result = fetch(certificates, PAGE)
    assert result.coverage[0].status is OutcomeStatus.ANSWERED, result.coverage
    assert set(stated(result)) >= {
        ("url.address", "https://example.com/"), ("url.title", "About us"),
        ("url.site_name", "Engines"), ("url.description", "We make engines."),
        ("url.type", "website"), ("organization.name", "Analytical Engines"),
        ("organization.legal_name", "Analytical Engines Ltd"), ("phone.number", "+442079460958"),
        ("social.account", "github:analytical"), ("domain.name", "example.com"),
    }  # fmt: skip


def test_a_title_is_no_evidence_for_an_organisation(certificates: Certificates) -> None:
    told = stated(fetch(certificates, BARE, identifier=("url", "https://example.com/notes")))
    assert told == [("url.address", "https://example.com/notes"), ("url.title", "Ada's notes")]


@pytest.mark.parametrize(
    ("status", "content_type", "robots", "expected"),
    [
        (404, "text/html", b"", OutcomeStatus.EMPTY),
        (410, "text/html", b"", OutcomeStatus.EMPTY),
        (403, "text/html", b"", OutcomeStatus.FAILED),
        (500, "text/html", b"", OutcomeStatus.FAILED),
        (429, "text/html", b"", OutcomeStatus.RATE_LIMITED),
        (200, "application/pdf", b"", OutcomeStatus.SKIPPED),
        (200, "text/html", b"User-agent: *\nDisallow: /", OutcomeStatus.SKIPPED),
    ],
    ids=str,
)
def test_what_became_of_a_page_is_told(
    status: int, content_type: str, robots: bytes, expected: OutcomeStatus,
    certificates: Certificates,
) -> None:  # fmt: skip
    result = fetch(certificates, PAGE, status=status, content_type=content_type, robots=robots)
    assert result.coverage[0].status is expected, result.coverage
    assert not result.observations


ADDRESSES = {
    "10 Downing Street, London SW1A 2AA, United Kingdom":
        {"house_number": "10", "road": "Downing Street", "postcode": "SW1A 2AA", "city": "London",
         "country": "GB"},
    "350 Fifth Avenue, Suite 3300, New York, NY 10118, USA":
        {"house_number": "350", "road": "Fifth Avenue", "unit": "Suite 3300", "postcode": "10118",
         "city": "New York", "state": "NY", "country": "US"},
    "Unter den Linden 77, 10117 Berlin, Germany":
        {"house_number": "77", "road": "Unter den Linden", "postcode": "10117", "city": "Berlin",
         "country": "DE"},
    "10 Rue de Rivoli, 75004 Paris, France":
        {"house_number": "10", "road": "Rue de Rivoli", "postcode": "75004", "city": "Paris",
         "country": "FR"},
    "100 Queen St W, Toronto, ON M5H 2N2, Canada":
        {"house_number": "100", "road": "Queen St W", "postcode": "M5H 2N2", "city": "Toronto",
         "state": "ON", "country": "CA"},
    "Keizersgracht 1a, 1015 CC Amsterdam":
        {"house_number": "1a", "road": "Keizersgracht", "postcode": "1015 CC", "city": "Amsterdam",
         "country": "NL"},
    "Berlin": {},
}  # fmt: skip


@pytest.mark.parametrize("text", ADDRESSES)
def test_the_parts_of_an_address_are_told_apart(text: str) -> None:
    assert parse_address_parts(text) == ADDRESSES[text]


def test_an_address_without_parts_is_empty_and_one_with_parts_states_them() -> None:
    means = make_means(None)
    empty = asyncio.run(ask(PostalAddress(), means, ("address", "Berlin")))
    assert empty.coverage[0].status is OutcomeStatus.EMPTY
    told = stated(asyncio.run(ask(PostalAddress(), means, ("address", "1 Mill Lane, London"))))
    assert ("address.road", "Mill Lane") in told
    assert ("address.full", "1 Mill Lane, London") in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONNECTOR_ALLOW", "10.0.0.5:443"),
        ("CONNECTOR_ALLOW", "*=127.0.0.1:80"),
        ("CONNECTOR_DNS", "dns.example"),
        ("CONNECTOR_URLS", "mastodon"),
        ("CONNECTOR_URLS", "mastodon=ftp://x"),
        ("CONNECTOR_KEYS", "just-a-secret"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsWrong) as told:
        load_settings()
    assert name in str(told.value)
    assert "just-a-secret" not in str(told.value)
