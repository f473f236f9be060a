"""The record that `resolve` takes: what one source says of one holder, as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tracewell.resolution.model import Kind

VALUES_MAX: Final = 50
CHARACTERS_MAX: Final = 1_000
_EMPTY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
_PART_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"surname": "family", "lastname": "family", "last": "family", "forename": "given"}
    | {"firstname": "given", "first": "given", "middlename": "middle", "title": "prefix"}
)
_NAME_PARTS: Final = (
    ("full", "name"),
    ("prefix", "given", "middle", "family", "suffix"),
)


@dataclass(frozen=True, slots=True)
class StatedIdentifier:
    """An identifier as a source states it: `passport` `A1234567` of `US`."""

    type: str
    value: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One record of one source. Nothing in it needs to be normalised.

    `dates` and `attributes` map a name (`birth`, `gender`, `employer`) to the values stated.
    """

    record_id: str
    source: str = ""
    kind: Kind = Kind.UNKNOWN
    names: tuple[str, ...] = ()
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    identifiers: tuple[StatedIdentifier, ...] = ()
    addresses: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)

    @property
    def key(self) -> tuple[str, str]:
        """What tells this record from all others of a batch."""
        return (self.source, self.record_id)


def parse_record(members: Mapping[str, Any]) -> SourceRecord:
    """The record of a JSON object in the documented shape; raises ValueError with what is wrong.

    Names, addresses and values may be objects of parts; their texts are joined. Empty values are
    left out.
    """
    record_id = members.get("record_id")
    if not isinstance(record_id, str | int) or record_id == "":
        raise ValueError("record_id must be a text or a number")
    kind = members.get("kind") or "unknown"
    try:
        parsed_kind = Kind(str(kind).lower())
    except ValueError:
        raise ValueError("kind must be person or organization") from None
    return SourceRecord(
        record_id=str(record_id),
        source=_text(members.get("source")),
        kind=parsed_kind,
        names=tuple(_texts(members, "names", _name)),
        dates=_mapping(members, "dates"),
        identifiers=tuple(_identifiers(members)),
        addresses=tuple(_texts(members, "addresses", _joined)),
        attributes=_mapping(members, "attributes"),
    )


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | dict | list):
        return "" if not isinstance(value, bool) else str(value).lower()
    return " ".join(str(value)[:CHARACTERS_MAX].split())


def _name(value: Any) -> str:
    """A name, or the parts of one in the order in which they are written."""
    if not isinstance(value, Mapping):
        return _text(value)
    for key in _NAME_PARTS[0]:
        if _text(value.get(key)):
            return _text(value[key])
    parts: dict[str, str] = {}
    for key, part in value.items():
        stem = "".join(c for c in str(key).lower() if c.isalpha())
        parts.setdefault(_PART_NAMES.get(stem, stem.removesuffix("name")), _text(part))
    return " ".join(parts[key] for key in _NAME_PARTS[1] if parts.get(key))


def _joined(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(text for part in value.values() if (text := _text(part)))
    return _text(value)


def _list(members: Mapping[str, Any], key: str) -> list[Any]:
    values = members.get(key) or []
    if isinstance(values, str | Mapping):
        values = [values]
    if not isinstance(values, list | tuple):
        raise ValueError(f"{key} must be a list")
    if len(values) > VALUES_MAX:
        raise ValueError(f"{key} holds more than {VALUES_MAX} values")
    return list(values)


def _texts(members: Mapping[str, Any], key: str, read: Any) -> Iterable[str]:
    return (text for value in _list(members, key) if (text := read(value)))


def _mapping(members: Mapping[str, Any], key: str) -> Mapping[str, tuple[str, ...]]:
    stated = members.get(key) or {}
    if not isinstance(stated, Mapping):
        raise ValueError(f"{key} must be an object")
    if len(stated) > VALUES_MAX:
        raise ValueError(f"{key} holds more than {VALUES_MAX} values")
    found = {}
    for name, value in stated.items():
        values = value if isinstance(value, list | tuple) else [value]
        texts = tuple(text for v in values[:VALUES_MAX] if (text := _joined(v)))
        if texts:
            found[str(name).lower()] = texts
    return MappingProxyType(found)


def _identifiers(members: Mapping[str, Any]) -> Iterable[StatedIdentifier]:
    for value in _list(members, "identifiers"):
        if not isinstance(value, Mapping):
            raise ValueError("identifiers must be objects with type and value")
        kind, text = _text(value.get("type")).lower(), _text(value.get("value"))
        issuer = next(
            (_text(value[k]) for k in ("country", "state", "issuer") if _text(value.get(k))), ""
        )
        if text:
            yield StatedIdentifier(kind or "unknown", text, issuer)
