"""From a key's text to a principal, quickly, and never later than a second after a revocation.

Known keys are kept in memory. What is kept counts only while this process has lately seen that
nothing was taken away: a watcher reads one number (`identity_epoch`) four times a second; when
the number has changed, or could not be read in time, every key is looked up anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, DatabaseFailed
from tracewell.kernel.identity import store
from tracewell.kernel.identity.keys import KeyHasher, is_well_formed
from tracewell.kernel.identity.model import ApiKey, CredentialRefused, Principal, Refusal

WATCH_EVERY_S = 0.25
TRUSTED_FOR_S = 0.75
KEPT_MAX = 50_000

_KINDS = {"user": "user_key", "org": "org_key", "service": "service_key"}


class Keyring:
    """Looks keys up; one for each process."""

    def __init__(
        self,
        database: Database,
        hasher: KeyHasher,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._clock = clock
        self._monotonic = monotonic
        # By the key's text, which every caller hands in anyhow and which never leaves this memory.
        # A dict's own hash is keyed anew in each process: its timing tells nothing of other keys.
        self._kept: dict[str, tuple[ApiKey, Principal]] = {}
        self._epoch = -1
        self._seen_at = float("-inf")
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to watch for revocations."""
        await self._look()
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Ends the watching."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher

    async def authenticate(self, text: str) -> Principal:
        """The principal of a key. Raises CredentialRefused and DatabaseFailed."""
        kept = self._kept.get(text)
        if kept is None or self._monotonic() - self._seen_at > TRUSTED_FOR_S:
            if not is_well_formed(text):
                raise CredentialRefused(Refusal.UNKNOWN)
            kept = await self._fetch(text)
        key, principal = kept
        if key.revoked_at is not None:
            raise CredentialRefused(Refusal.REVOKED)
        if key.expires_at is not None and key.expires_at <= self._clock():
            raise CredentialRefused(Refusal.EXPIRED)
        return principal

    def find_epoch(self) -> int | None:
        """A number that rises whenever a right is taken away; None while it is not known lately.

        What was found out under a number counts as long as this tells the same.
        """
        seen_lately = self._monotonic() - self._seen_at <= TRUSTED_FOR_S
        return self._epoch if seen_lately else None

    async def _fetch(self, text: str) -> tuple[ApiKey, Principal]:
        epoch = self._epoch
        async with self._database.snapshot() as tx:
            found = await store.find_key_by_hash(tx, self._hasher(text))
        if found is None:
            raise CredentialRefused(Refusal.UNKNOWN)
        key, verified_at, plan = found
        kept = (key, _principal(key, verified_at, plan))
        # A revocation may have come between the read and here: keep only what is of this epoch.
        if epoch == self._epoch:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            self._kept[text] = kept
        return kept

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            # Not seen: what is kept is not trusted until the database answers again.
            with contextlib.suppress(DatabaseFailed):
                await self._look()

    async def _look(self) -> None:
        began = self._monotonic()
        async with self._database.statement() as tx:
            epoch = await store.fetch_epoch(tx)
        if epoch != self._epoch:
            self._kept.clear()
            self._epoch = epoch
        self._seen_at = began


def _principal(key: ApiKey, verified_at: int | None, plan: str | None) -> Principal:
    return Principal(
        kind=_KINDS[key.kind],  # type: ignore[arg-type]
        limit_id=key.key_id,
        key_id=key.key_id,
        org_id=key.org_id,
        user_id=key.user_id,
        email_verified=key.kind != "user" or verified_at is not None,
        service_name=key.service_name,
        roles=key.roles,
        requests_per_minute=key.requests_per_minute,
        plan=plan,
    )
