"""Keys: their text, their checksum, their hash at rest, and how long they are let in."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.conftest import StandingClock

from tracewell.kernel.database import Database, DatabaseFailed, Dialect, Transaction
from tracewell.kernel.identity.keyring import TRUSTED_FOR_S, WATCH_EVERY_S, Keyring
from tracewell.kernel.identity.keys import (
    PREFIXES,
    KeyHasher,
    is_well_formed,
    new_key,
    shown_prefix,
)
from tracewell.kernel.identity.model import CredentialRefused, KeyKind, Org, Refusal
from tracewell.kernel.identity.service import Identity, IdentityRefused, MintedKey
from tracewell.kernel.identity.tokens import TokenSigner
from tracewell.kernel.ids import IdFactory

pytestmark = pytest.mark.anyio

SECRET = b"the hash secret of these tests.."
WATCHER = Path(__file__).with_name("watcher.py")
KINDS: tuple[KeyKind, ...] = get_args(KeyKind)
keys = st.builds(
    lambda kind, random: new_key(kind, random.choice),
    st.sampled_from(KINDS),
    st.randoms(use_true_random=False),
)


class CountingDatabase:
    """A database that counts what is asked of it, and fails while it is told to."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.reads = 0
        self.broken = False

    @property
    def dialect(self) -> Dialect:
        return self._inner.dialect

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._counted(self._inner.transaction())

    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        return self._counted(self._inner.snapshot())

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        return self._counted(self._inner.statement())

    @asynccontextmanager
    async def _counted(
        self, inner: AbstractAsyncContextManager[Transaction]
    ) -> AsyncIterator[Transaction]:
        self.reads += 1
        if self.broken:
            raise DatabaseFailed("told to fail")
        async with inner as tx:
            yield tx

    async def close(self) -> None:
        await self._inner.close()


class Seconds:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def make_identity(database: Database, clock: StandingClock, secret: bytes = SECRET) -> Identity:
    return Identity(
        database, KeyHasher(secret), TokenSigner(b"s" * 32, clock), clock, IdFactory(clock)
    )


@pytest.fixture
def identity(database: Database, clock: StandingClock) -> Identity:
    return make_identity(database, clock)


async def no_account(tx: Transaction, org: Org) -> None:
    """An org that is opened without anything more."""


async def org_key(identity: Identity, *, expires_at: int | None = None) -> MintedKey:
    org = await identity.create_org(f"org {time.monotonic_ns()}", "free", no_account)
    return await identity.create_key("org", org=org, expires_at=expires_at)


async def refusal(keyring: Keyring, text: str) -> Refusal:
    with pytest.raises(CredentialRefused) as caught:
        await keyring.authenticate(text)
    return caught.value.refusal


@given(keys)
def test_every_key_that_is_made_is_well_formed(key: str) -> None:
    assert is_well_formed(key)
    assert shown_prefix(key) in key
    assert len(shown_prefix(key)) <= len("trace_org_") + 6


@given(keys, st.data())
def test_a_key_with_one_character_changed_is_not_well_formed(key: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key) - 1))
    letters = st.one_of(st.sampled_from("0123456789abcxyzABCXYZ_- \n"), st.characters())
    other = data.draw(letters.filter(lambda letter: letter != key[place]))
    assert not is_well_formed(key[:place] + other + key[place + 1 :])


@given(keys, st.data())
def test_a_key_with_a_piece_cut_out_is_not_well_formed(key: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(key) - 1))
    last = data.draw(st.integers(first + 1, len(key)))
    assert not is_well_formed(key[:first] + key[last:])


@given(keys, st.data())
def test_a_key_with_two_neighbours_swapped_is_not_well_formed(
    key: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(key) - 2))
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert swapped == key or not is_well_formed(swapped)


@given(keys, st.text(min_size=1, max_size=3))
def test_a_key_with_something_around_it_is_not_well_formed(key: str, more: str) -> None:
    assert not is_well_formed(key + more)
    assert not is_well_formed(more + key)


@given(st.text(max_size=80))
def test_any_text_may_be_asked_about(text: str) -> None:
    assert not is_well_formed(text)


def test_no_prefix_of_one_kind_is_taken_for_another() -> None:
    for kind, prefix in PREFIXES.items():
        key = new_key(kind)
        for other in PREFIXES.values():
            if other != prefix:
                assert not is_well_formed(other + key.removeprefix(prefix))


def test_two_keys_never_share_their_hash_and_another_secret_gives_another() -> None:
    hashed = KeyHasher(SECRET)
    made = [new_key("user") for _ in range(100)]
    assert len({hashed(key) for key in made}) == 100
    assert hashed(made[0]) != KeyHasher(b"another secret....")(made[0])
    assert hashed.print() != KeyHasher(b"another secret....").print()


@pytest.mark.parametrize("secret", [b"", b"x" * 15, b"x" * 65])
def test_a_hash_secret_of_the_wrong_length_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="16 to 64"):
        KeyHasher(secret)


async def test_a_mistyped_key_is_refused_without_asking_the_database(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    counting = CountingDatabase(database)
    keyring = Keyring(counting, KeyHasher(SECRET), clock)
    text = (await org_key(identity)).text
    wrong = [text[:-1], text[1:], text + "x", text.swapcase(), "", "trace_", f" {text}"]
    wrong += [text[:place] + "_" + text[place + 1 :] for place in range(11, len(text))]
    for mistyped in wrong:
        assert await refusal(keyring, mistyped) is Refusal.UNKNOWN
    assert counting.reads == 0
    assert await refusal(keyring, new_key("org")) is Refusal.UNKNOWN
    assert counting.reads == 1


async def test_the_key_is_nowhere_at_rest(database: Database, identity: Identity) -> None:
    minted = await org_key(identity)
    async with database.snapshot() as tx:
        row = await tx.fetch_one("SELECT * FROM api_keys")
    assert row is not None
    kept = "|".join(map(str, row))
    assert minted.text not in kept
    assert minted.text[-20:] not in kept
    assert minted.key.prefix in kept


async def test_a_key_ends_exactly_at_its_moment(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    end = clock.now + 5_000
    minted = await org_key(identity, expires_at=end)
    keyring = Keyring(database, KeyHasher(SECRET), clock)
    clock.now = end - 1
    assert (await keyring.authenticate(minted.text)).key_id == minted.key.key_id
    clock.now = end
    assert await refusal(keyring, minted.text) is Refusal.EXPIRED
    clock.now = end + 1_000_000
    assert await refusal(keyring, minted.text) is Refusal.EXPIRED


async def test_a_revoked_key_is_refused_and_the_first_time_of_revocation_stays(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    minted = await org_key(identity)
    keyring = Keyring(database, KeyHasher(SECRET), clock)
    first = await identity.revoke_key(minted.key.key_id)
    clock.now += 60_000
    assert (await identity.revoke_key(minted.key.key_id)).revoked_at == first.revoked_at
    assert await refusal(keyring, minted.text) is Refusal.REVOKED


async def test_a_known_key_is_answered_from_memory_until_a_right_is_taken_away(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    counting, seconds = CountingDatabase(database), Seconds()
    keyring = Keyring(counting, KeyHasher(SECRET), clock, seconds)
    minted, other = await org_key(identity), await org_key(identity)
    await keyring._look()
    await keyring.authenticate(minted.text)
    asked = counting.reads
    for _ in range(10):
        await keyring.authenticate(minted.text)
    assert counting.reads == asked
    await identity.revoke_key(other.key.key_id)
    await keyring._look()
    await keyring.authenticate(minted.text)
    assert counting.reads == asked + 2


async def test_a_keyring_that_reaches_no_database_soon_trusts_its_memory_no_more(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    counting, seconds = CountingDatabase(database), Seconds()
    keyring = Keyring(counting, KeyHasher(SECRET), clock, seconds)
    minted = await org_key(identity)
    await keyring._look()
    await keyring.authenticate(minted.text)
    counting.broken = True
    seconds.now += TRUSTED_FOR_S
    assert (await keyring.authenticate(minted.text)).key_id == minted.key.key_id
    seconds.now += 0.001
    with pytest.raises(DatabaseFailed):
        await keyring.authenticate(minted.text)
    counting.broken = False
    assert (await keyring.authenticate(minted.text)).key_id == minted.key.key_id


async def test_the_watcher_outlives_a_database_that_fails_for_a_while(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    counting = CountingDatabase(database)
    keyring = Keyring(counting, KeyHasher(SECRET), clock)
    minted = await org_key(identity)
    await keyring.start()
    try:
        counting.broken = True
        seen = counting.reads
        while counting.reads < seen + 2:
            await asyncio.sleep(0.01)
        counting.broken = False
        seen = counting.reads
        while counting.reads == seen:
            await asyncio.sleep(0.01)
        assert (await keyring.authenticate(minted.text)).org_id == minted.key.org_id
    finally:
        await keyring.stop()


def test_what_the_watching_promises_is_less_than_a_second() -> None:
    assert WATCH_EVERY_S < TRUSTED_FOR_S < 1


async def test_another_process_refuses_a_revoked_key_within_a_second(
    database_url: str, database: Database
) -> None:
    identity = make_identity(database, StandingClock(time.time_ns() // 1_000_000))
    minted = await org_key(identity)
    process = subprocess.Popen(
        [sys.executable, str(WATCHER), database_url, SECRET.decode(), minted.text],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert (await asyncio.to_thread(process.stdout.readline)).strip() == "accepted"
        await identity.revoke_key(minted.key.key_id)
        revoked_at = time.monotonic()
        async with asyncio.timeout(10):
            told = await asyncio.to_thread(process.stdout.readline)
        # The contract's own bound, measured where it is promised; the process uses the same clock.
        reason, at = told.split()
        assert reason == "revoked"
        assert float(at) - revoked_at < 1.0
    finally:
        process.kill()
        process.communicate()


async def test_a_rotated_key_works_on_for_its_grace_and_no_longer(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    old = await org_key(identity, expires_at=clock.now + 1_000_000)
    keyring = Keyring(database, KeyHasher(SECRET), clock)
    new = await identity.rotate_key(old.key.key_id, 60_000)
    assert new.key.expires_at == old.key.expires_at
    assert new.key.org_id == old.key.org_id
    clock.now += 59_999
    await keyring.authenticate(old.text)
    await keyring.authenticate(new.text)
    clock.now += 1
    assert await refusal(keyring, old.text) is Refusal.EXPIRED
    await keyring.authenticate(new.text)


async def test_grace_does_not_make_a_key_live_longer(
    database: Database, identity: Identity, clock: StandingClock
) -> None:
    old = await org_key(identity, expires_at=clock.now + 1_000)
    await identity.rotate_key(old.key.key_id, 60_000)
    clock.now += 1_000
    assert await refusal(Keyring(database, KeyHasher(SECRET), clock), old.text) is Refusal.EXPIRED


async def test_a_key_is_rotated_once_also_by_two_at_a_time(
    database: Database, identity: Identity
) -> None:
    old = await org_key(identity)
    outcomes = await asyncio.gather(
        *(identity.rotate_key(old.key.key_id, 60_000) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "IdentityRefused", "IdentityRefused", "IdentityRefused", "MintedKey"
    ]  # fmt: skip
    assert len(await identity.list_keys()) == 2


async def test_an_ended_key_is_not_rotated(identity: Identity, clock: StandingClock) -> None:
    revoked, expired = await org_key(identity), await org_key(identity, expires_at=clock.now)
    await identity.revoke_key(revoked.key.key_id)
    for ended in (revoked, expired):
        with pytest.raises(IdentityRefused, match="ended"):
            await identity.rotate_key(ended.key.key_id, 1_000)
    with pytest.raises(IdentityRefused, match="no key"):
        await identity.rotate_key("key_unknown", 1_000)


async def test_another_hash_secret_is_told_at_start(
    database: Database, clock: StandingClock
) -> None:
    await make_identity(database, clock).ensure_hash_secret()
    await make_identity(database, clock).ensure_hash_secret()
    with pytest.raises(IdentityRefused, match="API_KEY_HASH_SECRET") as caught:
        await make_identity(database, clock, b"not the secret it was").ensure_hash_secret()
    assert "not the secret it was" not in str(caught.value)
    await make_identity(database, clock).ensure_hash_secret()


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "two\nlines", "bell\x07", "\x1b[31mred"])
async def test_a_name_that_fits_no_line_is_refused(identity: Identity, name: str) -> None:
    with pytest.raises(IdentityRefused, match="printable"):
        await identity.create_org(name, "free", no_account)
    with pytest.raises(IdentityRefused, match="printable"):
        await identity.create_key("service", service_name=name, roles=("analyst",))
