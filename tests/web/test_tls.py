"""TLS is always verified, the certificate is noted, and what is wrong with it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web.authority import PAST, Authority

from tracewell.web.certificates import parse_certificate
from tracewell.web.client import FetchLimits
from tracewell.web.exchange import Fetched, FetchFailure, FetchOutcome
from tracewell.web.fetcher import Fetcher

Build = Callable[..., Fetcher]


def fetch(
    fetcher: Build,
    authority: Authority,
    serve_with: ssl.SSLContext | None,
    url: str = "https://shop.example/",
    *,
    tls: Callable[[], ssl.SSLContext] | None = None,
) -> FetchOutcome:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
        writer.close()

    async def run() -> FetchOutcome:
        server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=serve_with)
        port = server.sockets[0].getsockname()[1]
        async with (
            server,
            fetcher(
                f"*.example=127.0.0.1:{port}",
                tls=tls or authority.trust,
                limits=FetchLimits(total_timeout_s=3),
            ) as client,
        ):
            return await client.fetch(url)

    return asyncio.run(run())


def test_tls_is_verified_and_the_certificate_is_noted(fetcher: Build, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    outcome = fetch(fetcher, authority, authority.serve_with(authority.issue(["shop.example"])))
    assert isinstance(outcome, Fetched)
    assert outcome.capture.body == b"secret"
    assert outcome.capture.certificate_issuer == "Acme Trust Co"
    (exchange,) = outcome.exchanges
    assert (exchange.http_version, exchange.tls) == ("HTTP/1.1", "TLSv1.3")
    assert exchange.certificate is not None
    certificate = parse_certificate(exchange.certificate)
    assert certificate.subject == "Shop"
    assert certificate.names == ("shop.example",)
    assert certificate.valid_from == 1_577_836_800_000


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    "fault, told",
    [
        ("unknown", "unable to get local issuer certificate"),
        ("self-signed", "self-signed certificate"),
        ("expired", "certificate has expired"),
        ("wrong name", "certificate is not valid for 'shop.example'"),
        ("old", ""),
        ("plain", ""),
    ],
)
def test_bad_tls_is_refused_and_told(fetcher: Build, tmp_path: Path, fault: str, told: str) -> None:
    authority = Authority(tmp_path)
    paths = authority.issue(
        ["other.example"] if fault == "wrong name" else ["shop.example"],
        is_self_signed=fault == "self-signed",
        **({"end": PAST} if fault == "expired" else {}),
    )
    context: ssl.SSLContext | None = authority.serve_with(paths)
    if fault == "old":
        assert context is not None
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    tls = ssl.create_default_context if fault == "unknown" else authority.trust
    if fault == "plain":
        context = None
    outcome = fetch(fetcher, authority, context, tls=tls)
    assert isinstance(outcome, FetchFailure)
    assert outcome.code == "tls_failed"
    assert told in outcome.message
