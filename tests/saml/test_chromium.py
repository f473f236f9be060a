"""A real browser signs in at both kinds of provider, on another site than the engine's.

Only a browser keeps the rules of cookies and of other sites' pages; an HTTP client does not.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright
from tests.oidc.browser import free_port
from tests.oidc.provider import AUDIENCE, OidcProvider, start_provider
from tests.saml.idp import SamlIdp, start_idp
from tests.servers import start_server


@dataclass
class Site:
    """The engine is `localhost`, the providers are `127.0.0.1`: two sites to a browser."""

    url: str
    oidc: OidcProvider
    saml: SamlIdp


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    url = f"http://localhost:{port}"
    with start_provider() as oidc, start_idp(folder) as saml:
        oidc.serve_browsers_of(f"{url}/auth/oidc/callback")
        environment = {
            "AUTH_MODE": "both",
            "PUBLIC_URL": url,
            "OIDC_ISSUER_URL": oidc.issuer,
            "OIDC_AUDIENCE": AUDIENCE,
            "OIDC_CLIENT_ID": oidc.browser_client_id,
            "OIDC_CLIENT_SECRET": oidc.browser_client_secret,
            "OIDC_SCOPES": "openid email groups",
            "SAML_METADATA_URL": saml.metadata_url,
            "SAML_ENTITY_ID": f"{url}/auth/saml/metadata",
            "SAML_ACS_URL": f"{url}/auth/saml/acs",
        }
        with start_server(folder / "data", environment=environment, port=port) as server:
            metadata = httpx.get(f"{server.url}/auth/saml/metadata", trust_env=False)
            saml.know(metadata.text)
            yield Site(url, oidc, saml)


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is needed for these tests")
        pytest.skip("Chromium is needed for these tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=False)
        yield browser.new_context()
        browser.close()


def sign_in_at_openid(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/auth/oidc/login")
    page.fill("input[name=login]", "analyst-ada")
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Authorize")
    page.click("button[type=submit]")
    page.wait_for_url(f"{site.url}/auth/session")


def told(page: Page) -> dict[str, str]:
    found: dict[str, str] = json.loads(page.inner_text("body"))
    return found


def test_a_browser_signs_in_at_an_openid_provider_and_out(
    site: Site, context: BrowserContext
) -> None:
    page = context.new_page()
    sign_in_at_openid(page, site)

    assert told(page)["user_id"] == "analyst-ada"
    cookies = {c["name"]: c for c in context.cookies(site.url) if "tracewell" in c["name"]}
    assert set(cookies) == {"tracewell-session"}
    assert cookies["tracewell-session"]["httpOnly"]
    assert cookies["tracewell-session"]["sameSite"] == "Lax"
    assert "tracewell" not in page.evaluate("document.cookie")
    ask = "(url) => fetch(url, {method: 'POST', credentials: 'include'}).then(a => a.status)"
    assert page.evaluate(ask, f"{site.url}/auth/token") == 200

    other = context.new_page()
    other.goto(f"{site.oidc.issuer}/.well-known/openid-configuration")
    post = """(url) => { const form = document.createElement('form');
        form.method = 'post'; form.action = url; document.documentElement.append(form);
        form.submit(); }"""
    with other.expect_response(f"{site.url}/auth/logout") as answered:
        other.evaluate(post, f"{site.url}/auth/logout")
    assert answered.value.status == 403
    page.goto(f"{site.url}/auth/session")
    assert told(page)["user_id"] == "analyst-ada"

    with page.expect_response(f"{site.url}/auth/logout") as ended:
        page.evaluate(post, f"{site.url}/auth/logout")
    assert ended.value.status == 303
    assert site.oidc.issuer in ended.value.headers["location"]
    assert not any("tracewell" in c["name"] for c in context.cookies(site.url))


def test_a_browser_signs_in_at_a_saml_provider(site: Site, context: BrowserContext) -> None:
    """The answer is a POST from another site: a cookie that were Lax would not come with it."""
    page = context.new_page()
    page.goto(f"{site.url}/auth/saml/login")
    page.wait_for_url(f"{site.url}/auth/session")

    assert told(page)["user_id"] == "ada-7"
    assert [c["name"] for c in context.cookies(site.url)] == ["tracewell-session"]


def test_a_forged_answer_is_refused_on_a_page(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/auth/oidc/callback?code=x&state=y")

    assert page.title() == "Sign-in failed"
    assert "This browser has not begun the sign-in" in page.inner_text("body")
    with page.expect_navigation():
        page.click("text=Sign in again")
    assert page.url.startswith(site.oidc.issuer)
