"""When what a provider publishes is fetched: at need, when old, and once for an unknown key."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tracewell.kernel.clock import MINUTE_MS, SECOND_MS, Clock
from tracewell.kernel.idp.errors import IdentityProviderUnavailable

Published = TypeVar("Published")

FRESH_MS = 10 * MINUTE_MS
"""Younger keys are used without asking; a key that the provider withdrew lives no longer."""

STALE_MS = 60 * MINUTE_MS
"""While the provider is silent, older keys serve up to this age; then no token is accepted."""

RETRY_MS = 2 * SECOND_MS
"""A provider that failed is left alone for this long."""

UNKNOWN_FETCHES_MAX = 4
UNKNOWN_WINDOW_MS = MINUTE_MS
"""Tokens with invented key ids make the engine fetch at most so often in so long a time."""


@dataclass(frozen=True, slots=True)
class _Snapshot(Generic[Published]):
    published: Published
    fetched_at_ms: int


class ProviderCache(Generic[Published]):
    """What one provider publishes (keys, metadata), fetched by one caller at a time."""

    def __init__(self, fetch: Callable[[], Awaitable[Published]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._snapshot: _Snapshot[Published] | None = None
        self._retry_at_ms = 0
        self._unknown_fetches_ms: deque[int] = deque(maxlen=UNKNOWN_FETCHES_MAX)

    async def get(self) -> Published:
        """Without waiting while it is fresh. Raises IdentityProviderUnavailable."""
        usable = self._find(FRESH_MS)
        if usable is None and self._lock.locked():
            # Somebody is fetching: no need to wait while older keys may still serve.
            usable = self._find(STALE_MS)
        if usable is not None:
            return usable
        async with self._lock:
            return self._find(FRESH_MS) or await self._renew()

    async def get_anew(self, seen: Published) -> Published:
        """Newer than `seen`, for a key that is not there; `seen` if there is nothing newer."""
        async with self._lock:
            snapshot, now_ms = self._snapshot, self._clock()
            if snapshot is not None and snapshot.published is not seen:
                return snapshot.published
            if now_ms < self._retry_at_ms:
                return seen
            fetches = self._unknown_fetches_ms
            if len(fetches) == UNKNOWN_FETCHES_MAX and now_ms - fetches[0] < UNKNOWN_WINDOW_MS:
                return seen
            fetches.append(now_ms)
            try:
                return await self._renew()
            except IdentityProviderUnavailable:
                return seen

    def _find(self, age_ms: int) -> Published | None:
        snapshot = self._snapshot
        if snapshot is None or self._clock() - snapshot.fetched_at_ms >= age_ms:
            return None
        return snapshot.published

    async def _renew(self) -> Published:
        if self._clock() >= self._retry_at_ms:
            try:
                published = await self._fetch()
            except IdentityProviderUnavailable:
                self._retry_at_ms = self._clock() + RETRY_MS
                stale = self._find(STALE_MS)
                if stale is None:
                    raise
                return stale
            self._snapshot = _Snapshot(published, self._clock())
            return published
        stale = self._find(STALE_MS)
        if stale is None:
            raise IdentityProviderUnavailable("the provider failed a moment ago")
        return stale
