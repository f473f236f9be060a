"""People sign in through a browser at a certified provider, and attackers do not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from tests.oidc.browser import Browser, free_port
from tests.oidc.provider import AUDIENCE, OidcProvider, start_provider
from tests.servers import Server, start_server

ROLES = "groups: {analyst: analyst, auditor: auditor}"


@dataclass
class Site:
    server: Server
    provider: OidcProvider
    roles: Path

    @property
    def callback(self) -> str:
        return f"{self.server.url}/auth/oidc/callback"

    def sign_in(self, browser: Browser, person: str = "analyst-ada") -> httpx.Response:
        """The answer of the callback."""
        login = f"{self.server.url}/auth/oidc/login?return_to=/docs%3Fq%3D1"
        return browser.get(browser.walk(login, self.callback, person=person))

    def token(self, browser: Browser) -> str:
        answer = browser.client.post(f"{self.server.url}/auth/token")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(self, token: str, path: str = "/v1/connectors") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(self.server.intrace + path, headers=headers, trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    roles = folder / "roles.yaml"
    roles.write_text(ROLES)
    port = free_port()
    with start_provider() as provider:
        provider.serve_browsers_of(f"http://127.0.0.1:{port}/auth/oidc/callback")
        environment = {
            "AUTH_MODE": "both",
            "OIDC_ISSUER_URL": provider.issuer,
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_CLIENT_ID": provider.browser_client_id,
            "OIDC_CLIENT_SECRET": provider.browser_client_secret,
            "OIDC_SCOPES": "openid email groups",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ROLE_FILE": str(roles),
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        with start_server(folder / "data", environment=environment, workers=2, port=port) as server:
            yield Site(server, provider, roles)


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"]["code"] == "sign_in_refused"
    assert "set-cookie" not in answer.headers or "tracewell-session=" not in str(answer.headers)
    return str(answer.json()["error"]["details"][0]["issue"])


def test_a_person_signs_in_and_calls_with_the_token_of_the_engine(site: Site) -> None:
    with Browser() as browser:
        answer = site.sign_in(browser)

        assert (answer.status_code, answer.headers["location"]) == (303, "/docs?q=1")
        set_cookie = next(
            line for line in answer.headers.get_list("set-cookie") if "tracewell-session=" in line
        )
        assert "HttpOnly; SameSite=Lax" in set_cookie
        told = browser.get(f"{site.server.url}/auth/session").json()
        assert told["user_id"] == "analyst-ada"
        assert told["user_email"] == "analyst-ada@example.org"
        assert site.call(site.token(browser)).status_code == 200


def test_the_audit_record_names_the_person_of_a_browser_sign_in(site: Site) -> None:
    with Browser() as browser:
        site.sign_in(browser, "analyst-auditor-eve")
        headers = {"Authorization": f"Bearer {site.token(browser)}"}
        url = f"{site.server.intrace}/v1"
        body = {"identifiers": [{"type": "ip", "value": "192.0.2.1"}]}
        looked = browser.client.post(f"{url}/lookup", json=body, headers=headers)
        record = browser.client.get(f"{url}/audit/{looked.json()['request_id']}", headers=headers)

    principal = record.json()["principal"]
    assert (principal["type"], principal["user_id"]) == ("user", "analyst-auditor-eve")
    assert principal["user_email"] == "analyst-auditor-eve@example.org"
    assert (principal["api_key_id"], principal["service_account_name"]) == (None, None)


def test_roles_of_those_who_are_signed_in_follow_the_role_file(site: Site) -> None:
    with Browser() as browser:
        site.sign_in(browser, "auditor-bob")
        token = site.token(browser)
        assert site.call(token, "/v1/audit").status_code == 200
        refused = site.call(token, "/v1/lookup")

    assert refused.status_code == 403
    issue = refused.json()["error"]["details"][0]["issue"]
    assert issue == "The scope lookup:read is required."


def test_signing_out_ends_the_session_in_every_process_and_at_the_provider(site: Site) -> None:
    with Browser() as browser:
        site.sign_in(browser)
        token = site.token(browser)
        answer = browser.client.post(f"{site.server.url}/auth/logout")

        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{site.provider.issuer}/session/end?")
        assert browser.get(f"{site.server.url}/auth/session").status_code == 401
    # The other process may have kept it, for less than a second.
    deadline = time.monotonic() + 20
    while any(site.call(token).is_success for _ in range(10)):
        assert time.monotonic() < deadline
    assert site.call(token).json()["error"]["code"] == "token_invalid"


def test_the_provider_is_asked_with_pkce_state_and_nonce(site: Site) -> None:
    with Browser() as browser:
        first = browser.get(f"{site.server.url}/auth/oidc/login").headers["location"]
        second = browser.get(f"{site.server.url}/auth/oidc/login").headers["location"]
    one, other = (parse_qs(urlsplit(url).query) for url in (first, second))
    assert one["code_challenge_method"] == ["S256"]
    assert one["response_type"] == ["code"]
    assert one["redirect_uri"] == [site.callback]
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name][0]) >= 43
        assert one[name] != other[name]


def test_sign_ins_in_two_tabs_do_not_end_each_other(site: Site) -> None:
    with Browser() as browser:
        login = f"{site.server.url}/auth/oidc/login"
        first, second = (browser.walk(login, site.callback) for _ in range(2))
        assert browser.get(first).status_code == 303
        assert browser.get(second).status_code == 303


def test_a_callback_that_this_browser_did_not_begin_is_refused(site: Site) -> None:
    """CSRF on the callback: the attacker's own answer, in the victim's browser."""
    with Browser() as attacker, Browser() as victim:
        forged = attacker.walk(f"{site.server.url}/auth/oidc/login", site.callback)
        told = refusal(victim.get(forged))
        assert "This browser has not begun the sign-in" in told
        assert victim.get(f"{site.server.url}/auth/session").status_code == 401

        begun = victim.get(f"{site.server.url}/auth/oidc/login").headers["location"]
        state = parse_qs(urlsplit(begun).query)["state"][0]
        code = parse_qs(urlsplit(forged).query)["code"][0]
        injected = {"state": state, "code": code, "iss": site.provider.issuer}
        # The attacker's code under the victim's state: PKCE binds it to the attacker's browser.
        told = refusal(victim.get(f"{site.callback}?{urlencode(injected)}"))
        assert told == "The identity provider did not accept the code."


@pytest.mark.parametrize(
    "change",
    [
        {"state": "x"},
        {"state": None},
        {"code": None},
        {"code": "x"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"error": "access_denied"},
    ],
    ids=lambda change: "-".join(f"{name}={value}" for name, value in change.items()),
)
def test_a_changed_callback_is_refused_and_cannot_be_tried_again(
    site: Site, change: dict[str, str | None]
) -> None:
    with Browser() as browser:
        genuine = browser.walk(f"{site.server.url}/auth/oidc/login", site.callback)
        query = {name: values[0] for name, values in parse_qs(urlsplit(genuine).query).items()}
        changed = {name: value for name, value in (query | change).items() if value is not None}
        refusal(browser.get(f"{site.callback}?{urlencode(changed)}"))
        twice = f"{genuine}&{urlencode({'state': query['state']})}"
        refusal(browser.get(twice))


def test_an_answer_signs_in_once(site: Site) -> None:
    with Browser() as browser:
        genuine = browser.walk(f"{site.server.url}/auth/oidc/login", site.callback)
        assert browser.get(genuine).status_code == 303
        refusal(browser.get(genuine))


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%0d%0aSet-Cookie: a=b\r\n",
        "javascript:alert(1)",
        "///evil.example",
        " //evil.example",
        "/ok\nLocation: https://evil.example",
        "@evil.example",
        "",
        "/" + "a" * 600,
    ],
)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/oidc/login"])
def test_nobody_is_sent_to_another_site(site: Site, path: str, target: str) -> None:
    with Browser() as browser:
        url = f"{site.server.url}{path}?{urlencode({'return_to': target})}"
        answer = browser.get(url)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "return_to"


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/token"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_another_sites_page_neither_signs_out_nor_takes_the_token(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    with Browser() as browser:
        site.sign_in(browser)
        answer = browser.client.post(site.server.url + path, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "cross_site_refused"
        assert browser.get(f"{site.server.url}/auth/session").status_code == 200
        own = {"Sec-Fetch-Site": "same-origin", "Origin": site.server.url}
        assert browser.client.post(f"{site.server.url}/auth/token", headers=own).is_success
        strict = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
        assert browser.client.post(f"{site.server.url}/auth/token", headers=strict).is_success


def test_a_session_that_was_changed_or_made_up_is_refused(site: Site) -> None:
    with Browser() as browser:
        site.sign_in(browser)
        token = site.token(browser)
    header, payload, signature = token.split(".")
    stranger = site.provider.access_token(header={"typ": "session+jwt"})
    for wrong in (
        f"{header}.{payload}.{'A' * len(signature)}",
        f"{header}.{payload}.",
        f"{header}.{payload[:-4]}AAAA.{signature}",
        stranger,
        "e30.e30.e30",
    ):
        answer = site.call(wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_invalid")
    assert site.call(token).status_code == 200


def test_a_person_is_told_on_a_page_and_a_program_in_json(site: Site) -> None:
    with Browser() as browser:
        page = browser.get(f"{site.callback}?state=%3Cb%3E&code=x", Accept="text/html")
        unknown = browser.get(f"{site.server.url}/auth/else")
        method = browser.get(f"{site.server.url}/auth/logout")
    assert page.status_code == 401
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert '<a href="/auth/login">Sign in again</a>' in page.text
    assert page.headers["x-request-id"] in page.text
    assert page.headers["cache-control"] == "no-store"
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert (method.status_code, method.headers["allow"]) == (405, "POST")


def test_tries_are_counted_by_source_address(site: Site) -> None:
    url = f"{site.callback}?state=x"
    with Browser("198.51.100.7") as busy, Browser("198.51.100.8") as other:
        statuses = [busy.get(url).status_code for _ in range(125)]
        assert statuses.count(429) == 5
        assert other.get(url).status_code == 401
    with Browser("2001:db8:ffff:1::1") as first, Browser("2001:db8:ffff:1::2") as neighbour:
        assert {first.get(url).status_code for _ in range(120)} == {401}
        assert neighbour.get(url).status_code == 429


def test_traces_own_sign_in_stays_where_it_was(site: Site) -> None:
    wrong = {"email": "a@example.org", "password": "wrong password"}
    answer = httpx.post(f"{site.server.trace}/auth/sign-in", json=wrong, trust_env=False)
    assert answer.status_code == 401


def test_nothing_of_a_sign_in_is_logged(site: Site) -> None:
    with Browser() as browser:
        site.sign_in(browser, "analyst-nameless")
        refusal(browser.get(f"{site.callback}?state=sTaTe&code=cOdE"))
    told = site.server.wait_for_log("a sign-in (oidc) was refused")
    for value in ("nameless", "sTaTe", "cOdE"):
        assert value not in told
