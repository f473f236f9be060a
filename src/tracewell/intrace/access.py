"""Scopes and roles of Intrace, as data. A role file may replace the roles; the scopes are these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

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
