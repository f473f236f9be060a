"""Strict base64 and strict JSON objects: one text for one value, or ValueError.

A lenient decoder lets a byte of a signed file change unnoticed; these let none.
"""

from __future__ import annotations

import base64
import json
from typing import Any, NoReturn


def encode_base64url(data: bytes) -> str:
    """RFC 4648 section 5 without padding, as JOSE uses it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Undo `encode_base64url`; raises ValueError for any other spelling of the same bytes."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    if encode_base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def encode_base64(data: bytes) -> str:
    """RFC 4648 section 4 with padding, as `openssl base64` reads it."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Undo `encode_base64`; raises ValueError for any other spelling of the same bytes."""
    data = base64.b64decode(text)
    if encode_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def parse_json_object(data: bytes) -> dict[str, Any]:
    """A JSON object from UTF-8 bytes; raises ValueError, also for a member named twice."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_refuse_twins, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
