"""Watchlists in FollowTheMoney form (https://followthemoney.tech): read, indexed, screened against.

One JSON entity a line, as OpenSanctions and others publish. Whether a hit is the person who is
meant is not judged here: a hit says how near the names are and which dates agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

from tracewell.intrace.connectors.screening.name_index import NameIndex, build_name_index
from tracewell.resolution import Kind

SCORE_MIN: Final = 0.8
"""Names at least that probably the same are hits."""
HITS_MAX: Final = 50
ENTITIES_MAX: Final = 2_000_000
LINE_BYTES_MAX: Final = 4 << 20
NAMES_PER_ENTITY_MAX: Final = 60
_NAMES: Final = ("name", "alias", "previousName", "weakAlias")
_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    # FollowTheMoney's schemata that can be listed; the rest (addresses, links, payments) cannot.
    {
        "Person": Kind.PERSON,
        "Organization": Kind.ORGANIZATION,
        "Company": Kind.ORGANIZATION,
        "PublicBody": Kind.ORGANIZATION,
        "LegalEntity": Kind.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class ListedEntity:
    """An entry of a list: `properties` as FollowTheMoney has them, texts only."""

    id: str
    schema: str
    kind: Kind
    names: tuple[str, ...]
    properties: Mapping[str, tuple[str, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry whose name is near the one asked for; the `name` of it that is nearest.

    `birth_date_agrees` is None where either side does not tell a year.
    """

    entity: ListedEntity
    name: str
    score: float
    birth_date_agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class Watchlist:
    """One list in memory; `bad_lines` could not be read, so that hits may be missing."""

    name: str
    entities: Sequence[ListedEntity]
    index: NameIndex
    owners: Sequence[int]
    bad_lines: int = 0
    is_truncated: bool = False

    def screen(
        self,
        name: str,
        kind: Kind = Kind.UNKNOWN,
        *,
        birth_date: str | None = None,
        score_min: float = SCORE_MIN,
        limit: int = HITS_MAX,
    ) -> list[Hit]:
        """The entries whose names are near, the nearest first; one hit for an entry.

        An unknown `kind` is screened against people and organisations. `birth_date` (YYYY,
        YYYY-MM or YYYY-MM-DD) does not decide: lists hold wrong ones.
        """
        hits: dict[int, Hit] = {}
        kinds = (Kind.PERSON, Kind.ORGANIZATION) if kind is Kind.UNKNOWN else (kind,)
        for compared in kinds:
            for found in self.index.search(name, compared, score_min=score_min, limit=limit * 4):
                owner = self.owners[found.place]
                entity = self.entities[owner]
                if entity.kind not in (compared, Kind.UNKNOWN):
                    continue
                if owner not in hits or found.score > hits[owner].score:
                    listed = self.index.text(found.place)
                    agrees = _agree(birth_date, entity.properties.get("birthDate", ()))
                    hits[owner] = Hit(entity, listed, found.score, agrees)
        order = sorted(hits.values(), key=lambda h: (-h.score, h.entity.id))
        return order[:limit]


def load_watchlist(path: Path, *, entities_max: int = ENTITIES_MAX) -> Watchlist:
    """Reads and indexes a file. Blocks. Raises OSError.

    Lines that are no entities are counted; entities that cannot be listed are passed over.
    """
    entities: list[ListedEntity] = []
    names: list[str] = []
    owners: list[int] = []
    bad_lines = 0
    is_truncated = False
    with path.open("rb") as file:
        for line in _iter_lines(file):
            if line is None:
                bad_lines += 1
                continue
            entity = parse_entity(line)
            if entity is None:
                bad_lines += bool(line.strip()) and not _is_other(line)
                continue
            if len(entities) == entities_max:
                is_truncated = True
                break
            owners += [len(entities)] * len(entity.names)
            names += entity.names
            entities.append(entity)
    title = path.name.partition(".")[0]
    return Watchlist(title, entities, build_name_index(names), owners, bad_lines, is_truncated)


def parse_entity(line: bytes) -> ListedEntity | None:
    """The entity of a line; None for what is none, or none that could be listed."""
    try:
        raw: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
        return None
    kind = _KINDS.get(str(raw.get("schema")))
    stated = raw.get("properties")
    if kind is None or not isinstance(stated, dict):
        return None
    properties = {
        key: tuple(v for v in values if isinstance(v, str))
        for key, values in stated.items()
        if isinstance(values, list)
    }
    told = [name for key in _NAMES for name in properties.get(key, ())]
    caption = raw.get("caption")
    told += [caption] if isinstance(caption, str) else []
    names = tuple(dict.fromkeys(name.strip() for name in told if name.strip()))
    return ListedEntity(
        raw["id"], str(raw["schema"]), kind, names[:NAMES_PER_ENTITY_MAX],
        MappingProxyType(properties),
    ) if names else None  # fmt: skip


def _is_other(line: bytes) -> bool:
    """Whether a line is a sound entity, though none that could be listed."""
    try:
        raw: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(raw, dict)
        and isinstance(raw.get("id"), str)
        and isinstance(raw.get("schema"), str)
        and isinstance(raw.get("properties"), dict)
    )


def _iter_lines(file: Any) -> Iterator[bytes | None]:
    """The lines; None for each that is longer than the bound."""
    while line := file.readline(LINE_BYTES_MAX + 1):
        if len(line) <= LINE_BYTES_MAX:
            yield line
            continue
        yield None
        while line and not line.endswith(b"\n"):
            line = file.readline(LINE_BYTES_MAX)


def _agree(asked: str | None, listed: Sequence[str]) -> bool | None:
    """Whether a listed date says no more than the asked one, or the same as far as both go."""
    if not asked or not listed:
        return None
    return any(
        asked[: min(len(asked), len(date))] == date[: min(len(asked), len(date))] for date in listed
    )
