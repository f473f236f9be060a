"""When the provider's keys are fetched: at need, when old, and once for an unknown key id."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tracewell.kernel.clock import MINUTE_MS, SECOND_MS, Clock
from tracewell.kernel.oidc.errors import IdentityProviderUnavailable
from tracewell.kernel.oidc.provider_keys import ProviderKeys

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
class _Snapshot:
    keys: ProviderKeys
    fetched_at_ms: int


class KeyCache:
    """One provider's keys, fetched by one caller at a time."""

    def __init__(self, fetch: Callable[[], Awaitable[ProviderKeys]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._snapshot: _Snapshot | None = None
        self._retry_at_ms = 0
        self._unknown_fetches_ms: deque[int] = deque(maxlen=UNKNOWN_FETCHES_MAX)

    async def get_keys(self) -> ProviderKeys:
        """The keys, without waiting while they are fresh. Raises IdentityProviderUnavailable."""
        usable = self._find_keys(FRESH_MS)
        if usable is None and self._lock.locked():
            # Somebody is fetching: no need to wait while older keys may still serve.
            usable = self._find_keys(STALE_MS)
        if usable is not None:
            return usable
        async with self._lock:
            return self._find_keys(FRESH_MS) or await self._renew()

    async def get_keys_anew(self, seen: ProviderKeys) -> ProviderKeys:
        """Newer keys than `seen`, for a key id that is not among them; `seen` if there are none."""
        async with self._lock:
            snapshot, now_ms = self._snapshot, self._clock()
            if snapshot is not None and snapshot.keys is not seen:
                return snapshot.keys
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

    def _find_keys(self, age_ms: int) -> ProviderKeys | None:
        snapshot = self._snapshot
        if snapshot is None or self._clock() - snapshot.fetched_at_ms >= age_ms:
            return None
        return snapshot.keys

    async def _renew(self) -> ProviderKeys:
        if self._clock() >= self._retry_at_ms:
            try:
                keys = await self._fetch()
            except IdentityProviderUnavailable:
                self._retry_at_ms = self._clock() + RETRY_MS
                stale = self._find_keys(STALE_MS)
                if stale is None:
                    raise
                return stale
            self._snapshot = _Snapshot(keys, self._clock())
            return keys
        stale = self._find_keys(STALE_MS)
        if stale is None:
            raise IdentityProviderUnavailable("the provider failed a moment ago")
        return stale
