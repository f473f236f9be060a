"""The provider's metadata, read from a server that may misbehave; ours, as pysaml2 reads it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from saml2.mdstore import InMemoryMetaData
from tests.saml.idp import SamlIdp, start_idp
from tests.saml.responses import ACS_URL, ENTITY_ID, now_ms

from tracewell.kernel.clock import MINUTE_MS, system_clock
from tracewell.kernel.idp import IdentityProviderUnavailable
from tracewell.kernel.saml import MetadataSource, render_sp_metadata
from tracewell.kernel.saml.metadata import parse_idp_metadata


def test_pysaml2_reads_what_we_publish() -> None:
    store = InMemoryMetaData(None)
    assert store.parse_and_check_signature(render_sp_metadata(ENTITY_ID, ACS_URL).decode())
    services = store.service(
        ENTITY_ID, "spsso_descriptor", "assertion_consumer_service",
        "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    )  # fmt: skip
    assert [service["location"] for service in services] == [ACS_URL]
    assert store[ENTITY_ID]["spsso_descriptor"][0]["want_assertions_signed"] == "true"


CHANGES = [
    (b"IDPSSODescriptor", b"SPSSODescriptor", "exactly one SAML 2.0 identity provider"),
    (b"SAML:2.0:protocol", b"SAML:1.1:protocol", "exactly one SAML 2.0 identity provider"),
    (b"HTTP-Redirect", b"SOAP", "no sign-in by HTTP-Redirect"),
    (b'Location="http://127.0.0.1', b'Location="http://192.0.2.1', "must be https"),
    (b'Location="http:', b'Location="javascript:', "not a usable URL|must be https"),
    (b'use="signing"', b'use="encryption"', "needs 1 to 20 signing certificates"),
    (b"<ds:X509Certificate>M", b"<ds:X509Certificate>X", "certificate that cannot be read"),
    (b" entityID=", b' validUntil="2020-01-01T00:00:00Z" entityID=', "has expired"),
    (b" entityID=", b' validUntil="soon" entityID=', "not a UTC time"),
    (b"entityID=", b"id=", "names no entityID"),
    (b"<md:EntityDescriptor", b"<!DOCTYPE x><md:EntityDescriptor", "document type"),
]


@pytest.mark.parametrize(("old", "new", "told"), CHANGES, ids=[change[2] for change in CHANGES])
def test_metadata_that_cannot_be_used_is_refused(
    old: bytes, new: bytes, told: str, idp: SamlIdp
) -> None:
    document = idp.metadata()
    assert parse_idp_metadata(document, now_ms(), loopback_allowed=True).entity_id
    assert old in document
    with pytest.raises(ValueError, match=told):
        parse_idp_metadata(document.replace(old, new), now_ms(), loopback_allowed=True)


def test_a_federations_metadata_with_one_provider_is_read(idp: SamlIdp) -> None:
    ours = render_sp_metadata(ENTITY_ID, ACS_URL).split(b"?>")[1]
    whole = (
        b'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"><!-- x -->'
        + idp.metadata()
        + ours
        + b"</md:EntitiesDescriptor>"
    )
    found = parse_idp_metadata(whole, now_ms(), loopback_allowed=True)
    assert found.entity_id == idp.metadata_url


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/metadata", "ftp://x/y", "file://host/etc/passwd"]
)
def test_metadata_comes_over_tls_or_from_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        MetadataSource(url, system_clock)


def test_metadata_is_kept_and_renewed_for_a_new_key(tmp_path: Path) -> None:
    with start_idp(tmp_path) as idp:
        now = [now_ms()]

        async def run() -> None:
            source = MetadataSource(idp.metadata_url, lambda: now[0])
            first = await source.get()
            assert await source.get() is first
            assert idp.metadata_fetches == 1
            idp.new_keys()
            renewed = await source.get_anew(first)
            assert renewed.certificates != first.certificates
            assert await source.get() is renewed
            for _ in range(10):
                await source.get_anew(renewed)
                renewed = await source.get()
            assert idp.metadata_fetches <= 5
            idp.metadata_override = b"<not metadata"
            now[0] += 11 * MINUTE_MS
            assert (await source.get()).entity_id == idp.metadata_url
            now[0] += 60 * MINUTE_MS
            with pytest.raises(IdentityProviderUnavailable, match="cannot be read"):
                await source.get()

        asyncio.run(run())


def test_metadata_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    with start_idp(tmp_path) as idp:
        idp.metadata_override = b" " * (2 << 20)
        with pytest.raises(IdentityProviderUnavailable, match="too large"):
            asyncio.run(MetadataSource(idp.metadata_url, system_clock).get())
