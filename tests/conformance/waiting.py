"""Waiting for what the contract promises within a time, by asking again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

WITHIN_S = 1.0
"""How soon a right that was taken away must be gone in every process."""
PAUSE_S = 0.02


def first_other(ask: Callable[[], httpx.Response], status: int, within_s: float) -> httpx.Response:
    """The first answer that has not this status; fails when a question that was asked later than
    `within_s` from now is still answered with it."""
    deadline = time.monotonic() + within_s
    while True:
        asked_at = time.monotonic()
        answer = ask()
        if answer.status_code != status:
            return answer
        assert asked_at <= deadline, f"still {status} after {within_s} s"
        time.sleep(PAUSE_S)
