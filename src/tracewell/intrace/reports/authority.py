"""Talks to the configured time-stamp authority (RFC 3161 over HTTP, 3.4). Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import aiohttp
from cryptography.x509 import Certificate

from tracewell.kernel.signing.timestamps import (
    RESPONSE_BYTES_MAX,
    accept_response,
    build_timestamp_request,
)

_QUERY: Final = "application/timestamp-query"


class AuthoritySilent(Exception):  # noqa: N818 - a sentence: "the authority is silent"
    """No answer in time, or not one with the status 200."""


class TimestampAuthority:
    """One authority, and the certificates under which its stamps are believed."""

    def __init__(self, url: str, roots: Sequence[Certificate], timeout_s: float) -> None:
        self._url = url
        self._roots = tuple(roots)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def stamp(self, data: bytes, nonce: int) -> bytes:
        """A checked response over the data, in the form that is kept.

        Raises AuthoritySilent, TimestampRefused, TimestampInvalid.
        """
        body = build_timestamp_request(data, nonce)
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.post(
                    self._url, data=body, headers={"Content-Type": _QUERY}, allow_redirects=False
                ) as answer,
            ):
                response = await answer.content.read(RESPONSE_BYTES_MAX + 1)
                while not answer.content.at_eof() and len(response) <= RESPONSE_BYTES_MAX:
                    response += await answer.content.read(RESPONSE_BYTES_MAX)
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise AuthoritySilent(type(error).__name__) from error
        if status != 200 or len(response) > RESPONSE_BYTES_MAX:
            raise AuthoritySilent(f"status {status}, {len(response)} bytes")
        return await asyncio.to_thread(accept_response, response, data, nonce, self._roots)
