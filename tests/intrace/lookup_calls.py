"""What the tests of lookups ask, and how."""

from __future__ import annotations

from typing import Any

import httpx

ADA = ("email", "ada@lovelace.example.com")
RECORD = [
    ("person.name", "Ada Lovelace"),
    ("email.address", "ada@lovelace.example.com"),
    ("phone.number", "+390612345678"),
]


def identifiers(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"type": kind, "value": value} for kind, value in pairs]


def look_up(client: httpx.Client, *pairs: tuple[str, str], **more: Any) -> httpx.Response:
    return client.post("/v1/lookup", json={"identifiers": identifiers(*pairs), **more})


def error_of(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    return error
