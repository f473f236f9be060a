"""`OidcVerifier`: from the text of a bearer token to the person who presents it."""

from __future__ import annotations

from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError, UnsupportedAlgorithmError
from joserfc.util import urlsafe_b64decode

from tracewell.kernel.clock import Clock
from tracewell.kernel.oidc.claims import ClaimRules, TokenClaims, parse_claims
from tracewell.kernel.oidc.discovery import ProviderSource
from tracewell.kernel.oidc.errors import TokenFault, TokenInvalid
from tracewell.kernel.oidc.provider_keys import ALGORITHMS, ProviderKey, ProviderKeys

TOKEN_CHARACTERS_MAX = 16_384
HEADER_CHARACTERS_MAX = 4_096
FUTURE_SKEW_S = 30
DEFAULT_GROUPS_CLAIMS = ("groups", "roles")

_TYPES = frozenset({"jwt", "application/jwt", "at+jwt", "application/at+jwt"})


class OidcVerifier:
    """Verifies the tokens of one issuer for one audience.

    RFC 9068 access tokens and ID-token style tokens, asymmetric algorithms only. Keys come from
    the issuer's discovery document alone; `jku`, `x5u`, `x5c` and `jwk` in a header are ignored.
    An expiry is exact (no skew); `nbf` and `iat` may be `future_skew_s` ahead.
    """

    def __init__(
        self,
        provider: str | ProviderSource,
        audience: str,
        clock: Clock,
        *,
        groups_claims: tuple[str, ...] = DEFAULT_GROUPS_CLAIMS,
        future_skew_s: int = FUTURE_SKEW_S,
    ) -> None:
        """`provider`: its issuer URL, or the source that others use as well.

        Nothing is fetched yet. Raises ValueError for an issuer URL that cannot be used.
        """
        if not audience:
            raise ValueError("the audience is empty")
        self._source = (
            provider if isinstance(provider, ProviderSource) else ProviderSource(provider, clock)
        )
        self._audience = audience
        self._clock = clock
        self._groups_claims = groups_claims
        self._future_skew_ms = future_skew_s * 1000

    async def warm(self) -> None:
        """Fetch the keys now, at start-up. Raises IdentityProviderUnavailable."""
        await self._source.get()

    async def verify(self, token: str) -> TokenClaims:
        """Who presents this token?

        Raises TokenInvalid, TokenExpired, IdentityProviderUnavailable.
        """
        issuer, claims = await read_signed_claims(self._source, token)
        rules = ClaimRules(issuer, self._audience, self._groups_claims, self._future_skew_ms)
        return parse_claims(claims, rules, self._clock())


async def read_signed_claims(source: ProviderSource, token: str) -> tuple[str, dict[str, Any]]:
    """The provider's issuer name and the claims under its signature, not yet judged.

    Raises TokenInvalid, IdentityProviderUnavailable.
    """
    kid, algorithm = _parse_header(token)
    keys = await source.get_keys_for(kid)
    return keys.issuer, _parse_signed_claims(token, _get_key(keys, kid, algorithm), algorithm)


def _parse_header(token: str) -> tuple[str | None, str]:
    """Key id and algorithm of a token that is worth looking a key up for."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise TokenInvalid(TokenFault.TOO_LARGE)
    segment, _, rest = token.partition(".")
    if rest.count(".") != 1 or len(segment) > HEADER_CHARACTERS_MAX:
        raise TokenInvalid(TokenFault.MALFORMED)
    try:
        header: Any = orjson.loads(urlsafe_b64decode(segment.encode("ascii")))
    except ValueError:
        raise TokenInvalid(TokenFault.MALFORMED) from None
    if not isinstance(header, dict):
        raise TokenInvalid(TokenFault.MALFORMED)
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenInvalid(TokenFault.ALGORITHM)
    if "crit" in header or "b64" in header:
        raise TokenInvalid(TokenFault.CRITICAL_HEADER)
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise TokenInvalid(TokenFault.TYPE)
    if not isinstance(kid, str | None):
        raise TokenInvalid(TokenFault.MALFORMED)
    return kid, algorithm


def _get_key(keys: ProviderKeys, kid: str | None, algorithm: str) -> ProviderKey:
    key = keys.find_key(kid, algorithm)
    if key is not None:
        return key
    known = kid is not None and keys.knows(kid)
    raise TokenInvalid(TokenFault.ALGORITHM if known else TokenFault.KEY_UNKNOWN)


def _parse_signed_claims(token: str, key: ProviderKey, algorithm: str) -> dict[str, Any]:
    try:
        verified = jws.deserialize_compact(token, key, registry=_REGISTRIES[algorithm])
        claims = orjson.loads(verified.payload or b"")
    except BadSignatureError:
        raise TokenInvalid(TokenFault.SIGNATURE) from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenInvalid(TokenFault.MALFORMED) from None
    if not isinstance(claims, dict):
        raise TokenInvalid(TokenFault.MALFORMED)
    return claims


class _OneAlgorithm(jws.JWSRegistry):
    """Exactly one algorithm, our own bounds; header names that providers invent are harmless."""

    max_header_length = HEADER_CHARACTERS_MAX
    max_payload_length = TOKEN_CHARACTERS_MAX
    max_signature_length = 4_096

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm], strict_check_header=False)
        self._name = algorithm

    def get_alg(self, name: str) -> Any:
        # Without the warning of the library for `EdDSA`, a deprecated name (RFC 9864) that
        # providers still use for a sound algorithm.
        if name != self._name:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_REGISTRIES = {algorithm: _OneAlgorithm(algorithm) for algorithm in ALGORITHMS}
