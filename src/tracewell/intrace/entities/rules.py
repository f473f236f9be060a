"""Which entity of earlier lookups an entity is: keys, matching, merges and splits. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from tracewell.intrace.entities.model import (
    NAME,
    STRONG,
    Assignment,
    Decision,
    Event,
    Found,
    Key,
    Known,
)
from tracewell.resolution import Entity, Resolution

_KINDS: Final = (
    "person.registry_id", "organization.registry_id", "social.account", "email.address",
    "phone.number", "domain.name",
)  # fmt: skip
_NAMES: Final = ("person.name", "organization.name", "organization.legal_name")
_WEAK_SHARED_MIN: Final = 2
KEYS_MAX: Final = 60
"""Keys of one entity in one lookup."""

Pair = frozenset[str]


def find_keys(entities: Sequence[Entity], secret: bytes) -> tuple[Found, ...]:
    """The keys of a lookup's entities. What two of them hold identifies neither."""
    stated = [
        {(kind, item.value.casefold()) for kind in _KINDS for item in entity.items.get(kind, ())}
        for entity in entities
    ]
    holders = Counter(value for values in stated for value in values)
    found = []
    for entity, values in zip(entities, stated, strict=True):
        own = sorted((v for v in values if holders[v] == 1), key=lambda v: (_KINDS.index(v[0]), v))
        words = {
            word
            for name in _NAMES
            for item in entity.items.get(name, ())
            for word in item.value.casefold().replace(",", " ").split()
            if len(word) > 1
        }
        kept = [*own[:KEYS_MAX], *((NAME, word) for word in sorted(words)[:KEYS_MAX])]
        keys = frozenset(Key(kind, _digest(secret, kind, value)) for kind, value in kept)
        found.append(Found(entity.entity_id, keys))
    return tuple(found)


def _digest(secret: bytes, kind: str, value: str) -> str:
    text = f"entity key\x1f{kind}\x1f{value}".encode("utf-8", "replace")
    return hmac.new(secret, text, hashlib.sha256).hexdigest()[:32]


def find_match(found: Found, known: Known) -> tuple[Key, ...]:
    """By which keys the two are one; none where they are not.

    One strong key or two others, unless both have names without a word in common: a mailbox that
    two people use does not make them one.
    """
    names = [{key for key in keys if key.kind == NAME} for keys in (found.keys, known.keys)]
    if names[0] and names[1] and not names[0] & names[1]:
        return ()
    shared = sorted(
        (key for key in found.keys & known.keys if key.kind != NAME),
        key=lambda key: (_KINDS.index(key.kind), key.digest),
    )
    is_strong = any(key.kind in STRONG for key in shared)
    is_same_content = found.content_id == known.entity_id
    if is_strong or len(shared) >= _WEAK_SHARED_MIN or (is_same_content and shared):
        return tuple(shared)
    return ()


def assign(found: Sequence[Found], known: Sequence[Known], apart: Collection[Pair]) -> Assignment:
    """The lasting ids. Each known entity is at most one of those found, the one that shares most.

    An entity that is several known ones joins them under the oldest id, unless a person has taken
    them apart. The order of the arguments does not matter.
    """
    matches = sorted(
        (
            (-len(shared), k.first_seen_at, k.entity_id, f.content_id, shared)
            for f in found
            for k in known
            if (shared := find_match(f, k))
        ),
        key=lambda match: match[:4],
    )
    taken: dict[str, str] = {}
    lost: dict[str, str] = {}
    evidence: dict[tuple[str, str], str] = {}
    for _, _, known_id, content_id, shared in matches:
        evidence[content_id, known_id] = _tell(shared)
        if known_id not in taken:
            taken[known_id] = content_id
        elif taken[known_id] != content_id:
            lost.setdefault(content_id, known_id)
    age = {k.entity_id: (k.first_seen_at, k.entity_id) for k in known}
    ids: dict[str, str] = {}
    decisions: list[Decision] = []
    for one in sorted(found, key=lambda f: f.content_id):
        own = sorted((k for k, c in taken.items() if c == one.content_id), key=lambda k: age[k])
        if own:
            ids[one.content_id] = own[0]
            for other in own[1:]:
                if frozenset((own[0], other)) not in apart:
                    told = evidence[one.content_id, other]
                    decisions.append(Decision("merge", own[0], other, told))
            continue
        ids[one.content_id] = _fresh_id(one, {*age, *ids.values()})
        if one.content_id in lost:
            told = f"{evidence[one.content_id, lost[one.content_id]]}, which two entities now hold"
            decisions.append(Decision("split", lost[one.content_id], ids[one.content_id], told))
    return Assignment(ids, tuple(decisions))


def _fresh_id(found: Found, used: Collection[str]) -> str:
    """The content's id; where that is another entity's, one made of it and of all keys."""
    if found.content_id not in used:
        return found.content_id
    text = "\x1f".join([found.content_id, *sorted(key.digest for key in found.keys)])
    digest = hashlib.sha256(text.encode()).hexdigest().upper()
    return f"ent_{digest[:26]}"


def _tell(shared: Iterable[Key]) -> str:
    """What was shared, by kind: no value, no hash."""
    counted = Counter(key.kind for key in shared)
    return "shared: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))


def canonical_id(entity_id: str, events: Sequence[Event]) -> str:
    """The id that an entity has now, after all merges that stand."""
    into = {event.other_id: event.entity_id for event in events if event.joins}
    seen = {entity_id}
    while (following := into.get(entity_id)) is not None and following not in seen:
        entity_id = following
        seen.add(entity_id)
    return entity_id


def rename(resolution: Resolution, assignment: Assignment) -> Resolution:
    """The resolution under lasting ids."""
    ids = assignment.ids
    return replace(
        resolution,
        entities=tuple(
            replace(
                entity,
                entity_id=ids.get(entity.entity_id, entity.entity_id),
                possibly_same_as=tuple(
                    replace(match, entity_id=ids.get(match.entity_id, match.entity_id))
                    for match in entity.possibly_same_as
                ),
            )
            for entity in resolution.entities
        ),
    )
