"""A company as loading sees it: names, domains, numbers, places; the keys it is found by. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import orjson

from tracewell.extraction import Fact
from tracewell.resolution.model import Kind
from tracewell.resolution.parsing import parse_name
from tracewell.trace.companies.rules import keep_facts
from tracewell.trace.loading.model import Identifier, Place, Record
from tracewell.trace.loading.values import spell_identifier
from tracewell.trace.texts import name_key

KEY_CHARS_MIN: Final = 2
_NAMES_MAX: Final = 6


@dataclass(frozen=True)
class Known:
    """A company; `company_id` is negative while it is not written yet."""

    company_id: int
    slug: str
    primary_domain: str
    domains: tuple[str, ...]
    facts: tuple[Fact, ...]
    first_observed_at: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that was told; the domain's label where none was."""
        facts = keep_facts(self.facts)
        told = [fact.value for fact in facts if fact.field in ("legal_name", "name")]
        return tuple(dict.fromkeys(told))[:_NAMES_MAX] or (self.slug.replace("-", " "),)

    @cached_property
    def identifiers(self) -> frozenset[Identifier]:
        """The numbers of registries, as `spell_identifier` spells them."""
        return frozenset(
            identifier_of(fact) for fact in self.facts if fact.field == "registry_identifier"
        )

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where the headquarters are said to be."""
        return tuple(
            _place_of(fact.value) for fact in keep_facts(self.facts) if fact.field == "headquarters"
        )

    @cached_property
    def name_keys(self) -> frozenset[str]:
        """What the company is found by where only a name is known."""
        return frozenset(key for name in self.names for key in keys_of_name(name))

    @cached_property
    def hashes(self) -> frozenset[int]:
        """The keys as numbers."""
        return frozenset(key_hashes(self.name_keys, self.identifiers))


def identifier_of(fact: Fact) -> Identifier:
    """The number that a fact tells."""
    told = orjson.loads(fact.value)
    return spell_identifier(str(told.get("kind")), str(told.get("value")))


def _place_of(value: str) -> Place:
    told = orjson.loads(value)
    return Place(told.get("country"), told.get("locality"), told.get("postal_code"))


def record_name_keys(record: Record) -> frozenset[str]:
    """The keys of companies that may bear one of the record's names."""
    if not record.is_found_by_name:
        return frozenset()
    return frozenset(key for name in record.names for key in keys_of_name(name))


@lru_cache(maxsize=16_384)
def keys_of_name(name: str) -> tuple[str, ...]:
    """Without the legal form; the words as they stand, and as one."""
    words = parse_name(name, Kind.ORGANIZATION).words
    keys = (name_key(name), "-".join(words), "".join(words))
    return tuple(key for key in dict.fromkeys(keys) if len(key) >= KEY_CHARS_MIN)


def key_hashes(names: Iterable[str], identifiers: Iterable[Identifier]) -> Iterator[int]:
    """Keys as 64-bit numbers, so that the index of millions of records stays small."""
    for name in names:
        yield _hashed(f"name\0{name}")
    for kind, value in identifiers:
        yield _hashed(f"{kind}\0{value}")


def _hashed(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
