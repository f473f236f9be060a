"""People sign in at a pysaml2 identity provider; stolen answers sign nobody in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.oidc.browser import Browser, free_port
from tests.saml.idp import Person, SamlIdp, start_idp
from tests.servers import Server, start_server

ROLES = "groups: {desk: analyst, leads: auditor}"


@dataclass
class Site:
    server: Server
    idp: SamlIdp

    @property
    def acs(self) -> str:
        return f"{self.server.url}/auth/saml/acs"

    def visit(self, browser: Browser, path: str = "/auth/saml/login") -> dict[str, str]:
        """What the provider's page would post, after the browser was sent there."""
        sent = browser.get(self.server.url + path)
        assert sent.status_code == 303, sent.text
        page = browser.get(sent.headers["location"])
        assert page.status_code == 200
        return dict(self.idp.posted)

    def post(self, browser: Browser, form: dict[str, str]) -> httpx.Response:
        return browser.client.post(self.acs, data=form, headers={"Origin": self.idp.url})

    def unasked(self) -> str:
        """An answer that no sign-in has asked for."""
        entity_id = f"{self.server.url}/auth/saml/metadata"
        return self.idp.respond(acs_url=self.acs, entity_id=entity_id, request_id=None)


def _start(folder: Path, **environment: str) -> Iterator[Site]:
    roles = folder / "roles.yaml"
    roles.write_text(ROLES)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with start_idp(folder) as idp:
        given = {
            "AUTH_MODE": "saml",
            "SAML_METADATA_URL": idp.metadata_url,
            "SAML_ENTITY_ID": f"{url}/auth/saml/metadata",
            "SAML_ACS_URL": f"{url}/auth/saml/acs",
            "PUBLIC_URL": url,
            "ROLE_FILE": str(roles),
            "TRUSTED_PROXIES": "127.0.0.1",
            **environment,
        }
        with start_server(
            folder / "data", product="intrace", environment=given, workers=2, port=port
        ) as server:
            metadata = httpx.get(f"{url}/auth/saml/metadata", trust_env=False)
            assert metadata.headers["content-type"] == "application/samlmetadata+xml"
            idp.know(metadata.text)
            yield Site(server, idp)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from _start(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Where answers count that no sign-in has asked for."""
    yield from _start(tmp_path_factory.mktemp("portal"), SAML_IDP_INITIATED="true")


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"]["code"] == "sign_in_refused"
    assert "tracewell-session=" not in str(answer.headers)
    return str(answer.json()["error"]["details"][0]["issue"])


def test_a_person_signs_in_and_the_audit_record_names_them(site: Site) -> None:
    with Browser() as browser:
        answer = site.post(browser, site.visit(browser, "/auth/saml/login?return_to=/docs"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
        issued = browser.client.post(f"{site.server.url}/auth/token").json()
        headers = {"Authorization": f"Bearer {issued['access_token']}"}
        api = f"{site.server.intrace}/v1"
        body = {"identifiers": [{"type": "ip", "value": "192.0.2.1"}]}
        looked = browser.client.post(f"{api}/lookup", json=body, headers=headers)
        assert looked.status_code == 200, looked.text
        record = browser.client.get(f"{api}/audit/{looked.json()['request_id']}", headers=headers)

    principal = record.json()["principal"]
    assert (principal["type"], principal["user_id"]) == ("user", "ada-7")
    assert principal["user_email"] == "ada@example.org"
    assert principal["idp_session_id"].startswith("id-")


def test_the_one_way_to_sign_in_is_chosen_by_itself(site: Site) -> None:
    with Browser() as browser:
        answer = browser.get(f"{site.server.url}/auth/login?return_to=/docs")
    assert answer.headers["location"] == "/auth/saml/login?return_to=%2Fdocs"


def test_the_cookie_of_the_first_step_survives_a_post_from_another_site(site: Site) -> None:
    with Browser() as browser:
        sent = browser.get(f"{site.server.url}/auth/saml/login")
    assert sent.headers["set-cookie"].endswith("HttpOnly; SameSite=None; Secure")


def test_an_assertion_signs_in_once_in_all_processes(site: Site) -> None:
    with Browser() as browser:
        form = site.visit(browser)
        cookie = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in browser.client.cookies.jar)}
        assert site.post(browser, form).status_code == 303
        for _ in range(6):
            again = httpx.post(site.acs, data=form, headers=cookie, trust_env=False)
            assert refusal(again) == "The assertion was used before."
        assert "This browser has not begun" in refusal(site.post(browser, form))


def test_a_stolen_answer_signs_nobody_in_elsewhere(site: Site) -> None:
    with Browser() as victim, Browser() as thief:
        stolen = site.visit(victim)
        assert "This browser has not begun" in refusal(site.post(thief, stolen))
        own = site.visit(thief)
        mixed = {**own, "SAMLResponse": stolen["SAMLResponse"]}
        assert "answers another sign-in" in refusal(site.post(thief, mixed))


def test_an_answer_that_nobody_asked_for_is_refused_unless_configured(site: Site) -> None:
    with Browser() as browser:
        form = {"SAMLResponse": site.unasked(), "RelayState": "/docs"}
        assert "This browser has not begun" in refusal(site.post(browser, form))
        begun = {**site.visit(browser), "SAMLResponse": site.unasked()}
        assert "answers another sign-in" in refusal(site.post(browser, begun))


@pytest.mark.parametrize(
    ("relay_state", "expected"),
    [
        ("/docs?x=1", "/docs?x=1"),
        ("https://evil.example/", "/auth/session"),
        ("//evil.example/", "/auth/session"),
        ("/\\evil.example", "/auth/session"),
        ("a portal's own name", "/auth/session"),
    ],
)
def test_a_portal_signs_people_in_and_leads_nowhere_else(
    portal: Site, relay_state: str, expected: str
) -> None:
    with Browser() as browser:
        form = {"SAMLResponse": portal.unasked(), "RelayState": relay_state}
        answer = portal.post(browser, form)
        assert (answer.status_code, answer.headers["location"]) == (303, expected)
        assert refusal(portal.post(browser, form)) == "The assertion was used before."


def test_a_portal_still_refuses_an_answer_to_another_browsers_sign_in(portal: Site) -> None:
    with Browser() as victim, Browser() as thief:
        stolen = portal.visit(victim)
        assert "answers another sign-in" in refusal(portal.post(thief, stolen))


def test_a_changed_answer_is_refused_and_does_not_use_the_genuine_one_up(site: Site) -> None:
    with Browser() as browser:
        form = site.visit(browser)
        middle = len(form["SAMLResponse"]) // 2
        text = form["SAMLResponse"]
        broken = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
        refusal(site.post(browser, {**form, "SAMLResponse": broken}))
    with Browser() as browser:
        site.idp.person = Person(name_id="eve-8")
        try:
            assert site.post(browser, site.visit(browser)).status_code == 303
        finally:
            site.idp.person = Person()
        told = browser.get(f"{site.server.url}/auth/session").json()
    assert (told["user_id"], told["provider"]) == ("eve-8", "saml")


def test_a_provider_may_change_its_key(site: Site) -> None:
    with Browser() as browser:
        assert site.post(browser, site.visit(browser)).status_code == 303
        site.idp.new_keys()
        assert site.post(browser, site.visit(browser)).status_code == 303


def test_forms_that_are_none_are_told(site: Site) -> None:
    with Browser() as browser:
        missing = browser.client.post(site.acs, data={"RelayState": "x"})
        large = browser.client.post(site.acs, content=b"x" * (600 << 10))
        got = browser.get(site.acs)
        twice = browser.client.post(site.acs, content=b"SAMLResponse=a&SAMLResponse=b")
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "field_required")
    assert (large.status_code, large.json()["error"]["code"]) == (413, "request_too_large")
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert twice.json()["error"]["code"] == "field_required"


def test_only_the_engines_own_tokens_and_no_keys_count_with_saml_alone(site: Site) -> None:
    key = site.server.admin("key", "create", "--service", "crm", "--roles", "analyst")["key"]
    url = f"{site.server.intrace}/v1/connectors"
    by_key = httpx.get(url, headers={"X-API-Key": key}, trust_env=False)
    by_token = httpx.get(url, headers={"Authorization": "Bearer a.b.c"}, trust_env=False)
    by_none = httpx.get(url, trust_env=False)
    codes = [answer.json()["error"]["code"] for answer in (by_key, by_token, by_none)]
    assert codes == ["api_key_invalid", "token_invalid", "credentials_missing"]


def test_signing_out_ends_the_session(site: Site) -> None:
    with Browser() as browser:
        site.post(browser, site.visit(browser))
        token = browser.client.post(f"{site.server.url}/auth/token").json()["access_token"]
        assert browser.client.post(f"{site.server.url}/auth/logout").headers["location"] == "/"
    headers = {"Authorization": f"Bearer {token}"}
    deadline = time.monotonic() + 20
    while httpx.get(
        f"{site.server.intrace}/v1/connectors", headers=headers, trust_env=False
    ).is_success:
        assert time.monotonic() < deadline


def test_the_request_is_squeezed_and_names_where_to_answer(site: Site) -> None:
    with Browser() as browser:
        location = browser.get(f"{site.server.url}/auth/saml/login").headers["location"]
    query = parse_qs(urlsplit(location).query)
    assert location.startswith(f"{site.idp.url}/sso?")
    assert len(query["RelayState"][0]) <= 80
    request = site.idp.pysaml2.parse_authn_request(
        query["SAMLRequest"][0], "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    ).message
    assert request.assertion_consumer_service_url == site.acs
    assert request.issuer.text == f"{site.server.url}/auth/saml/metadata"
