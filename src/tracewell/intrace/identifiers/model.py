"""What an identifier is, once it has been accepted. How it is checked lives in `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

_NO_DETAILS: Mapping[str, str] = MappingProxyType({})


class IdentifierType(StrEnum):
    """The ten types, in the order in which the contract names them."""

    EMAIL = "email"
    PHONE = "phone"
    USERNAME = "username"
    IP = "ip"
    DOMAIN = "domain"
    NAME = "name"
    URL = "url"
    ADDRESS = "address"
    COMPANY_NAME = "company_name"
    SOCIAL_URL = "social_url"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One accepted identifier.

    `submitted` is what the caller sent, `value` the normal form that is shown, `key` the form under
    which equal identifiers are equal (a name without letter case, `platform:handle` for a profile
    page). `details` hold what parsing told besides (`platform`, `handle`, `registrable_domain`).
    `index` is the place in the request at which it stood first. Neither form is in the `repr`, so
    that a logged or raised identifier does not tell whom somebody looked for.
    """

    type: IdentifierType
    submitted: str = field(repr=False)
    value: str = field(repr=False)
    key: str = field(repr=False)
    index: int = 0
    details: Mapping[str, str] = field(default_factory=lambda: _NO_DETAILS, repr=False)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One broken field: `field` is a dotted path (`identifiers[0].type`), `issue` a sentence.

    The issue never repeats the value, so that an error may be logged.
    """

    field: str
    issue: str
    code: str
