"""What settings must be together: each problem names the variable, what is wrong, an example."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from tracewell.intrace.sign_in.browser import is_usable_public_url
from tracewell.kernel.sealing import parse_keys
from tracewell.kernel.signing.timestamps import parse_roots
from tracewell.main.settings.intrace import IntraceSettings

_PUBLIC_URL = "(for example https://intrace.example.com)"
_ISSUER = "OIDC_ISSUER_URL: is needed with AUTH_MODE={} (for example https://login.example.com)"
_AUDIENCE = "OIDC_AUDIENCE: is needed with {} (for example https://intrace.example.com)"
_ACS_PATH = "/auth/saml/acs"
_SAML_EXAMPLES = {
    "saml_metadata_url": "https://login.example.com/saml/metadata",
    "saml_entity_id": "https://intrace.example.com/auth/saml/metadata",
    "saml_acs_url": f"https://intrace.example.com{_ACS_PATH}",
}


def iter_problems(settings: IntraceSettings) -> Iterator[str]:
    """What keeps these settings from being used, although each of them is right by itself."""
    if settings.product == "trace":
        return
    yield from _iter_mode_problems(settings)
    yield from _iter_oidc_problems(settings)
    yield from _iter_saml_problems(settings)
    yield from _iter_timestamp_problems(settings)
    yield from _iter_result_key_problems(settings)


def _iter_timestamp_problems(settings: IntraceSettings) -> Iterator[str]:
    path = settings.timestamp_certificates_path
    example = "(for example /etc/tracewell/timestamp-roots.pem)"
    if settings.timestamp_url is None:
        return
    if path is None:
        yield f"TIMESTAMP_CERTIFICATES_PATH: is needed with TIMESTAMP_URL {example}"
    else:
        try:
            parse_roots(path.read_bytes())
        except (OSError, ValueError):
            yield f"TIMESTAMP_CERTIFICATES_PATH: no PEM certificate can be read there {example}"


def _iter_result_key_problems(settings: IntraceSettings) -> Iterator[str]:
    path = settings.result_encryption_key_path
    example = "(for example /etc/tracewell/result-keys)"
    if path is None:
        return
    if settings.result_encryption_key is not None:
        yield f"RESULT_ENCRYPTION_KEY_PATH: not together with RESULT_ENCRYPTION_KEY {example}"
    try:
        found = parse_keys(path.read_text("ascii"))
    except (OSError, ValueError):
        found = ()
    if not found:
        yield (
            "RESULT_ENCRYPTION_KEY_PATH: no key of 32 bytes in hexadecimal or base64 can be read "
            f"there {example}"
        )


def _iter_mode_problems(settings: IntraceSettings) -> Iterator[str]:
    mode = settings.auth_mode
    if settings.takes_saml and find_spec("signxml") is None:
        yield (
            "SAML_METADATA_URL: needs the extra saml (for example pip install 'tracewell[saml]')"
        )
    if mode == "oidc" and settings.oidc_issuer_url is None:
        yield _ISSUER.format(mode)
    if mode == "oidc" and settings.oidc_audience is None:
        yield _AUDIENCE.format(f"AUTH_MODE={mode}")
    if mode == "both" and not (settings.takes_oidc or settings.takes_saml):
        yield (
            "AUTH_MODE: both needs an identity provider beside API keys: OIDC_ISSUER_URL and "
            "OIDC_AUDIENCE (for example https://login.example.com and "
            "https://intrace.example.com), or SAML_METADATA_URL, SAML_ENTITY_ID and SAML_ACS_URL"
        )
    if settings.takes_people and settings.public_url is None:
        yield f"PUBLIC_URL: is needed where people sign in through a browser {_PUBLIC_URL}"
    elif settings.takes_people and not is_usable_public_url(settings.public_url or ""):
        yield (
            "PUBLIC_URL: must be https where people sign in through a browser; http only on this "
            f"machine {_PUBLIC_URL}"
        )


def _iter_oidc_problems(settings: IntraceSettings) -> Iterator[str]:
    if settings.auth_mode == "both" and settings.takes_oidc and settings.oidc_audience is None:
        yield _AUDIENCE.format("OIDC_ISSUER_URL")
    if settings.oidc_client_secret is not None and settings.oidc_client_id is None:
        yield "OIDC_CLIENT_ID: is needed with OIDC_CLIENT_SECRET (for example tracewell)"
    if "openid" not in settings.oidc_scopes.split():
        yield "OIDC_SCOPES: must contain openid (for example openid email profile)"
    if settings.oidc_client_id is not None and settings.oidc_client_id == settings.oidc_audience:
        yield (
            "OIDC_AUDIENCE: must not be OIDC_CLIENT_ID, or every ID token of a browser's sign-in "
            "would be a bearer token of the API (for example https://intrace.example.com)"
        )


def _iter_saml_problems(settings: IntraceSettings) -> Iterator[str]:
    given = {name: getattr(settings, name) for name in _SAML_EXAMPLES}
    if settings.auth_mode != "saml" and not any(given.values()):
        return
    for name, value in given.items():
        if value is None:
            because = "AUTH_MODE=saml" if settings.auth_mode == "saml" else "the other SAML_ ones"
            yield f"{name.upper()}: is needed with {because} (for example {_SAML_EXAMPLES[name]})"
    acs_url = settings.saml_acs_url
    if acs_url is None:
        return
    example = f"(for example {_SAML_EXAMPLES['saml_acs_url']})"
    if not is_usable_public_url(acs_url) or not urlsplit(acs_url).path.endswith(_ACS_PATH):
        yield f"SAML_ACS_URL: must be https and end in {_ACS_PATH} {example}"
    elif settings.public_url is not None:
        ours, theirs = urlsplit(settings.public_url), urlsplit(acs_url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            yield f"SAML_ACS_URL: must be on the host of PUBLIC_URL {example}"
