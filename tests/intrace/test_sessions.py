"""The engine's own bearer tokens, on each database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from tracewell.intrace.access import AccessBook, AccessRules
from tracewell.intrace.bearer import Bearers
from tracewell.intrace.sign_in import store
from tracewell.intrace.sign_in.model import SignedInPerson
from tracewell.intrace.sign_in.pending import LIFETIME_MS, Pending, Sealer
from tracewell.intrace.sign_in.sessions import Sessions
from tracewell.kernel.clock import MINUTE_MS
from tracewell.kernel.database import Database
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.oidc import TokenExpired, TokenFault, TokenInvalid

pytestmark = pytest.mark.anyio

ADA = SignedInPerson("oidc", "ada", "ada@example.org", "idp-1", ("desk", "leads"))
START = 1_790_000_000_000


@dataclass
class Clock:
    now: int = START

    def __call__(self) -> int:
        return self.now


def process(
    database: Database,
    clock: Clock,
    access: AccessBook | None = None,
    secret: bytes = b"s" * 32,
) -> tuple[Sessions, Keyring]:
    """Sessions as one server process has them, and what watches for ended ones."""
    keyring = Keyring(database, KeyHasher(b"k" * 32), clock)
    access = access or AccessBook()
    sessions = Sessions(database, keyring, clock, access, secret=secret, lifetime_minutes=60)
    return sessions, keyring


async def test_a_session_names_the_person_with_the_roles_of_now(database: Database) -> None:
    access = AccessBook(AccessRules(groups={"desk": ("analyst",)}))
    sessions, _ = process(database, Clock(), access)
    token = (await sessions.issue(ADA)).token

    principal = await Bearers(sessions, None).authenticate(token)
    access.replace(AccessRules(groups={"leads": ("auditor",)}))
    later = await Bearers(sessions, None).authenticate(token)

    assert (principal.subject, principal.email) == ("ada", "ada@example.org")
    assert principal.idp_session_id == "idp-1"
    assert (principal.roles, later.roles) == (("analyst",), ("auditor",))
    assert principal.limit_id == "sub:ada"


async def test_a_session_ends_with_its_time_or_with_the_providers(database: Database) -> None:
    clock = Clock()
    sessions, _ = process(database, clock)
    long = await sessions.issue(ADA)
    short = await sessions.issue(replace(ADA, ends_at=START + 5 * MINUTE_MS))
    assert long.session.expires_at == START + 60 * MINUTE_MS

    clock.now += 5 * MINUTE_MS
    await sessions.authenticate(long.token)
    with pytest.raises(TokenExpired):
        await sessions.authenticate(short.token)
    clock.now += 55 * MINUTE_MS
    with pytest.raises(TokenExpired):
        await sessions.authenticate(long.token)


async def test_another_process_knows_a_session_and_its_end(database: Database) -> None:
    clock = Clock()
    (here, _), (there, watcher) = process(database, clock), process(database, clock)
    await watcher.start()
    issued = await here.issue(ADA)
    await there.authenticate(issued.token)

    await here.end(issued.session)

    with pytest.raises(TokenInvalid, match=TokenFault.SESSION_ENDED.value):
        await here.authenticate(issued.token)
    await watcher.stop()
    await watcher.start()
    with pytest.raises(TokenInvalid, match=TokenFault.SESSION_ENDED.value):
        await there.authenticate(issued.token)
    await watcher.stop()


async def test_a_session_of_another_deployment_is_a_strangers(database: Database) -> None:
    clock = Clock()
    here, _ = process(database, clock)
    there, _ = process(database, clock, secret=b"t" * 32)
    with pytest.raises(TokenInvalid, match=TokenFault.SIGNATURE.value):
        await there.authenticate((await here.issue(ADA)).token)


async def test_ended_sessions_are_forgotten(database: Database) -> None:
    clock = Clock()
    sessions, _ = process(database, clock)
    await sessions.issue(ADA)
    clock.now += 61 * MINUTE_MS
    await sessions.issue(ADA)

    async with database.snapshot() as tx:
        assert await tx.fetch_value("SELECT count(*) FROM sign_in_sessions") == 1


async def test_what_was_begun_is_found_by_its_state_alone_and_not_for_ever() -> None:
    clock = Clock()
    sealer = Sealer(b"s" * 32, clock)
    pending = Pending("oidc", "state", "nonce", "verifier", "/", sealer.expiry())
    sealed = sealer.seal(pending)

    assert sealer.find("oidc", "state", sealed) == pending
    assert sealer.find("oidc", "else", sealed) is None
    assert sealer.find("saml", "state", sealed) is None
    assert sealer.find("oidc", "state", sealed[:-2] + "AA") is None
    assert sealer.find("oidc", "state", "ä") is None
    assert sealer.find("oidc", "state", "A" * 4000) is None
    assert sealer.find("oidc", "state", None) is None
    assert Sealer(b"t" * 32, clock).find("oidc", "state", sealed) is None
    assert "verifier" not in sealed
    clock.now += LIFETIME_MS
    assert sealer.find("oidc", "state", sealed) is None


async def test_of_many_who_use_an_assertion_at_once_one_does(database: Database) -> None:
    async def use(now: int = START) -> bool:
        async with database.transaction() as tx:
            return await store.use_assertion(tx, "hash", expires_at=START + 5, now=now)

    used = await asyncio.gather(*(use() for _ in range(8)))

    assert used.count(True) == 1
    assert not await use(START + 4)
    async with database.snapshot() as tx:
        assert await tx.fetch_value("SELECT count(*) FROM saml_assertions_used") == 1
