"""Users: proof of the address, passwords, sign-in, sessions, and the tokens under them."""

from __future__ import annotations

import asyncio
import base64
from typing import Literal

import orjson
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.kernel.conftest import StandingClock

from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.identity import passwords
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.identity.model import Org, User
from tracewell.kernel.identity.passwords import PasswordRefused
from tracewell.kernel.identity.service import Identity, IdentityRefused, SignInRefused, parse_email
from tracewell.kernel.identity.tokens import (
    EMAIL_LINK_S,
    SESSION_S,
    Purpose,
    TokenRefused,
    TokenSigner,
)
from tracewell.kernel.ids import IdFactory

pytestmark = pytest.mark.anyio

HASHER = KeyHasher(b"the hash secret of these tests..")
SECRET = b"the session secret of these tests"
PASSWORD = "correct horse battery"


async def no_account(tx: Transaction, org: Org) -> None:
    """An org that is opened without anything more."""


@pytest.fixture
def identity(database: Database, clock: StandingClock) -> Identity:
    return Identity(database, HASHER, TokenSigner(SECRET, clock), clock, IdFactory(clock))


@pytest.fixture
async def jane(identity: Identity) -> User:
    """A user who has proven nothing and has no password."""
    org = await identity.create_org("Acme", "free", no_account)
    return await identity.create_user("Jane@Acme.example", org, verified=False)


async def test_an_address_is_one_user_however_it_is_written(identity: Identity, jane: User) -> None:
    assert jane.email == "jane@acme.example"
    assert await identity.get_user("JANE@ACME.example") == jane
    org = await identity.get_org("Acme")
    with pytest.raises(IdentityRefused, match="already"):
        await identity.create_user("jane@ACME.EXAMPLE", org, verified=True)


@pytest.mark.parametrize("text", ["", "jane", "jane@", "@x.example", "a b@x.example", "j@x\n.io"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(IdentityRefused, match="not an e-mail address"):
        parse_email(text)


async def test_an_org_is_found_by_name_and_by_number(identity: Identity, jane: User) -> None:
    org = await identity.get_org("Acme")
    assert await identity.get_org(str(org.org_id)) == org
    for unknown in ("acme", "0", "9" * 30, "²", ""):
        with pytest.raises(IdentityRefused, match="no org"):
            await identity.get_org(unknown)


async def test_the_link_proves_the_address_and_the_key_knows_at_once(
    database: Database, identity: Identity, jane: User, clock: StandingClock
) -> None:
    keyring = Keyring(database, HASHER, clock)
    key = await identity.create_key("user", user=jane)
    await keyring._look()
    assert not (await keyring.authenticate(key.text)).email_verified
    proven = await identity.verify_email(identity.email_token(jane).text)
    assert proven.user_id == jane.user_id
    assert (await identity.get_user(jane.email)).verified_at == clock.now
    await keyring._look()
    assert (await keyring.authenticate(key.text)).email_verified


async def test_the_first_proof_stays_when_the_link_is_opened_again(
    identity: Identity, jane: User, clock: StandingClock
) -> None:
    token = identity.email_token(jane).text
    await identity.verify_email(token)
    first = clock.now
    clock.now += 60_000
    await identity.verify_email(token)
    assert (await identity.get_user(jane.email)).verified_at == first


async def test_the_link_ends_after_its_three_days(
    identity: Identity, jane: User, clock: StandingClock
) -> None:
    token = identity.email_token(jane)
    assert token.expires_at == clock.now + EMAIL_LINK_S * 1000
    clock.now = token.expires_at - 1
    await identity.verify_email(token.text)
    clock.now = token.expires_at
    with pytest.raises(TokenRefused):
        await identity.verify_email(token.text)


async def test_a_link_to_another_address_proves_nothing(
    database: Database, identity: Identity, jane: User
) -> None:
    token = identity.email_token(jane).text
    async with database.transaction() as tx:
        await tx.execute("UPDATE users SET email = 'jane@other.example'")
    with pytest.raises(TokenRefused):
        await identity.verify_email(token)
    with pytest.raises(TokenRefused):
        await identity.set_first_password(token, PASSWORD)


async def test_the_link_sets_a_first_password_once(identity: Identity, jane: User) -> None:
    token = identity.email_token(jane).text
    outcomes = await asyncio.gather(
        identity.set_first_password(token, f"{PASSWORD} 1"),
        identity.set_first_password(token, f"{PASSWORD} 2"),
        return_exceptions=True,
    )
    winners = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, User)]
    assert len(winners) == 1
    assert isinstance(outcomes[1 - winners[0]], TokenRefused)
    user, _ = await identity.sign_in(jane.email, f"{PASSWORD} {winners[0] + 1}")
    assert user.verified_at is not None
    with pytest.raises(TokenRefused):
        await identity.set_first_password(token, f"{PASSWORD} 3")


@pytest.mark.parametrize("password", ["", "nine char", "x" * 257])
async def test_a_password_of_the_wrong_length_is_refused(
    identity: Identity, jane: User, password: str
) -> None:
    with pytest.raises(PasswordRefused, match="10 to 256"):
        await identity.set_password(jane, password)
    with pytest.raises(SignInRefused):
        await identity.sign_in(jane.email, password)


async def test_the_password_is_nowhere_at_rest(
    database: Database, identity: Identity, jane: User
) -> None:
    await identity.set_password(jane, PASSWORD)
    async with database.snapshot() as tx:
        stored = await tx.fetch_value("SELECT password_hash FROM users")
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


async def test_wrong_password_unknown_user_and_no_password_are_told_alike(
    identity: Identity, jane: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await identity.set_password(jane, PASSWORD)
    org = await identity.get_org("Acme")
    await identity.create_user("bob@acme.example", org, verified=True)
    verified: list[str] = []

    class Counted(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            verified.append(str(hash).split("$")[3])  # argon2's cost parameters
            return super().verify(hash, password)

    # A clock would tell less: that each of them costs one argon2 of the same parameters.
    monkeypatch.setattr(passwords, "_hasher", Counted())
    told = []
    for email in ("jane@acme.example", "nobody@acme.example", "bob@acme.example"):
        with pytest.raises(SignInRefused) as caught:
            await identity.sign_in(email, "not the password")
        told.append(str(caught.value))
    assert len(verified) == 3
    assert len(set(verified)) == 1
    assert len(set(told)) == 1
    await identity.sign_in(jane.email, PASSWORD)


async def test_a_session_is_its_user_until_it_ends(
    identity: Identity, jane: User, clock: StandingClock
) -> None:
    await identity.set_password(jane, PASSWORD)
    _, token = await identity.sign_in("JANE@acme.example", PASSWORD)
    assert token.expires_at == clock.now + SESSION_S * 1000
    assert await identity.find_session_user(token.text) == jane
    clock.now = token.expires_at - 1
    assert (await identity.find_session_user(token.text)).user_id == jane.user_id
    clock.now = token.expires_at
    with pytest.raises(TokenRefused):
        await identity.find_session_user(token.text)


async def test_a_new_password_ends_the_sessions_of_the_old_one(
    identity: Identity, jane: User
) -> None:
    await identity.set_password(jane, PASSWORD)
    _, old = await identity.sign_in(jane.email, PASSWORD)
    await identity.set_password(jane, PASSWORD)  # the same words: another hash
    with pytest.raises(TokenRefused):
        await identity.find_session_user(old.text)
    _, new = await identity.sign_in(jane.email, PASSWORD)
    await identity.find_session_user(new.text)


async def test_a_detached_user_has_no_org_in_session_and_key(
    database: Database, identity: Identity, jane: User, clock: StandingClock
) -> None:
    await identity.set_password(jane, PASSWORD)
    _, session = await identity.sign_in(jane.email, PASSWORD)
    key = await identity.create_key("user", user=jane)
    keyring = Keyring(database, HASHER, clock)
    await keyring._look()
    assert (await keyring.authenticate(key.text)).org_id == jane.org_id
    await identity.detach_user(jane)
    await keyring._look()
    assert (await keyring.authenticate(key.text)).org_id is None
    assert (await identity.find_session_user(session.text)).org_id is None


async def test_a_token_of_one_purpose_does_not_serve_another(
    identity: Identity, jane: User
) -> None:
    await identity.set_password(jane, PASSWORD)
    _, session = await identity.sign_in(jane.email, PASSWORD)
    with pytest.raises(TokenRefused):
        await identity.verify_email(session.text)
    with pytest.raises(TokenRefused):
        await identity.find_session_user(identity.email_token(jane).text)


def signer(clock: StandingClock, secret: bytes = SECRET) -> TokenSigner:
    return TokenSigner(secret, clock)


@pytest.mark.parametrize("purpose", ["session", "email"])
def test_a_token_says_who_and_in_which_state(purpose: Purpose, clock: StandingClock) -> None:
    token = signer(clock).sign(purpose, 42, "stamp", 60)
    assert signer(clock).read(purpose, token.text) == (42, "stamp")
    with pytest.raises(TokenRefused):
        signer(clock, b"another secret of the same length").read(purpose, token.text)
    with pytest.raises(TokenRefused):
        signer(clock).read("email" if purpose == "session" else "session", token.text)


@given(st.data())
def test_a_token_with_one_character_changed_is_refused(data: st.DataObject) -> None:
    clock = StandingClock()
    text = signer(clock).sign("session", 42, "stamp", 60).text
    # The last letter of the signature holds unused bits: what changes only those is the same token.
    place = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.characters().filter(lambda letter: letter != text[place]))
    with pytest.raises(TokenRefused):
        signer(clock).read("session", text[:place] + other + text[place + 1 :])


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: _part(raw) + ".e30.eA"))
def test_any_text_may_come_as_a_token(text: str) -> None:
    with pytest.raises(TokenRefused):
        signer(StandingClock()).read("session", text)


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "NONE"}, {"alg": "RS256"}, {"alg": "HS512"}, {}, {"alg": None},
     {"alg": "HS256", "crit": ["x"], "x": 1}, {"alg": "HS256", "b64": False, "crit": ["b64"]}],
)  # fmt: skip
def test_a_header_that_asks_for_another_way_of_signing_is_refused(
    header: dict[str, object], clock: StandingClock
) -> None:
    genuine = signer(clock).sign("session", 1, "stamp", 60).text.split(".")
    for signature in (genuine[2], ""):
        with pytest.raises(TokenRefused):
            signer(clock).read(
                "session", ".".join([_part(orjson.dumps(header)), genuine[1], signature])
            )


@pytest.mark.parametrize(
    "change",
    [{"sub": None}, {"sub": "x"}, {"sub": {}}, {"exp": None}, {"exp": "soon"}, {"exp": []},
     {"aud": None}, {"aud": ["session", "email"]}, {"aud": "SESSION"}],
)  # fmt: skip
def test_claims_of_the_wrong_kind_are_refused_even_when_signed(
    change: dict[str, object], clock: StandingClock
) -> None:
    now_s = clock() // 1000
    claims = {"sub": "1", "aud": "session", "stamp": "s", "iat": now_s, "exp": now_s + 60}
    text = jwt.encode({"alg": "HS256"}, {**claims, **change}, OctKey.import_key(SECRET))
    with pytest.raises(TokenRefused):
        signer(clock).read("session", text)
