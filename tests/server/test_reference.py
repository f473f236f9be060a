"""The interactive reference of each product: right under every prefix, and without the internet."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.server.deployment import Deployment
from tests.servers import Server

PREFIXES = {
    "trace": {"trace": ""},
    "intrace": {"intrace": ""},
    "both": {"trace": "/trace", "intrace": "/intrace"},
}
SHOWN = {"trace": "/v1/companies/{identifier}", "intrace": "/v1/lookup/{request_id}"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"ref-{name}")) for name in PREFIXES],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    deployment = Deployment(tmp_path_factory.mktemp("reference") / "data")
    with deployment.start(request.param) as started:
        yield started


def test_each_product_is_at_its_prefix(server: Server) -> None:
    prefixes = PREFIXES[server.product]
    told = httpx.get(f"{server.url}/").json()["products"]
    assert told == {
        name: {"api": f"{prefix}/v1", "reference": f"{prefix}/docs"}
        for name, prefix in prefixes.items()
    }
    strangers = {"trace": "/v1/companies", "intrace": "/v1/connectors"}
    for name, path in strangers.items():
        prefix = prefixes.get(name)
        if prefix is not None:
            assert httpx.get(f"{server.url}{prefix}{path}").status_code == 401
        if prefix != "":
            assert httpx.get(f"{server.url}{path}").status_code == 404
        if prefix != f"/{name}":
            assert httpx.get(f"{server.url}/{name}{path}").status_code == 404
        assert httpx.get(f"{server.url}/{name}x{path}").status_code == 404


def test_the_pages_name_no_other_host_and_all_they_name_is_there(server: Server) -> None:
    for prefix in PREFIXES[server.product].values():
        page = httpx.get(f"{server.url}{prefix}/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert not re.search(r"(?:https?:)?//[\w.-]+\.\w", page.text)
        named = re.findall(r"""(?:src|href|url)\s*[=:]\s*['"]([^'"]+)['"]""", page.text)
        kinds = {urlsplit(name).path.rpartition(".")[2] for name in named}
        assert {"js", "css", "json", "png"} <= kinds
        for name in named:
            found = httpx.get(urljoin(str(page.url), name))
            assert found.status_code == 200, name
            assert found.content
        styles = httpx.get(f"{server.url}{prefix}/docs/static/swagger-ui.css").text
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", styles)
        outside = httpx.get(f"{server.url}{prefix}/docs/static/..%2f..%2f__init__.py")
        assert outside.status_code == 404


def test_the_documents_are_valid_and_complete(server: Server) -> None:
    for name, prefix in PREFIXES[server.product].items():
        document = httpx.get(f"{server.url}{prefix}/openapi.json").json()
        OpenAPIV31SpecValidator(document).validate()
        assert SHOWN[name] in document["paths"]
        # Calls that are tried out in the reference go to where the product is.
        assert document.get("servers", [{"url": ""}])[0]["url"] == prefix
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                place = f"{method} {path}"
                assert operation["summary"], place
                assert "HTTPValidationError" not in str(operation["responses"]) or name == "trace"
                if path.startswith("/v1/"):
                    assert {"401", "405", "429", "500"} <= set(operation["responses"]), place


def test_a_browser_without_the_internet_shows_the_reference(server: Server, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("Chromium is not installed")
    for name, prefix in PREFIXES[server.product].items():
        shown = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             f"--user-data-dir={tmp_path / name}", "--virtual-time-budget=20000", "--dump-dom",
             f"{server.url}{prefix}/docs"],
            capture_output=True, text=True, timeout=120,
        ).stdout  # fmt: skip
        # Swagger UI parts paths by zero-width spaces, so that lines may break there.
        assert SHOWN[name] in shown.replace("\u200b", "")
        assert "opblock-summary-path" in shown
        assert "Failed to load" not in shown
