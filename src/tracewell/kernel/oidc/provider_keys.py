"""The public keys of one identity provider: which of them may check which signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

ProviderKey = RSAKey | ECKey | OKPKey

KEYS_MAX = 100
RSA_BITS = range(2_048, 8_192 + 1)

_FITTING: Mapping[tuple[str, str | None], frozenset[str]] = {
    ("RSA", None): frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"Ed25519", "EdDSA"}),
}
"""Asymmetric algorithms by kind and curve of key. What is not here does not exist: no `none`, no
`HS256`, so that a public key can never be taken for a shared secret."""

ALGORITHMS = frozenset[str]().union(*_FITTING.values())


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key, its id if it has one, and the algorithms that it may be used with."""

    key: ProviderKey
    kid: str | None
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class ProviderKeys:
    """The signature keys of one issuer at one moment."""

    issuer: str
    keys: tuple[NamedKey, ...]

    def knows(self, kid: str | None) -> bool:
        """Is there any key of this id?"""
        return any(named.kid == kid for named in self.keys)

    def find_key(self, kid: str | None, algorithm: str) -> ProviderKey | None:
        """The key of this id that fits the algorithm.

        A token without a key id (RFC 7515, 4.1.4 makes it optional) fits only if there is
        exactly one key for its algorithm.
        """
        fitting = [named for named in self.keys if algorithm in named.algorithms]
        if kid is None:
            return fitting[0].key if len(fitting) == 1 else None
        return next((named.key for named in fitting if named.kid == kid), None)


def parse_provider_keys(issuer: str, key_set: Mapping[str, Any]) -> ProviderKeys:
    """The usable keys of a JWK set; others are passed over (RFC 7517, 5).

    Raises ValueError when the set has no list of keys, too many, or none that is usable.
    """
    members = key_set.get("keys")
    if not isinstance(members, list) or len(members) > KEYS_MAX:
        raise ValueError(f'the key set needs a list "keys" of at most {KEYS_MAX} keys')
    keys = tuple(named for named in map(_find_named_key, members) if named is not None)
    if not keys:
        raise ValueError("the key set holds no asymmetric signature key")
    return ProviderKeys(issuer, keys)


def _find_named_key(jwk: Any) -> NamedKey | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    kid, kind, curve = jwk.get("kid"), jwk.get("kty"), jwk.get("crv")
    if not isinstance(kid, str | None) or not isinstance(kind, str):
        return None
    if not isinstance(curve, str | None):
        return None
    algorithms = _FITTING.get((kind, curve), frozenset())
    if jwk.get("alg") is not None:
        algorithms &= {jwk["alg"]} if isinstance(jwk["alg"], str) else frozenset()
    key = _import_public_key(jwk) if algorithms else None
    return None if key is None else NamedKey(key, kid, algorithms)


def _import_public_key(jwk: dict[str, Any]) -> ProviderKey | None:
    """Only the public members are looked at, so nothing private is ever kept."""
    public: dict[str, str | list[str]] = {
        name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk
    }
    try:
        match jwk["kty"]:
            case "RSA":
                rsa = RSAKey.import_key(public)
                return rsa if rsa.raw_value.key_size in RSA_BITS else None
            case "EC":
                return ECKey.import_key(public)
            case _:
                return OKPKey.import_key(public)
    except (JoseError, ValueError, TypeError):
        return None
