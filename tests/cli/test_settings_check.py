"""Every variable of the contract: what is wrong with it is told by its name, with an example."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cli.conftest import Console

from tracewell.cli.settings import settings
from tracewell.main.settings import Settings, variable_name

OIDC = {
    "AUTH_MODE": "oidc",
    "OIDC_ISSUER_URL": "https://login.example.com",
    "OIDC_AUDIENCE": "https://intrace.example.com",
}
BROWSERS = {**OIDC, "OIDC_CLIENT_ID": "tracewell", "PUBLIC_URL": "https://intrace.example.com"}
SAML = {
    "AUTH_MODE": "saml",
    "SAML_METADATA_URL": "https://login.example.com/saml",
    "SAML_ENTITY_ID": "https://intrace.example.com/auth/saml/metadata",
    "SAML_ACS_URL": "https://intrace.example.com/auth/saml/acs",
    "PUBLIC_URL": "https://intrace.example.com",
}
PASSING: list[Mapping[str, str]] = [
    {},
    OIDC,
    BROWSERS,
    {**BROWSERS, "OIDC_CLIENT_SECRET": "hunter2"},
    SAML,
    {**SAML, "SAML_IDP_INITIATED": "true", "SAML_GROUPS_ATTRIBUTE": "memberOf"},
    {**BROWSERS, **SAML, "AUTH_MODE": "both"},
    {**OIDC, "AUTH_MODE": "both"},
    {"AUTH_MODE": "api_key", "API_KEY_HASH_SECRET": "x" * 32},
    {"CONNECTOR_ENABLED": "phone_plan, email_domain"},
    {"CONNECTOR_ENABLED": "local,dns,rdap,github"},
    {"CONNECTOR_KEYS": "hibp=x,github=y", "CONNECTOR_URLS": "mastodon=https://social.example.com"},
    {"TRUSTED_PROXIES": "10.0.0.0/8, ::1", "TRUSTED_PROXY_HEADER": "forwarded"},
    {**OIDC, "OIDC_ISSUER_URL": "http://127.0.0.1:8080/realms/x"},
]

Row = tuple[Mapping[str, str], str, str]
HTTPS = "must be https"
TABLE: list[Row] = [
    ({"AUTH_MODE": "hunter2"}, "AUTH_MODE", "'oidc', 'saml', 'api_key' or 'both'"),
    ({"AUTH_MODE": "both"}, "AUTH_MODE", "needs an identity provider beside API keys"),
    ({**OIDC, "OIDC_ISSUER_URL": ""}, "OIDC_ISSUER_URL", "is needed with AUTH_MODE=oidc"),
    ({**OIDC, "OIDC_ISSUER_URL": "http://hunter2.example"}, "OIDC_ISSUER_URL", HTTPS),
    ({**OIDC, "OIDC_ISSUER_URL": "hunter2"}, "OIDC_ISSUER_URL", "not a usable URL"),
    ({**OIDC, "OIDC_ISSUER_URL": "https://a:hunter2@x"}, "OIDC_ISSUER_URL", "has no user"),
    ({**OIDC, "OIDC_AUDIENCE": ""}, "OIDC_AUDIENCE", "is needed with AUTH_MODE=oidc"),
    ({**OIDC, "AUTH_MODE": "both", "OIDC_AUDIENCE": ""}, "OIDC_AUDIENCE", "with OIDC_ISSUER_URL"),
    ({**BROWSERS, "OIDC_AUDIENCE": "tracewell"}, "OIDC_AUDIENCE", "must not be OIDC_CLIENT_ID"),
    ({**OIDC, "OIDC_CLIENT_SECRET": "hunter2"}, "OIDC_CLIENT_ID", "with OIDC_CLIENT_SECRET"),
    ({**BROWSERS, "OIDC_CLIENT_ID": "x" * 501}, "OIDC_CLIENT_ID", "at most 500 characters"),
    ({**BROWSERS, "OIDC_SCOPES": "email"}, "OIDC_SCOPES", "must contain openid"),
    ({**BROWSERS, "PUBLIC_URL": ""}, "PUBLIC_URL", "is needed where people sign in"),
    ({**BROWSERS, "PUBLIC_URL": "http://hunter2.example"}, "PUBLIC_URL", HTTPS),
    ({"PUBLIC_URL": "hunter2"}, "PUBLIC_URL", "must begin with https://"),
    ({**SAML, "SAML_METADATA_URL": ""}, "SAML_METADATA_URL", "is needed with AUTH_MODE=saml"),
    ({**SAML, "SAML_METADATA_URL": "http://hunter2.example"}, "SAML_METADATA_URL", HTTPS),
    ({**SAML, "SAML_ENTITY_ID": ""}, "SAML_ENTITY_ID", "is needed with AUTH_MODE=saml"),
    ({**SAML, "SAML_ENTITY_ID": "hunter2 x"}, "SAML_ENTITY_ID", "should match pattern"),
    ({**SAML, "SAML_ACS_URL": ""}, "SAML_ACS_URL", "is needed with AUTH_MODE=saml"),
    ({**SAML, "SAML_ACS_URL": "https://intrace.example.com/x"}, "SAML_ACS_URL", "/auth/saml/acs"),
    ({**SAML, "SAML_ACS_URL": "http://hunter2/auth/saml/acs"}, "SAML_ACS_URL", HTTPS),
    ({**SAML, "SAML_ACS_URL": "https://x.example/auth/saml/acs"}, "SAML_ACS_URL", "PUBLIC_URL"),
    ({"SAML_METADATA_URL": "https://x.example"}, "SAML_ENTITY_ID", "the other SAML_ ones"),
    ({**SAML, "SAML_IDP_INITIATED": "hunter2"}, "SAML_IDP_INITIATED", "valid boolean"),
    ({"SESSION_LIFETIME_MINUTES": "1"}, "SESSION_LIFETIME_MINUTES", "greater than or equal to 5"),
    ({"API_KEY_HASH_SECRET": "hunter2"}, "API_KEY_HASH_SECRET", "at least 16"),
    ({"SESSION_SECRET": "hunter2"}, "SESSION_SECRET", "at least 32"),
    ({"ROLE_FILE": "hunter2.yaml"}, "ROLE_FILE", "cannot be read"),
    ({"ROLE_FILE": "wrong.yaml"}, "ROLE_FILE", "did you mean lookup:read?"),
    ({"CONNECTOR_ENABLED": "fone_plan"}, "CONNECTOR_ENABLED", "is no connector"),
    ({"CONNECTOR_ENABLED": "locals"}, "CONNECTOR_ENABLED", "ip_location, keybase, local,"),
    ({"CONNECTOR_KEYS": "hipb=hunter2"}, "CONNECTOR_KEYS", "'hipb' is no connector"),
    ({"CONNECTOR_KEYS": "gleif=hunter2"}, "CONNECTOR_KEYS", "gleif takes no key"),
    ({"CONNECTOR_KEYS": "hunter2"}, "CONNECTOR_KEYS", "entries read id=key"),
    ({"CONNECTOR_KEYS_PATH": "none"}, "CONNECTOR_KEYS_PATH", "none cannot be read"),
    ({"CONNECTOR_KEYS_PATH": "keys"}, "CONNECTOR_KEYS_PATH", "'gihub' is no connector"),
    ({"CONNECTOR_URLS": "mstdn=https://x.example"}, "CONNECTOR_URLS", "'mstdn' is no connector"),
    ({"CONNECTOR_URLS": "dns=https://x.example"}, "CONNECTOR_URLS", "dns has no address"),
    ({"CONNECTOR_TIMEOUT_SECONDS": "0"}, "CONNECTOR_TIMEOUT_SECONDS", "greater than 0"),
    ({"RESULT_RETENTION_DAYS": "0"}, "RESULT_RETENTION_DAYS", "greater than or equal to 1"),
    ({"AUDIT_RETENTION_DAYS": "364"}, "AUDIT_RETENTION_DAYS", "greater than or equal to 365"),
    (
        {"RATE_LIMIT_REQUESTS_PER_MINUTE": "hunter2"},
        "RATE_LIMIT_REQUESTS_PER_MINUTE",
        "valid integer",
    ),
    ({"RATE_LIMIT_BURST": "-1"}, "RATE_LIMIT_BURST", "greater than or equal to 0"),
    (
        {"RATE_LIMIT_DEEP_LOOKUPS_PER_MINUTE": "0"},
        "RATE_LIMIT_DEEP_LOOKUPS_PER_MINUTE",
        "greater than or equal to 1",
    ),
    ({"TRUSTED_PROXIES": "10.0.0.0/99"}, "TRUSTED_PROXIES", "neither an address nor a CIDR"),
    ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES", "whatever anybody claims"),
    ({"TRUSTED_PROXY_HEADER": "x-hunter2"}, "TRUSTED_PROXY_HEADER", "'x-forwarded-for'"),
    ({"DATABASE_URL": "mysql://hunter2"}, "DATABASE_URL", "must begin with postgresql://"),
    ({"REDIS_URL": "http://hunter2"}, "REDIS_URL", "must begin with redis://"),
    ({"CRAWL_CONTACT_URL": "hunter2"}, "CRAWL_CONTACT_URL", "address of a page"),
    ({"CRAWL_CONTACT_URL": "mailto:hunter2@x.example"}, "CRAWL_CONTACT_URL", "address of a page"),
    ({"CRAWL_ALLOW": "10.0.0.5:80"}, "CRAWL_ALLOW", "reads pattern=address:port"),
    ({"CONNECTOR_ALLOW": "10.0.0.5:80"}, "CONNECTOR_ALLOW", "reads pattern=address:port"),
    ({"TRACEWELL_PRODUCT": "hunter2"}, "TRACEWELL_PRODUCT", "'trace', 'intrace' or 'both'"),
]

VARIABLES = {variable_name(name) for name in Settings.model_fields}


def check(folder: Path, given: Mapping[str, str], *options: str) -> Result:
    (folder / "wrong.yaml").write_text("roles: {a: [lookup:raed]}")
    (folder / "keys").write_text("# ours\ngihub=hunter2\n")
    environment: dict[str, str | None] = {**dict.fromkeys(VARIABLES), **given}
    runner = CliRunner(env=environment)
    before = Path.cwd()
    os.chdir(folder)
    try:
        return runner.invoke(settings, ["check", *options])
    finally:
        os.chdir(before)


def test_no_check_of_a_setting_stands_in_for_another_of_the_same_name() -> None:
    parts = [one for one in Settings.__mro__ if one.__module__.startswith("tracewell.")]
    times = Counter(name for part in parts for name in vars(part) if not name.startswith("__"))
    checks = Settings.__pydantic_decorators__.field_validators
    assert [name for name in checks if times[name] > 1] == []
    assert len(checks) > 10


@pytest.mark.parametrize(
    ("given", "variable", "told"),
    TABLE,
    ids=[f"{position}-{row[1]}" for position, row in enumerate(TABLE)],
)
def test_what_is_wrong_is_told_with_an_example_and_without_the_value(
    given: Mapping[str, str], variable: str, told: str, tmp_path: Path
) -> None:
    done = check(tmp_path, given)
    line = next(line for line in done.output.splitlines() if line.startswith(f"{variable}: "))
    assert told in line
    assert "(for example " in line or "(`tracewell roles check` tells all)" in line
    assert "hunter2" not in line.replace("hunter2.yaml", "")
    assert done.exit_code == 2


@pytest.mark.parametrize("given", PASSING, ids=lambda given: "-".join(given) or "nothing")
def test_settings_that_fit_can_be_used(given: Mapping[str, str], tmp_path: Path) -> None:
    done = check(tmp_path, given, "--json")
    assert json.loads(done.output) == {"usable": True, "problems": [], "warnings": []}
    assert done.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys", "wrong.yaml"]


@pytest.mark.parametrize(
    "variable",
    [
        "SIGNING_PRIVATE_KEY_PATH",
        "PDF_SIGNING_PATH",
        "PDF_FONTS_PATH",
        "OWN_RECORDS_PATH",
        "WATCHLISTS_PATH",
        "MMDB_PATH",
        "CONNECTORS_PATH",
    ],
)
def test_what_a_server_can_start_without_is_a_warning(variable: str, tmp_path: Path) -> None:
    done = check(tmp_path, {variable: "none"})
    assert done.exit_code == 0
    [line] = [line for line in done.output.splitlines() if line.startswith("warning: ")]
    assert line.startswith(f"warning: {variable}: ")
    assert "; " in line
    assert "(for example /" in line


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    done = check(tmp_path, {"AUTH_MODE": "saml", "OIDC_CLIENT_SECRET": "x"}, "--json")
    told = [problem.partition(":")[0] for problem in json.loads(done.output)["problems"]]
    assert told == [
        "PUBLIC_URL",
        "OIDC_CLIENT_ID",
        "SAML_METADATA_URL",
        "SAML_ENTITY_ID",
        "SAML_ACS_URL",
    ]


def test_a_server_of_trace_alone_does_not_ask_for_what_it_does_not_use(tmp_path: Path) -> None:
    assert check(tmp_path, {"AUTH_MODE": "saml"}, "--product", "trace").exit_code == 0


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("AUTH_MODE", "saml", "SAML_ACS_URL: is needed with AUTH_MODE=saml (for example https://"),
        ("ROLE_FILE", "none.yaml", "ROLE_FILE: none.yaml cannot be read"),
        ("CONNECTOR_ENABLED", "phone", "CONNECTOR_ENABLED: 'phone' is no connector"),
        ("TRUSTED_PROXIES", "proxy", "TRUSTED_PROXIES: 'proxy' is neither an address"),
    ],
)
def test_a_server_does_not_start_with_what_the_check_refuses(
    variable: str, value: str, told: str, console: Console
) -> None:
    console.environment[variable] = value
    assert told in console("serve", "--port", "0", code=2).err
    assert not console.data.exists()
