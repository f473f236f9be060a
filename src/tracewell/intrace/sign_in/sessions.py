"""The engine's own short-lived bearer tokens: issued after a sign-in, ended by a sign-out.

A token is a JWT under HMAC-SHA-256 with a secret of the deployment; who it stands for is kept in
the database, so that ending it holds at once, in every process.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.util import urlsafe_b64decode

from tracewell.intrace.access import AccessBook
from tracewell.intrace.sign_in import store
from tracewell.intrace.sign_in.model import IssuedSession, Session, SignedInPerson
from tracewell.kernel.clock import MINUTE_MS, SECOND_MS, Clock
from tracewell.kernel.database import Database
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.model import Principal
from tracewell.kernel.oidc import TokenExpired, TokenFault, TokenInvalid

TOKEN_TYPE = "session+jwt"  # noqa: S105 - a media type
TOKEN_CHARACTERS_MAX = 512
KEPT_MAX = 10_000
_ALGORITHM = "HS256"

SessionId = Callable[[], str]


class Sessions:
    """Issues, reads and ends sessions."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        access: AccessBook,
        *,
        secret: bytes,
        lifetime_minutes: int,
        new_session_id: SessionId = lambda: secrets.token_urlsafe(24),
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._access = access
        # A key of its own: no token of another purpose is ever signed with it.
        derived = hashlib.blake2b(b"intrace sessions", key=secret, digest_size=32).digest()
        self._key = OctKey.import_key(derived)
        self._lifetime_ms = lifetime_minutes * MINUTE_MS
        self._new_session_id = new_session_id
        self._kept: dict[str, Session] = {}
        self._kept_epoch: int | None = None

    async def issue(self, person: SignedInPerson) -> IssuedSession:
        """A session that begins now. Raises DatabaseFailed."""
        now = self._clock()
        expires_at = now + self._lifetime_ms
        if person.ends_at is not None:
            expires_at = min(expires_at, person.ends_at)
        session = Session(self._new_session_id(), person, now, expires_at)
        async with self._database.transaction() as tx:
            await store.add_session(tx, session)
        claims = {
            "sub": person.user_id,
            "jti": session.session_id,
            "iat": now // SECOND_MS,
            "exp": expires_at // SECOND_MS,
        }
        header = {"alg": _ALGORITHM, "typ": TOKEN_TYPE}
        token = jws.serialize_compact(header, orjson.dumps(claims), self._key, [_ALGORITHM])
        return IssuedSession(token, session)

    async def authenticate(self, token: str) -> Principal:
        """Whose token it is. Raises TokenExpired, TokenInvalid and DatabaseFailed."""
        session = await self.get_session(token)
        person = session.person
        return Principal(
            kind="bearer",
            limit_id=f"sub:{person.user_id}",
            # Looked up now: a change of the role file holds for those who are signed in.
            roles=self._access.roles_of(person.groups),
            subject=person.user_id,
            email=person.user_email,
            idp_session_id=person.idp_session_id,
        )

    async def get_session(self, token: str) -> Session:
        """The session of a token. Raises TokenExpired, TokenInvalid and DatabaseFailed."""
        epoch = self._keyring.find_epoch()
        if epoch is None or epoch != self._kept_epoch:
            self._kept.clear()
            self._kept_epoch = epoch
        session = self._kept.get(token)
        if session is None:
            session_id = self._read(token)
            async with self._database.statement() as tx:
                session = await store.find_session(tx, session_id)
            if session is None:
                raise TokenInvalid(TokenFault.SESSION_ENDED)
            if epoch is not None and epoch == self._kept_epoch:
                if len(self._kept) >= KEPT_MAX:
                    self._kept.clear()
                self._kept[token] = session
        if session.expires_at <= self._clock():
            raise TokenExpired
        return session

    async def end(self, session: Session) -> None:
        """Ends a session for every process. Raises DatabaseFailed."""
        async with self._database.transaction() as tx:
            await store.end_session(tx, session.session_id)
        self._kept.clear()

    def _read(self, token: str) -> str:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise TokenInvalid(TokenFault.TOO_LARGE)
        try:
            signed = jws.deserialize_compact(token, self._key, [_ALGORITHM])
            claims = orjson.loads(signed.payload or b"")
            session_id, expires_at_s = str(claims["jti"]), int(claims["exp"])
        except (JoseError, ValueError, TypeError, KeyError):
            raise TokenInvalid(TokenFault.SIGNATURE) from None
        if signed.headers().get("typ") != TOKEN_TYPE:
            raise TokenInvalid(TokenFault.TYPE)
        if expires_at_s * SECOND_MS <= self._clock():
            # Also where its row is long forgotten.
            raise TokenExpired
        return session_id


def is_session_token(token: str) -> bool:
    """Does this token say of itself that the engine issued it? Its signature tells whether so."""
    segment, _, _ = token[:TOKEN_CHARACTERS_MAX].partition(".")
    try:
        header = orjson.loads(urlsafe_b64decode(segment.encode("ascii")))
    except ValueError:
        return False
    return isinstance(header, dict) and header.get("typ") == TOKEN_TYPE
