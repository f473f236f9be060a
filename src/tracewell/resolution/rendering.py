"""A resolution as plain dicts in the contract's shape, ready for JSON. No decision is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from tracewell.resolution.model import Entity, IdentifierFacts, Item, Reason, Resolution

_BOOLEANS: Final = frozenset(
    {
        "email.is_free_mail", "email.is_disposable", "email.is_role_account",
        "phone.is_valid", "phone.is_connected", "ip.is_anonymous",
        "domain.accepts_mail", "domain.has_spf", "email.accepts_mail",
    }
)  # fmt: skip
_INTEGERS: Final = frozenset(
    {"person.age", "organization.founded_year", "ip.asn", "ip.accuracy_radius_km"}
)
_DECIMALS: Final = frozenset({"ip.latitude", "ip.longitude", "watchlist.score"})

_LISTS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = MappingProxyType(
    # field of the profile: (predicate, name of the value, details that are always present)
    {
        "phones": (
            "phone.number",
            "number",
            (
                "phone.type",
                "phone.carrier",
                "phone.country",
                "phone.is_connected",
                "phone.first_reported_date",
                "phone.last_reported_date",
            ),
        ),
        "emails": ("email.address", "address", ()),
        "addresses": ("address.full", "address", ()),
        "usernames": ("username.handle", "username", ()),
        "domains": ("domain.name", "domain", ()),
        "ip_addresses": ("ip.address", "ip_address", ()),
        "urls": ("url.address", "url", ()),
        "companies": ("company.name", "name", ()),
        "associates": ("associate.name", "name", ()),
        "technologies": ("technology.name", "name", ()),
        "watchlist_hits": (
            "watchlist.entry",
            "entry",
            ("watchlist.list", "watchlist.name", "watchlist.score", "watchlist.topic"),
        ),
    }
)
_ORGANIZATION_SINGLES: Final = (
    "status",
    "industry",
    "country",
    "description",
    "employee_range",
    "founded_year",
)

Json = dict[str, Any]


def render_resolution(resolution: Resolution) -> Json:
    """The members `resolution` and `entities` of a lookup result."""
    return {
        "resolution": {
            "status": str(resolution.status),
            "confidence": resolution.confidence,
            "entity_count": len(resolution.entities),
            "explanation": _reasons(resolution.explanation),
        },
        "entities": [_entity(entity) for entity in resolution.entities],
    }


def render_facts(facts: Sequence[IdentifierFacts]) -> dict[tuple[str, str], list[Json]]:
    """Per (type, value) of a queried identifier what reference data tells of it."""
    return {
        (told.identifier.type, told.identifier.value): [
            {
                "name": fact.name.partition(".")[2],
                "value": _typed(fact.name, fact.value),
                "confidence": fact.confidence,
                "sources": list(fact.sources),
            }
            for fact in told.facts
        ]
        for told in facts
    }


def _entity(entity: Entity) -> Json:
    return {
        "entity_id": entity.entity_id,
        "kind": str(entity.kind),
        "confidence": entity.confidence,
        "explanation": _reasons(entity.explanation),
        "profile": _profile(entity.items),
        "possibly_same_as": [
            {
                "entity_id": match.entity_id,
                "probability": match.probability,
                "explanation": _reasons(match.explanation),
            }
            for match in entity.possibly_same_as
        ],
    }


def _profile(items: Mapping[str, tuple[Item, ...]]) -> Json:
    profile: Json = {"person": _person(items), "organization": _organization(items)}
    for field, (predicate, value_name, always) in _LISTS.items():
        profile[field] = [
            _item(item, value_name, _prefix(predicate), always) for item in items.get(predicate, ())
        ]
    profile["social_profiles"] = [_social(item) for item in items.get("social.account", ())]
    return profile


def _person(items: Mapping[str, tuple[Item, ...]]) -> Json | None:
    if not any(predicate.startswith("person.") for predicate in items):
        return None
    return {
        "names": [_item(item, "name", "person") for item in items.get("person.name", ())],
        "age": _single(items, "person.age"),
        "dob": _single(items, "person.dob"),
        "gender": _single(items, "person.gender"),
        "registry_ids": _registry_ids(items, "person.registry_id"),
    }


def _organization(items: Mapping[str, tuple[Item, ...]]) -> Json | None:
    if not any(predicate.startswith("organization.") for predicate in items):
        return None
    organization: Json = {
        "names": [_item(i, "name", "organization") for i in items.get("organization.name", ())],
        "legal_name": _single(items, "organization.legal_name"),
        "registry_ids": _registry_ids(items, "organization.registry_id"),
    }
    for field in _ORGANIZATION_SINGLES:
        organization[field] = _single(items, f"organization.{field}")
    return organization


def _single(items: Mapping[str, tuple[Item, ...]], predicate: str) -> Json | None:
    """The best supported value, with what contradicts it beside it."""
    stated = items.get(predicate, ())
    if not stated:
        return None
    best = _item(stated[0], "value", _prefix(predicate), predicate=predicate)
    others = [_item(item, "value", _prefix(predicate), predicate=predicate) for item in stated[1:]]
    return {**best, "alternatives": others}


def _registry_ids(items: Mapping[str, tuple[Item, ...]], predicate: str) -> list[Json]:
    rendered = []
    for item in items.get(predicate, ()):
        registry, _, number = item.value.rpartition(":")
        rendered.append({"registry": registry or None, **_item(item, "id", "registry")})
        rendered[-1]["id"] = number
    return rendered


def _social(item: Item) -> Json:
    platform, _, handle = item.value.partition(":")
    rendered = _item(item, "username", "social", ("social.bio", "social.url"))
    return {"platform": platform, **rendered, "username": handle}


def _item(
    item: Item, value_name: str, prefix: str, always: tuple[str, ...] = (), *, predicate: str = ""
) -> Json:
    rendered: Json = {value_name: _typed(predicate, item.value)}
    for name in (*always, *(name for name in item.details if name not in always)):
        value = item.details.get(name)
        rendered[name.removeprefix(f"{prefix}.")] = None if value is None else _typed(name, value)
    rendered["confidence"] = item.confidence
    rendered["sources"] = list(item.sources)
    rendered["explanation"] = _reasons(item.explanation)
    return rendered


def _typed(name: str, value: str) -> str | bool | int | float:
    """Statements are text; what is a truth value or a number in JSON becomes one."""
    if name in _BOOLEANS and value in ("true", "false"):
        return value == "true"
    if name in _INTEGERS and value.isascii() and value.isdigit():
        return int(value)
    if name in _DECIMALS:
        return float(value)
    return value


def _reasons(reasons: Sequence[Reason]) -> list[Json]:
    return [{"evidence": r.evidence, "effect": round(r.effect, 3)} for r in reasons]


def _prefix(predicate: str) -> str:
    return predicate.partition(".")[0]
