"""The SQL of sign-ins."""

from __future__ import annotations

import orjson

from tracewell.intrace.sign_in.model import Session, SignedInPerson
from tracewell.kernel.database import Transaction
from tracewell.kernel.identity.store import raise_epoch

_ADD = """
    INSERT INTO sign_in_sessions (session_id, provider, user_id, user_email, idp_session_id,
      idp_groups, created_at, expires_at)
    VALUES (:session_id, :provider, :user_id, :user_email, :idp_session_id, :groups, :created_at,
      :expires_at)"""
_FIND = """
    SELECT provider, user_id, user_email, idp_session_id, idp_groups, created_at, expires_at
    FROM sign_in_sessions WHERE session_id = :session_id"""
_USE_ASSERTION = """
    INSERT INTO saml_assertions_used (assertion_hash, expires_at)
    VALUES (:assertion_hash, :expires_at) ON CONFLICT (assertion_hash) DO NOTHING"""


async def add_session(tx: Transaction, session: Session) -> None:
    """Keeps a session, and forgets those that have ended."""
    person = session.person
    await tx.execute(
        "DELETE FROM sign_in_sessions WHERE expires_at <= :now", now=session.created_at
    )
    await tx.execute(
        _ADD,
        session_id=session.session_id,
        provider=person.provider,
        user_id=person.user_id,
        user_email=person.user_email,
        idp_session_id=person.idp_session_id,
        groups=orjson.dumps(person.groups).decode(),
        created_at=session.created_at,
        expires_at=session.expires_at,
    )


async def find_session(tx: Transaction, session_id: str) -> Session | None:
    """A session that was not ended; its time may be over."""
    row = await tx.fetch_one(_FIND, session_id=session_id)
    if row is None:
        return None
    provider, user_id, user_email, idp_session_id, groups, created_at, expires_at = row
    person = SignedInPerson(
        provider, user_id, user_email, idp_session_id, tuple(orjson.loads(groups))
    )
    return Session(session_id, person, created_at, expires_at)


async def end_session(tx: Transaction, session_id: str) -> None:
    """Ends a session, for every process."""
    await tx.execute(
        "DELETE FROM sign_in_sessions WHERE session_id = :session_id", session_id=session_id
    )
    await raise_epoch(tx)


async def use_assertion(tx: Transaction, assertion_hash: str, *, expires_at: int, now: int) -> bool:
    """Marks an assertion as used; False when it was used before."""
    await tx.execute("DELETE FROM saml_assertions_used WHERE expires_at <= :now", now=now)
    added = await tx.execute(_USE_ASSERTION, assertion_hash=assertion_hash, expires_at=expires_at)
    return added == 1
