"""Fetching a provider's keys from a server that misbehaves, and reading its address."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tracewell.kernel.clock import system_clock
from tracewell.kernel.oidc import IdentityProviderUnavailable, OidcVerifier
from tracewell.kernel.oidc.discovery import fetch_provider, parse_provider_address
from tracewell.kernel.oidc.provider_keys import ProviderKeys, parse_provider_keys

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}).as_dict(private=False)


@pytest.mark.parametrize(
    ("given", "issuer", "document_url"),
    [
        (
            "https://id.example",
            "https://id.example",
            "https://id.example/.well-known/openid-configuration",
        ),
        (
            "https://id.example/realms/acme/",
            "https://id.example/realms/acme",
            "https://id.example/realms/acme/.well-known/openid-configuration",
        ),
        (
            "https://id.example/acme/.well-known/openid-configuration",
            "https://id.example/acme",
            "https://id.example/acme/.well-known/openid-configuration",
        ),
        (
            "https://id.example/.well-known/oauth-authorization-server/acme",
            "https://id.example/acme",
            "https://id.example/.well-known/oauth-authorization-server/acme",
        ),
        (
            "http://[::1]:8080",
            "http://[::1]:8080",
            "http://[::1]:8080/.well-known/openid-configuration",
        ),
    ],
)
def test_the_issuer_and_its_document_are_read_from_either(
    given: str, issuer: str, document_url: str
) -> None:
    address = parse_provider_address(given)
    assert (address.issuer, address.document_url) == (issuer, document_url)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "id.example",
        "ftp://id.example",
        "http://id.example",
        "http://127.0.0.1.id.example",
        "http://10.0.0.1",
        "https://",
        "https://user@id.example",
        "https://id.example?x=1",
        "https://id.example#x",
        "https://id.example:port",
        "https://[::1",
        "https://id.example/" + "x" * 3_000,
    ],
)
def test_an_address_that_is_not_safe_is_refused_at_the_start(given: str) -> None:
    with pytest.raises(ValueError):
        OidcVerifier(given, "audience", system_clock)


def test_an_empty_audience_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError):
        OidcVerifier("https://id.example", "", system_clock)


def _fetch(
    *, document: Handler | dict[str, Any] | None = None, jwks: Handler | None = None
) -> ProviderKeys:
    """Start a provider with these answers on a free port, and fetch its keys."""

    async def run() -> ProviderKeys:
        async def answer_document(request: web.Request) -> web.StreamResponse:
            if callable(document):
                return await document(request)
            issuer = f"http://{request.host}"
            standard = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
            return web.json_response({**standard, **(document or {})})

        async def answer_jwks(request: web.Request) -> web.StreamResponse:
            return await jwks(request) if jwks else web.json_response({"keys": [KEY]})

        application = web.Application()
        application.router.add_get("/.well-known/openid-configuration", answer_document)
        application.router.add_get("/jwks", answer_jwks)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            address = parse_provider_address(f"http://127.0.0.1:{port}")
            return (await fetch_provider(address, timeout_s=0.5)).keys
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def test_a_well_behaved_provider_gives_its_name_and_keys() -> None:
    keys = _fetch()
    assert keys.issuer.startswith("http://127.0.0.1:")
    assert keys.find_key("k1", "RS256") is not None


def test_an_issuer_with_a_trailing_slash_is_taken_as_it_names_itself() -> None:
    async def document(request: web.Request) -> web.StreamResponse:
        issuer = f"http://{request.host}"
        return web.json_response({"issuer": issuer + "/", "jwks_uri": f"{issuer}/jwks"})

    assert _fetch(document=document).issuer.endswith("/")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://accounts.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://id.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/jwks"},
        {"jwks_uri": "https://"},
    ],
)
def test_a_document_that_cannot_be_trusted_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(IdentityProviderUnavailable):
        _fetch(document=document)


async def _redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://169.254.169.254/latest/meta-data")


async def _error(request: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": [KEY]}, status=500)


async def _too_large(request: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": [KEY], "padding": "x" * 300_000})


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65_536)


async def _silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError("nobody waits that long")


async def _compressed(request: web.Request) -> web.StreamResponse:
    bomb = gzip.compress(json.dumps({"keys": [KEY], "padding": " " * 10_000_000}).encode())
    return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})


async def _not_json(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Sign in</html>")


async def _list(request: web.Request) -> web.StreamResponse:
    return web.json_response([KEY])


async def _no_keys(request: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": []})


async def _only_secrets(request: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": [OctKey.generate_key(256, {"kid": "k1"}).as_dict()]})


MISBEHAVIOURS = [_redirect, _error, _too_large, _endless, _silent, _compressed, _not_json, _list]


@pytest.mark.parametrize("handler", MISBEHAVIOURS, ids=lambda handler: handler.__name__)
@pytest.mark.parametrize("where", ["document", "jwks"])
def test_a_provider_that_misbehaves_is_unavailable(where: str, handler: Handler) -> None:
    with pytest.raises(IdentityProviderUnavailable) as caught:
        _fetch(document=handler) if where == "document" else _fetch(jwks=handler)
    assert "169.254" not in str(caught.value)


@pytest.mark.parametrize("handler", [_no_keys, _only_secrets], ids=["none", "symmetric"])
def test_a_provider_without_a_usable_key_is_unavailable(handler: Handler) -> None:
    with pytest.raises(IdentityProviderUnavailable):
        _fetch(jwks=handler)


def test_a_provider_that_does_not_listen_is_unavailable() -> None:
    address = parse_provider_address("http://127.0.0.1:1")
    with pytest.raises(IdentityProviderUnavailable, match="cannot be reached"):
        asyncio.run(fetch_provider(address))


def _usable(*members: Any) -> ProviderKeys:
    return parse_provider_keys("https://id.example", {"keys": [*members, KEY]})


@pytest.mark.filterwarnings("ignore:Key size")
def test_keys_that_must_not_check_a_signature_are_passed_over() -> None:
    rsa = RSAKey.generate_key(2048, {"kid": "x"}).as_dict(private=False)
    weak = RSAKey.generate_key(1024, {"kid": "x"}).as_dict(private=False)
    for member in (
        OctKey.generate_key(256, {"kid": "x"}).as_dict(),
        weak,
        {**rsa, "use": "enc"},
        {**rsa, "use": 7},
        {**rsa, "key_ops": ["encrypt"]},
        {**rsa, "key_ops": "verify"},
        {**rsa, "alg": "HS256"},
        {**rsa, "alg": "RSA-OAEP"},
        {**rsa, "alg": ["RS256"]},
        {**rsa, "kid": 7},
        {**rsa, "n": 7},
        {**rsa, "n": "!"},
        {**rsa, "e": ""},
        {**rsa, "e": "AA"},
        {"kty": "RSA", "kid": "x"},
        {**rsa, "kty": "EC", "crv": "P-256"},
        {**ECKey.generate_key("P-256", {"kid": "x"}).as_dict(private=False), "y": "AAAA"},
        ECKey.generate_key("secp256k1", {"kid": "x"}).as_dict(private=False),
        OKPKey.generate_key("X25519", {"kid": "x"}).as_dict(private=False),
        {**OKPKey.generate_key("Ed25519", {"kid": "x"}).as_dict(private=False), "x": "AA"},
        {**rsa, "crv": ["P-256"]},
        {**rsa, "kty": ["RSA"]},
        "text",
        None,
    ):
        keys = _usable(member)
        assert [named.kid for named in keys.keys] == ["k1"], member


def test_a_key_checks_only_the_algorithms_it_is_for() -> None:
    ec = ECKey.generate_key("P-256", {"kid": "ec"}).as_dict(private=False)
    keys = _usable({**KEY, "kid": "pss", "alg": "PS256"}, ec)
    assert keys.find_key("pss", "PS256")
    assert keys.find_key("pss", "RS256") is None
    assert keys.find_key("ec", "ES256")
    assert keys.find_key("ec", "ES384") is None
    assert keys.find_key("k1", "RS512")


def test_of_a_private_key_that_a_provider_publishes_by_mistake_only_the_public_part_is_kept() -> (
    None
):
    private = RSAKey.generate_key(2048, {"kid": "leaked"}).as_dict(private=True)
    key = _usable(private).find_key("leaked", "RS256")
    assert key is not None
    assert not key.is_private


def test_without_a_key_id_two_fitting_keys_are_no_answer() -> None:
    assert _usable().find_key(None, "RS256")
    assert _usable({**KEY, "kid": "k2"}).find_key(None, "RS256") is None


def test_a_key_set_with_too_many_keys_is_refused() -> None:
    with pytest.raises(ValueError):
        _usable(*[KEY] * 100)
