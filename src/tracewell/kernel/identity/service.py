"""The use cases of identity: who is made, who proves an address, which key lives how long."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.identity import store
from tracewell.kernel.identity.keys import KeyHasher, new_key, shown_prefix
from tracewell.kernel.identity.model import ApiKey, KeyKind, Org, User
from tracewell.kernel.identity.passwords import hash_password, verify_password
from tracewell.kernel.identity.tokens import (
    EMAIL_LINK_S,
    SESSION_S,
    SignedToken,
    TokenRefused,
    TokenSigner,
)
from tracewell.kernel.ids import IdFactory

NAME_CHARS_MAX = 200
_HASH_SECRET = "api_key_hash"  # noqa: S105 - a name


class IdentityRefused(Exception):  # noqa: N818
    """The request cannot be carried out; the text says why and what to do."""


class SignInRefused(Exception):  # noqa: N818
    """Wrong address or wrong password: which of them is not told."""


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key; `text` is shown once and kept nowhere."""

    text: str
    key: ApiKey


class Identity:
    """Orgs, users and keys over a database."""

    def __init__(
        self,
        database: Database,
        hasher: KeyHasher,
        signer: TokenSigner,
        clock: Clock,
        new_id: IdFactory,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._signer = signer
        self._clock = clock
        self._new_id = new_id

    async def ensure_hash_secret(self) -> None:
        """Raises IdentityRefused when the keys at rest were made with another secret."""
        print_ = self._hasher.print()
        async with self._database.transaction() as tx:
            await store.add_secret_print(tx, _HASH_SECRET, print_)
            known = await store.fetch_secret_print(tx, _HASH_SECRET)
        if known != print_:
            raise IdentityRefused(
                "API_KEY_HASH_SECRET is not the secret that this database's keys were made with; "
                "set the one of the first start (kept as secrets/api_key_hash in its data folder)"
            )

    async def create_org(
        self,
        name: str,
        plan: str,
        opened: Callable[[Transaction, Org], Awaitable[None]],
    ) -> Org:
        """Makes an org; `opened` adds what belongs to it in the same transaction."""
        name = _parse_name(name, "an org")
        async with self._database.transaction() as tx:
            org = await store.add_org(tx, name, plan, self._clock())
            if org is None:
                raise IdentityRefused(f"there is an org of the name {name!r} already")
            await opened(tx, org)
        return org

    async def get_org(self, reference: str) -> Org:
        """An org by name or number. Raises IdentityRefused."""
        async with self._database.snapshot() as tx:
            org = await store.find_org(tx, reference)
        if org is None:
            raise IdentityRefused(f"there is no org {reference!r}")
        return org

    async def create_user(self, email: str, org: Org, *, verified: bool) -> User:
        """Makes a user of an org."""
        address = parse_email(email)
        now = self._clock()
        async with self._database.transaction() as tx:
            user = await store.add_user(tx, address, org.org_id, now if verified else None, now)
        if user is None:
            raise IdentityRefused(f"there is a user {address!r} already")
        return user

    async def get_user(self, email: str) -> User:
        """A user by address. Raises IdentityRefused."""
        address = parse_email(email)
        async with self._database.snapshot() as tx:
            user = await store.find_user(tx, address)
        if user is None:
            raise IdentityRefused(f"there is no user {address!r}")
        return user

    async def detach_user(self, user: User) -> None:
        """Takes a user out of the org: the user's keys have none any more."""
        async with self._database.transaction() as tx:
            await store.detach_user(tx, user.user_id)

    def email_token(self, user: User) -> SignedToken:
        """The token of a link that proves the address."""
        return self._signer.sign("email", user.user_id, _address_stamp(user), EMAIL_LINK_S)

    async def verify_email(self, token: str) -> User:
        """Marks the address that the token was sent to as proven. Raises TokenRefused."""
        user = await self._user_of_email_token(token)
        async with self._database.transaction() as tx:
            await store.set_verified(tx, user.user_id, self._clock())
        return user

    async def set_password(self, user: User, password: str) -> None:
        """Sets a password. Raises PasswordRefused."""
        password_hash = await hash_password(password)
        async with self._database.transaction() as tx:
            await store.set_password_hash(tx, user.user_id, password_hash)

    async def set_first_password(self, token: str, password: str) -> User:
        """Sets the password of one who holds the link of the address, and proves the address.

        Only while there is none: afterwards the link is stale. Raises TokenRefused,
        PasswordRefused.
        """
        user = await self._user_of_email_token(token)
        async with self._database.snapshot() as tx:
            if await store.fetch_password_hash(tx, user.user_id) is not None:
                raise TokenRefused
        password_hash = await hash_password(password)
        async with self._database.transaction() as tx:
            # Of two who hold the link and come at once, the second finds it stale.
            if not await store.set_first_password_hash(tx, user.user_id, password_hash):
                raise TokenRefused
            await store.set_verified(tx, user.user_id, self._clock())
        return user

    async def sign_in(self, email: str, password: str) -> tuple[User, SignedToken]:
        """A session of a user. Raises SignInRefused."""
        try:
            address = parse_email(email)
        except IdentityRefused as error:
            raise SignInRefused from error
        async with self._database.snapshot() as tx:
            user = await store.find_user(tx, address)
            stored = None if user is None else await store.fetch_password_hash(tx, user.user_id)
        if not await verify_password(stored, password) or user is None or stored is None:
            raise SignInRefused
        token = self._signer.sign("session", user.user_id, _password_stamp(stored), SESSION_S)
        return user, token

    async def find_session_user(self, token: str) -> User:
        """The user of a session token, as stored now. Raises TokenRefused."""
        user_id, stamp = self._signer.read("session", token)
        async with self._database.snapshot() as tx:
            user = await store.find_user_by_id(tx, user_id)
            stored = await store.fetch_password_hash(tx, user_id)
        if user is None or stored is None or _password_stamp(stored) != stamp:
            raise TokenRefused
        return user

    async def find_plan(self, org_id: int) -> str | None:
        """The plan that an org is on now."""
        async with self._database.statement() as tx:
            org = await store.find_org_by_id(tx, org_id)
        return None if org is None else org.plan

    async def create_key(
        self,
        kind: KeyKind,
        *,
        user: User | None = None,
        org: Org | None = None,
        service_name: str | None = None,
        roles: tuple[str, ...] = (),
        expires_at: int | None = None,
        requests_per_minute: int | None = None,
    ) -> MintedKey:
        """Mints a key; its text exists in the answer only. Raises IdentityRefused."""
        if service_name is not None:
            service_name = _parse_name(service_name, "a service account")
        minted = self._mint(
            kind,
            user_id=user.user_id if user else None,
            org_id=org.org_id if org else None,
            service_name=service_name,
            roles=roles,
            expires_at=expires_at,
            requests_per_minute=requests_per_minute,
        )
        async with self._database.transaction() as tx:
            await store.add_key(tx, minted.key, self._hasher(minted.text))
        return minted

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Ends a key now. Raises IdentityRefused for an unknown one."""
        async with self._database.transaction() as tx:
            await self._get_key(tx, key_id)
            await store.revoke_key(tx, key_id, self._clock())
            return await self._get_key(tx, key_id)

    async def rotate_key(self, key_id: str, grace_ms: int) -> MintedKey:
        """Mints a successor with the same rights; the old key works for `grace_ms` more."""
        now = self._clock()
        async with self._database.transaction() as tx:
            old = await self._get_key(tx, key_id)
            ended = old.revoked_at is not None or (old.expires_at or now + 1) <= now
            if ended or old.successor_id is not None:
                raise IdentityRefused(f"{key_id} has ended or was rotated already")
            minted = self._mint(
                old.kind,
                user_id=old.user_id,
                org_id=old.org_id,
                service_name=old.service_name,
                roles=old.roles,
                expires_at=old.expires_at,
                requests_per_minute=old.requests_per_minute,
            )
            await store.add_key(tx, minted.key, self._hasher(minted.text))
            end = min(old.expires_at or now + grace_ms, now + grace_ms)
            if not await store.set_successor(tx, key_id, minted.key.key_id, end):
                raise IdentityRefused(f"{key_id} has ended or was rotated already")
        return minted

    async def list_keys(self, after: str = "", limit: int = 1000) -> list[ApiKey]:
        """What may be shown of the keys, in the order they were made; a page behind `after`."""
        async with self._database.snapshot() as tx:
            return await store.list_keys(tx, after, limit)

    def _mint(
        self,
        kind: KeyKind,
        *,
        user_id: int | None,
        org_id: int | None,
        service_name: str | None,
        roles: tuple[str, ...],
        expires_at: int | None,
        requests_per_minute: int | None,
    ) -> MintedKey:
        text = new_key(kind)
        key = ApiKey(
            key_id=self._new_id("key"),
            prefix=shown_prefix(text),
            kind=kind,
            user_id=user_id,
            org_id=org_id,
            service_name=service_name,
            roles=roles,
            requests_per_minute=requests_per_minute,
            created_at=self._clock(),
            expires_at=expires_at,
            revoked_at=None,
            successor_id=None,
        )
        return MintedKey(text, key)

    async def _get_key(self, tx: Transaction, key_id: str) -> ApiKey:
        key = await store.find_key(tx, key_id)
        if key is None:
            raise IdentityRefused(f"there is no key {key_id!r}")
        return key

    async def _user_of_email_token(self, token: str) -> User:
        user_id, stamp = self._signer.read("email", token)
        async with self._database.snapshot() as tx:
            user = await store.find_user_by_id(tx, user_id)
        if user is None or _address_stamp(user) != stamp:
            raise TokenRefused
        return user


def _parse_name(text: str, whose: str) -> str:
    name = text.strip()
    # Printable: a name stands in one line of a terminal, a log and an audit record.
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise IdentityRefused(f"{whose} has a name of 1 to {NAME_CHARS_MAX} printable characters")
    return name


def parse_email(text: str) -> str:
    """The normalised address. Raises IdentityRefused."""
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise IdentityRefused(f"not an e-mail address: {error}") from error
    return found.normalized.lower()


def _password_stamp(stored: str) -> str:
    # A new password makes the sessions of the old one stale.
    return hashlib.blake2b(stored.encode(), digest_size=9).hexdigest()


def _address_stamp(user: User) -> str:
    return hashlib.blake2b(user.email.encode(), digest_size=9).hexdigest()
