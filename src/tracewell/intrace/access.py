"""Scopes and roles of Intrace, as data, and the rules of access that are in force.

A role file (`role_file`) may change roles, groups and limits while the engine runs; the scopes
are these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tracewell.kernel.identity.model import Principal

SCOPES = (
    "lookup:write",
    "lookup:read",
    "reports:read",
    "connectors:read",
    "analysis:write",
    "analysis:read",
    "audit:read",
    "keys:admin",
)

Roles = Mapping[str, frozenset[str]]

DEFAULT_ROLES: Roles = MappingProxyType(
    {
        "analyst": frozenset(
            {
                "lookup:write",
                "lookup:read",
                "reports:read",
                "connectors:read",
                "analysis:write",
                "analysis:read",
            }
        ),
        "auditor": frozenset({"audit:read", "reports:read", "connectors:read"}),
        "service": frozenset(
            {
                "lookup:write",
                "lookup:read",
                "reports:read",
                "connectors:read",
                "analysis:write",
                "analysis:read",
            }
        ),
        # An administrator sees no lookup by this role alone: whoever reads one is in the audit log.
        "admin": frozenset({"keys:admin", "connectors:read", "audit:read"}),
    }
)


def scopes_of(roles: Iterable[str], known: Roles = DEFAULT_ROLES) -> frozenset[str]:
    """All scopes of the roles; a role that is not known grants nothing."""
    return frozenset().union(*(known.get(role, frozenset()) for role in roles))


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """A principal's own limits; None leaves the deployment's."""

    requests_per_minute: int | None = None
    burst: int | None = None
    deep_lookups_per_minute: int | None = None


NO_LIMITS = OwnLimits()


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may do what, how often.

    `groups` maps groups of the identity provider to roles; None: a group is the role of its name.
    `limits` by principal: `user:<user_id>`, `service:<name>`, `key:<key_id>`.
    """

    roles: Roles = field(default_factory=lambda: DEFAULT_ROLES)
    groups: Mapping[str, tuple[str, ...]] | None = None
    limits: Mapping[str, OwnLimits] = field(default_factory=lambda: MappingProxyType({}))


class AccessBook(Mapping[str, frozenset[str]]):
    """The rules in force, as the mapping of roles to scopes: whoever holds it sees each change."""

    def __init__(self, rules: AccessRules | None = None) -> None:
        self._rules = rules or AccessRules()

    def replace(self, rules: AccessRules) -> None:
        """From here on these rules hold, also for tokens that were issued before."""
        self._rules = rules

    def roles_of(self, groups: Iterable[str]) -> tuple[str, ...]:
        """The roles of a person's groups, each once; a group that nobody named grants nothing."""
        named = self._rules.groups
        if named is None:
            return tuple(dict.fromkeys(groups))
        return tuple(dict.fromkeys(role for group in groups for role in named.get(group, ())))

    def limits_of(self, principal: Principal) -> OwnLimits:
        """The role file's limits of a principal; those of a single key stand before its account's.

        Without any, the requests per minute that the key was made with.
        """
        limits = self._rules.limits
        if limits:
            for name in _names_of(principal):
                if name in limits:
                    return limits[name]
        if principal.requests_per_minute is not None:
            return OwnLimits(principal.requests_per_minute)
        return NO_LIMITS

    def __getitem__(self, role: str) -> frozenset[str]:
        return self._rules.roles[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules.roles)

    def __len__(self) -> int:
        return len(self._rules.roles)


def _names_of(principal: Principal) -> Iterator[str]:
    if principal.subject is not None:
        yield f"user:{principal.subject}"
    if principal.key_id is not None:
        yield f"key:{principal.key_id}"
    if principal.service_name is not None:
        yield f"service:{principal.service_name}"
