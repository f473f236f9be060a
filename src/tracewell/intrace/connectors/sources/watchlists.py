"""Connector `watchlists`: names near the one asked for on the lists of a folder (FollowTheMoney).

The lists stay where they are; one that changed is read again. Screening itself: `screening`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tracewell.intrace.connectors.model import (
    AskContext,
    Clock,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    PartialAnswerError,
    SourceFailedError,
    observe,
)
from tracewell.intrace.connectors.screening import Hit, Watchlist, load_watchlist
from tracewell.intrace.connectors.threads import call_in_thread, start_in_thread
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.resolution import Kind
from tracewell.values import Observation

LISTS_MAX: Final = 50
HITS_SHOWN_MAX: Final = 20
RECHECK_MS: Final = 1_000
_PATTERNS: Final = ("*.ftm.json", "*.ftm.jsonl", "*.ftm.ndjson")

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The lists that were read, and the files that could not be, each with its stamp."""

    lists: Mapping[str, tuple[Stamp, Watchlist | None]]


class Watchlists(Connector):
    """Sanctions, debarments, politically exposed people: whatever lists the operator has."""

    spec = ConnectorSpec(
        id="watchlists",
        name="Watchlists",
        accepts=frozenset({IdentifierType.NAME, IdentifierType.COMPANY_NAME}),
        yields=(
            "person.name",
            "person.dob",
            "organization.name",
            "watchlist.entry",
            "watchlist.list",
            "watchlist.name",
            "watchlist.score",
            "watchlist.topic",
            "watchlist.schema",
            "watchlist.url",
        ),
        terms_url="https://followthemoney.tech/",
        licence="that of the configured lists",
        cost_class=CostClass.LOCAL,
        timeout_s=10.0,
    )

    def __init__(self, directory: Path | None, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._refresh: Future[_Loaded] | None = None
        self._checked_at = 0

    def find_obstacle(self) -> str | None:
        """No directory, or none with a list in it."""
        if self._directory is None:
            return "no directory of watchlists is configured"
        if not _list_files(self._directory):
            return f"the configured directory holds no {_PATTERNS[0]} file"
        return None

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """One record for each hit; partial when a list could not be read in full."""
        is_person = identifier.type is IdentifierType.NAME
        kind = Kind.UNKNOWN if is_person else Kind.ORGANIZATION
        loaded = await self._fresh()
        if not _has_entities(loaded):
            raise SourceFailedError("; ".join(_find_troubles(loaded)))
        hits = await self.screen(identifier.value, kind)
        observations: list[Observation] = []
        for name, hit in hits[:HITS_SHOWN_MAX]:
            stamp, _ = loaded.lists.get(name, ((0, 0, 0), None))
            observations += observe(
                f"{name}/{hit.entity.id}",
                _statements(name, hit),
                source_url=f"watchlist:{quote(name)}#{quote(hit.entity.id, safe='')}",
                observed_at=stamp[0] // 1_000_000 or context.clock(),
                record={
                    "id": hit.entity.id,
                    "schema": hit.entity.schema,
                    "properties": {k: list(v) for k, v in hit.entity.properties.items()},
                },
            )
        troubles = _find_troubles(loaded)
        if len(hits) > HITS_SHOWN_MAX:
            troubles.append(f"only the {HITS_SHOWN_MAX} nearest of {len(hits)} hits are shown")
        if troubles:
            raise PartialAnswerError("; ".join(troubles), observations)
        return observations

    async def screen(
        self, name: str, kind: Kind = Kind.UNKNOWN, *, birth_date: str | None = None
    ) -> list[tuple[str, Hit]]:
        """(list, hit) over all lists, the nearest first."""
        loaded = await self._fresh()
        read = [(title, found) for title, (_, found) in loaded.lists.items() if found]
        screened = await call_in_thread(
            lambda: [
                (title, hit)
                for title, watchlist in read
                for hit in watchlist.screen(name, kind, birth_date=birth_date)
            ]
        )
        return sorted(screened, key=lambda s: (-s[1].score, s[0], s[1].entity.id))

    async def check_health(self, context: AskContext) -> Condition:
        """Whether every list was read without loss."""
        loaded = await self._fresh()
        troubles = _find_troubles(loaded)
        if not _has_entities(loaded):
            return Condition(HealthStatus.UNREACHABLE, "; ".join(troubles) or "there is no list")
        if troubles:
            return Condition(HealthStatus.DEGRADED, "; ".join(troubles))
        return Condition(HealthStatus.REACHABLE)

    def origin_of(self, observation: Observation) -> str:
        """The list that an entry stands on."""
        return f"{self.spec.id}:{observation.subject.partition('/')[0]}"

    async def _fresh(self) -> _Loaded:
        """What the files hold now; all questions that arrive meanwhile wait for the one reading."""
        with self._lock:
            now = self._clock()
            is_fresh = 0 <= now - self._checked_at < RECHECK_MS
            if self._loaded is not None and self._refresh is None and is_fresh:
                return self._loaded
            if self._refresh is None:
                self._refresh = start_in_thread(self._reload)
                self._checked_at = now
            refresh = self._refresh
        return await asyncio.wrap_future(refresh)

    def _reload(self) -> _Loaded:
        try:
            loaded = self._read(self._loaded.lists if self._loaded else {})
        except BaseException:
            with self._lock:
                self._loaded, self._refresh = None, None
            raise
        with self._lock:
            self._loaded, self._refresh = loaded, None
        return loaded

    def _read(self, known: Mapping[str, tuple[Stamp, Watchlist | None]]) -> _Loaded:
        assert self._directory is not None
        lists: dict[str, tuple[Stamp, Watchlist | None]] = {}
        for path in _list_files(self._directory)[:LISTS_MAX]:
            title = path.name.partition(".")[0]
            try:
                status = path.stat()
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                if title in known and known[title][0] == stamp:
                    lists[title] = known[title]
                else:
                    lists[title] = (stamp, load_watchlist(path))
            except OSError:
                lists[title] = ((0, 0, 0), None)
        return _Loaded(lists)


def _list_files(directory: Path) -> list[Path]:
    found = {path for pattern in _PATTERNS for path in directory.glob(pattern)}
    return sorted(path for path in found if path.is_file())


def _has_entities(loaded: _Loaded) -> bool:
    return any(watchlist and watchlist.entities for _, watchlist in loaded.lists.values())


def _find_troubles(loaded: _Loaded) -> list[str]:
    troubles = []
    for title, (_, watchlist) in loaded.lists.items():
        if watchlist is None or not watchlist.entities:
            troubles.append(f"{title}: no entity could be read")
            continue
        if watchlist.bad_lines:
            troubles.append(f"{title}: {watchlist.bad_lines} lines could not be read")
        if watchlist.is_truncated:
            troubles.append(f"{title}: only the first {len(watchlist.entities)} entities are read")
    return troubles


def _statements(title: str, hit: Hit) -> list[tuple[str, str]]:
    entity, properties = hit.entity, hit.entity.properties
    is_person = entity.kind is Kind.PERSON
    naming = "person.name" if is_person else "organization.name"
    return [
        *((naming, name) for name in dict.fromkeys((hit.name, *entity.names[:20]))),
        *(("person.dob", date) for date in properties.get("birthDate", ())[:5] if is_person),
        ("watchlist.entry", entity.id),
        ("watchlist.list", title),
        ("watchlist.name", hit.name),
        ("watchlist.score", f"{hit.score:.3f}"),
        *(("watchlist.topic", topic) for topic in properties.get("topics", ())[:20]),
        ("watchlist.schema", entity.schema),
        *(("watchlist.url", url) for url in properties.get("sourceUrl", ())[:1]),
    ]
