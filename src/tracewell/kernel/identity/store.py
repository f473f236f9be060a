"""The SQL of orgs, users and keys."""

from __future__ import annotations

import orjson

from tracewell.kernel.database import Row, Transaction
from tracewell.kernel.identity.model import ApiKey, Org, User

_ADD_ORG = """
    INSERT INTO orgs (name, plan, created_at) VALUES (:name, :plan, :now)
    ON CONFLICT (name) DO NOTHING RETURNING org_id, name, plan, created_at"""
_ORG = "SELECT org_id, name, plan, created_at FROM orgs"
_USER = "SELECT user_id, email, org_id, verified_at, created_at FROM users"
_ADD_USER = """
    INSERT INTO users (email, org_id, verified_at, created_at)
    VALUES (:email, :org_id, :verified_at, :now)
    ON CONFLICT (email) DO NOTHING RETURNING user_id, email, org_id, verified_at, created_at"""
_KEY_COLUMNS = """key_id, prefix, kind, user_id, org_id, service_name, roles,
    requests_per_minute, created_at, expires_at, revoked_at, successor_id"""
_ADD_KEY = f"""
    INSERT INTO api_keys ({_KEY_COLUMNS}, key_hash)
    VALUES (:key_id, :prefix, :kind, :user_id, :org_id, :service_name, :roles,
      :requests_per_minute, :created_at, :expires_at, NULL, NULL, :key_hash)"""  # noqa: S608
_KEY_BY_HASH = """
    SELECT k.key_id, k.prefix, k.kind, k.user_id,
      CASE WHEN k.kind = 'user' THEN u.org_id ELSE k.org_id END, k.service_name, k.roles,
      k.requests_per_minute, k.created_at, k.expires_at, k.revoked_at, k.successor_id,
      u.verified_at, o.plan
    FROM api_keys AS k LEFT JOIN users AS u ON u.user_id = k.user_id
      LEFT JOIN orgs AS o
        ON o.org_id = CASE WHEN k.kind = 'user' THEN u.org_id ELSE k.org_id END
    WHERE k.key_hash = :key_hash"""
_RAISE_EPOCH = "UPDATE identity_epoch SET epoch = epoch + 1 WHERE one = 1"


def _api_key(row: Row) -> ApiKey:
    values = list(row[:12])
    values[6] = tuple(orjson.loads(values[6]))
    return ApiKey(*values)


async def add_org(tx: Transaction, name: str, plan: str, now: int) -> Org | None:
    """The new org, or None when the name is taken."""
    row = await tx.fetch_one(_ADD_ORG, name=name, plan=plan, now=now)
    return None if row is None else Org(*row)


async def find_org(tx: Transaction, reference: str) -> Org | None:
    """An org by its name or by its number."""
    row = await tx.fetch_one(f"{_ORG} WHERE name = :name", name=reference)
    if row is None and reference.isdecimal() and len(reference) < 19:
        row = await tx.fetch_one(f"{_ORG} WHERE org_id = :org_id", org_id=int(reference))
    return None if row is None else Org(*row)


async def find_org_by_id(tx: Transaction, org_id: int) -> Org | None:
    """An org by its number alone."""
    row = await tx.fetch_one(f"{_ORG} WHERE org_id = :org_id", org_id=org_id)
    return None if row is None else Org(*row)


async def set_plan(tx: Transaction, org_id: int, plan: str) -> None:
    """Puts an org on another plan."""
    await tx.execute(
        "UPDATE orgs SET plan = :plan WHERE org_id = :org_id", plan=plan, org_id=org_id
    )


async def list_orgs(tx: Transaction, limit: int) -> list[Org]:
    """The orgs in the order they were made."""
    rows = await tx.fetch_all(f"{_ORG} ORDER BY org_id LIMIT :limit", limit=limit)
    return [Org(*row) for row in rows]


async def add_user(
    tx: Transaction, email: str, org_id: int, verified_at: int | None, now: int
) -> User | None:
    """The new user, or None when the address is taken."""
    row = await tx.fetch_one(
        _ADD_USER, email=email, org_id=org_id, verified_at=verified_at, now=now
    )
    return None if row is None else User(*row)


async def find_user(tx: Transaction, email: str) -> User | None:
    """A user by the normalised address."""
    row = await tx.fetch_one(f"{_USER} WHERE email = :email", email=email)
    return None if row is None else User(*row)


async def find_user_by_id(tx: Transaction, user_id: int) -> User | None:
    """A user by number."""
    row = await tx.fetch_one(f"{_USER} WHERE user_id = :user_id", user_id=user_id)
    return None if row is None else User(*row)


async def fetch_password_hash(tx: Transaction, user_id: int) -> str | None:
    """The stored password hash, None where no password was set."""
    value: str | None = await tx.fetch_value(
        "SELECT password_hash FROM users WHERE user_id = :user_id", user_id=user_id
    )
    return value


async def set_password_hash(tx: Transaction, user_id: int, password_hash: str) -> None:
    """Sets the password and ends what was signed in with the old one."""
    await tx.execute(
        "UPDATE users SET password_hash = :password_hash WHERE user_id = :user_id",
        password_hash=password_hash,
        user_id=user_id,
    )
    await tx.execute(_RAISE_EPOCH)


async def set_first_password_hash(tx: Transaction, user_id: int, password_hash: str) -> bool:
    """Sets the password of one who has none; False when there is one already."""
    changed = await tx.execute(
        "UPDATE users SET password_hash = :password_hash"
        " WHERE user_id = :user_id AND password_hash IS NULL",
        password_hash=password_hash,
        user_id=user_id,
    )
    return changed == 1


async def set_verified(tx: Transaction, user_id: int, now: int) -> None:
    """Marks the address as proven; the first proof's time stays."""
    await tx.execute(
        "UPDATE users SET verified_at = :now WHERE user_id = :user_id AND verified_at IS NULL",
        now=now,
        user_id=user_id,
    )
    await tx.execute(_RAISE_EPOCH)


async def detach_user(tx: Transaction, user_id: int) -> None:
    """Takes a user out of the org."""
    await tx.execute("UPDATE users SET org_id = NULL WHERE user_id = :user_id", user_id=user_id)
    await tx.execute(_RAISE_EPOCH)


async def add_key(tx: Transaction, key: ApiKey, key_hash: bytes) -> None:
    """Stores a new key's hash and what may be shown of it."""
    await tx.execute(
        _ADD_KEY,
        key_id=key.key_id,
        prefix=key.prefix,
        kind=key.kind,
        user_id=key.user_id,
        org_id=key.org_id,
        service_name=key.service_name,
        roles=orjson.dumps(key.roles).decode(),
        requests_per_minute=key.requests_per_minute,
        created_at=key.created_at,
        expires_at=key.expires_at,
        key_hash=key_hash,
    )


async def find_key(tx: Transaction, key_id: str) -> ApiKey | None:
    """A key by its id."""
    row = await tx.fetch_one(
        f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE key_id = :key_id",  # noqa: S608
        key_id=key_id,
    )
    return None if row is None else _api_key(row)


async def find_key_by_hash(
    tx: Transaction, key_hash: bytes
) -> tuple[ApiKey, int | None, str | None] | None:
    """A key by its hash, with the org of its user as it is now, when the user was verified, and
    the org's plan."""
    row = await tx.fetch_one(_KEY_BY_HASH, key_hash=key_hash)
    return None if row is None else (_api_key(row), row[12], row[13])


async def list_keys(tx: Transaction, after: str, limit: int) -> list[ApiKey]:
    """The keys behind the id `after`, in the order they were made."""
    rows = await tx.fetch_all(
        f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE key_id > :after"  # noqa: S608
        " ORDER BY key_id LIMIT :limit",
        after=after,
        limit=limit,
    )
    return [_api_key(row) for row in rows]


async def revoke_key(tx: Transaction, key_id: str, now: int) -> None:
    """Revokes a key; the time of the first revocation stays."""
    await tx.execute(
        "UPDATE api_keys SET revoked_at = :now WHERE key_id = :key_id AND revoked_at IS NULL",
        now=now,
        key_id=key_id,
    )
    await tx.execute(_RAISE_EPOCH)


async def set_successor(tx: Transaction, key_id: str, successor_id: str, expires_at: int) -> bool:
    """The key ends at `expires_at` and is followed by another.

    False when it was revoked or has a successor already, by a transaction that came first.
    """
    changed = await tx.execute(
        "UPDATE api_keys SET successor_id = :successor_id, expires_at = :expires_at"
        " WHERE key_id = :key_id AND successor_id IS NULL AND revoked_at IS NULL",
        successor_id=successor_id,
        expires_at=expires_at,
        key_id=key_id,
    )
    await tx.execute(_RAISE_EPOCH)
    return changed == 1


async def raise_epoch(tx: Transaction) -> None:
    """Tells every process that a right was taken away."""
    await tx.execute(_RAISE_EPOCH)


async def fetch_epoch(tx: Transaction) -> int:
    """A number that rises whenever a right is taken away."""
    return int(await tx.fetch_value("SELECT epoch FROM identity_epoch WHERE one = 1"))


async def fetch_secret_print(tx: Transaction, name: str) -> str | None:
    """The print of the secret that the values at rest were made with."""
    value: str | None = await tx.fetch_value(
        "SELECT print FROM secret_prints WHERE name = :name", name=name
    )
    return value


async def add_secret_print(tx: Transaction, name: str, print_: str) -> None:
    """Remembers the print of a secret."""
    await tx.execute(
        "INSERT INTO secret_prints (name, print) VALUES (:name, :print)"
        " ON CONFLICT (name) DO NOTHING",
        name=name,
        print=print_,
    )
