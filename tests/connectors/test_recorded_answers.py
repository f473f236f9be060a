"""Each outside source against its documented answers: found, not found, refused, malformed."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.connectors.asking import KEY, ask, check, make, make_means, stated
from tests.connectors.recorded import RECORDED, Recorded, body_for
from tests.connectors.upstream import Asked, Certificates, Upstream, Wire, serve

from tracewell.intrace.connectors.model import HealthStatus, OutcomeStatus
from tracewell.intrace.connectors.network.secrecy import SourceOptions
from tracewell.intrace.connectors.runner import RunResult
from tracewell.resolution.vocabulary import DETAILS, PREDICATES

each_source = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.connector_id)


def look_up(
    recorded: Recorded,
    certificates: Certificates,
    *,
    status: int | None = None,
    body: bytes | None = None,
) -> tuple[RunResult, Upstream]:
    """Asks the source, which answers as recorded, or with that status and body in its place."""

    async def answer(asked: Asked, wire: Wire) -> None:
        told = body_for(recorded, asked.target)
        is_bootstrap = asked.host == "data.iana.org"
        if status is not None and not is_bootstrap:
            await wire.reply(status, body or b"", content_type=recorded.media_type)
        else:
            assert told is not None, asked.target
            await wire.reply(200, told, content_type=recorded.media_type)

    async def run() -> tuple[RunResult, Upstream]:
        async with serve(answer, certificates) as upstream:
            means = make_means(certificates, allow=upstream.allow)
            try:
                result = await ask(make(recorded.connector_id), means, recorded.identifier)
                return result, upstream
            finally:
                await means.close()

    return asyncio.run(run())


@each_source
def test_what_a_source_knows_is_stated_with_where_it_stands(
    recorded: Recorded, certificates: Certificates
) -> None:
    result, _ = look_up(recorded, certificates)
    assert result.coverage[0].status is OutcomeStatus.ANSWERED, result.coverage[0]
    assert frozenset(stated(result)) == recorded.stated
    assert result.sources[0].url == recorded.source_url
    spec = make(recorded.connector_id).spec
    assert {predicate for predicate, _ in recorded.stated} <= set(spec.yields)
    assert set(spec.yields) <= PREDICATES.keys() | DETAILS.keys()


@each_source
def test_not_found_is_an_answer(recorded: Recorded, certificates: Certificates) -> None:
    status, value = recorded.absent
    body = b"" if value == "" else json.dumps(value).encode()
    result, _ = look_up(recorded, certificates, status=status, body=body)
    assert result.coverage[0].status is OutcomeStatus.EMPTY, result.coverage[0]
    assert not result.observations


@each_source
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_told_as_one(
    recorded: Recorded, status: int, certificates: Certificates
) -> None:
    result, upstream = look_up(recorded, certificates, status=status, body=b"{}")
    outcome = result.coverage[0]
    assert (outcome.status, outcome.reason) == (
        OutcomeStatus.FAILED, f"the source refuses us (status {status})",
    )  # fmt: skip
    assert len([a for a in upstream.asked if a.host != "data.iana.org"]) == 1, "asked again"


@each_source
def test_an_answer_that_ends_in_the_middle_is_a_failure(
    recorded: Recorded, certificates: Certificates
) -> None:
    whole = next(iter(recorded.pages.values()))
    body = json.dumps(whole).encode()[:-3]
    result, _ = look_up(recorded, certificates, status=200, body=body)
    outcome = result.coverage[0]
    assert (outcome.status, outcome.reason) == (
        OutcomeStatus.FAILED, "the source answered what is not JSON",
    )  # fmt: skip


@each_source
def test_every_source_says_its_terms_its_licence_and_that_it_sends_out(recorded: Recorded) -> None:
    spec = make(recorded.connector_id).spec
    assert spec.terms_url
    assert spec.licence
    assert spec.sends_out
    assert spec.upstream is not None


def test_the_key_goes_to_the_source_and_nowhere_else(certificates: Certificates) -> None:
    async def answer(asked: Asked, wire: Wire) -> None:
        if asked.host == "haveibeenpwned.com":
            location = "https://other.example/api/v3/breachedaccount/ada"
            await wire.reply(302, headers={"Location": location})
        else:
            # A source that echoes what it was sent, and a key that it cannot know.
            echoed = [
                {"Name": f"Breach {KEY}", "BreachDate": asked.headers.get("hibp-api-key", "-")}
            ]
            await wire.reply_json(echoed)

    async def run() -> tuple[RunResult, Upstream]:
        async with serve(answer, certificates) as upstream:
            means = make_means(certificates, allow=upstream.allow)
            try:
                return await ask(make("hibp"), means, ("email", "ada@example.com")), upstream
            finally:
                await means.close()

    result, upstream = asyncio.run(run())
    first, second = upstream.asked
    assert first.headers["hibp-api-key"] == KEY
    assert "hibp-api-key" not in second.headers
    assert ("email.breach", "Breach [redacted] -") in stated(result)


def test_a_key_in_the_query_stands_in_no_address_that_is_told(certificates: Certificates) -> None:
    async def answer(asked: Asked, wire: Wire) -> None:
        await wire.reply_json({"items": []})

    async def run() -> tuple[RunResult, Upstream]:
        async with serve(answer, certificates) as upstream:
            means = make_means(
                certificates, allow=upstream.allow, options={"stack_exchange": SourceOptions(KEY)}
            )
            try:
                found = await ask(
                    make("stack_exchange"),
                    means,
                    ("social_url", "https://stackoverflow.com/users/1"),
                )
                return found, upstream
            finally:
                await means.close()

    result, upstream = asyncio.run(run())
    assert "key=planted%2Fsecret%2Bkey%3D1234" in upstream.asked[0].target
    assert "planted" not in repr(result)


def test_without_its_key_a_source_is_not_configured(certificates: Certificates) -> None:
    means = make_means(certificates, options={"hibp": SourceOptions()})
    result = asyncio.run(ask(make("hibp"), means, ("email", "ada@example.com")))
    outcome = result.coverage[0]
    assert (outcome.status, outcome.reason) == (
        OutcomeStatus.NOT_CONFIGURED, "no key is configured for it (CONNECTOR_KEYS)",
    )  # fmt: skip


HEALTH = {
    "github": ("/rate_limit", {"resources": {"core": {"remaining": 60}}}),
    "gitlab": ("/projects", []),
    "gravatar": ("/profiles/", {"profile_url": "https://gravatar.com/beau"}),
    "hacker_news": ("/maxitem.json", 42),
    "stack_exchange": ("/info", {"items": [{"total_users": 1}]}),
    "keybase": ("/getsalt.json", {"status": {"code": 0}}),
    "dev_to": ("/articles", []),
    "mastodon": ("/api/v2/instance", {"domain": "mastodon.social"}),
    "webfinger": ("/.well-known/webfinger", {"subject": "acct:Mastodon@mastodon.social"}),
    "gleif": ("/lei-records", {"data": [{}]}),
    "hibp": ("/subscription/status", {"Rpm": 10}),
    "rdap": ("/rdap/dns.json", {"services": [[["com"], ["https://rdap.names.example/"]]]}),
    "certificates": ("/?q=example.com", []),
}


@pytest.mark.parametrize("connector_id", sorted(HEALTH))
def test_a_live_check_asks_about_nobody_and_tells_what_it_found(
    connector_id: str, certificates: Certificates
) -> None:
    part, value = HEALTH[connector_id]
    status = 200

    async def answer(asked: Asked, wire: Wire) -> None:
        assert part in asked.target
        if status == 200:
            await wire.reply_json(value)
        else:
            await wire.reply_json({}, status)

    async def run() -> list[tuple[HealthStatus, str | None]]:
        nonlocal status
        told = []
        async with serve(answer, certificates) as upstream:
            for told_status in (200, 503, 429):
                status = told_status
                means = make_means(certificates, allow=upstream.allow)
                health = await check(make(connector_id), means)
                told.append((health.status, health.error))
                await means.close()
        means = make_means(certificates, allow=upstream.allow)
        health = await check(make(connector_id), means)
        told.append((health.status, health.error))
        await means.close()
        return told

    assert asyncio.run(run()) == [
        (HealthStatus.REACHABLE, None),
        (HealthStatus.UNREACHABLE, "the source failed (status 503)"),
        (HealthStatus.DEGRADED, "the source allows no more questions now (status 429)"),
        (HealthStatus.UNREACHABLE, "no connection to the source"),
    ]
