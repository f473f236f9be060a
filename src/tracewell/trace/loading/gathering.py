"""All that a batch may touch, read into a workspace: companies by keys, records by companies.

Round by round until nothing new comes, so that a batch decides as if it saw the whole database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tracewell.kernel.database import Transaction
from tracewell.trace.companies.bulk import list_taken_slugs
from tracewell.trace.loading import store
from tracewell.trace.loading.known import Known, key_hashes, keys_of_name, record_name_keys
from tracewell.trace.loading.model import Record
from tracewell.trace.loading.workspace import Kept, Workspace, list_slugs


async def gather_for_records(tx: Transaction, records: Sequence[tuple[Record, bytes]]) -> Workspace:
    """A workspace for applying these rows, given with their digests."""
    gathering = _Gathering(tx)
    by_source: dict[str, set[str]] = defaultdict(set)
    for record, _ in records:
        by_source[record.source].add(record.key)
    kept = [
        one
        for source, keys in sorted(by_source.items())
        for one in await store.fetch_kept(tx, source, keys)
    ]
    gathering.put(kept)
    same = {(one.record.source, one.record.key): one.digest for one in kept}
    news = [record for record, digest in records if same.get((record.source, record.key)) != digest]
    # Records that are known as they are change nothing, and touch nothing.
    mine = {(record.source, record.key) for record in news}
    owners = {
        one.company_id
        for one in kept
        if one.company_id is not None and (one.record.source, one.record.key) in mine
    }
    await gathering.run(news, owners)
    return gathering.workspace


async def gather_for_companies(tx: Transaction, company_ids: Iterable[int]) -> Workspace:
    """A workspace for showing these companies to the records that wait."""
    gathering = _Gathering(tx)
    await gathering.run([], set(company_ids))
    return gathering.workspace


async def gather_for_waiting(tx: Transaction, kept: Sequence[Kept]) -> Workspace:
    """A workspace for looking at these records again."""
    gathering = _Gathering(tx)
    gathering.put(kept)
    await gathering.run([one.record for one in kept], set())
    return gathering.workspace


class _Gathering:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.workspace = Workspace()
        self._has_waiting: bool | None = None
        self._asked: set[int] = set()
        self._shown: set[int] = set()
        # Records of which it is not known yet that they could found or change a company.
        self._idle: list[tuple[Record, set[int]]] = []
        self._active: set[int] = set()

    def put(self, kept: Iterable[Kept]) -> None:
        """Takes records in that are not there yet."""
        for one in kept:
            if (one.record.source, one.record.key) not in self.workspace.kept:
                self.workspace.put_kept(one)

    async def run(self, records: Sequence[Record], company_ids: set[int]) -> None:
        """Rounds, until a round finds neither companies nor records."""
        while records or company_ids:
            hashed = [(one, _hashes(one)) for one in records]
            for known in await self._companies_of(hashed, company_ids):
                self._active |= known.hashes
            await self._look_at_slugs(records)
            self._activate(hashed)
            records = await self._waiting()
            company_ids = set()

    async def _companies_of(
        self, records: Sequence[tuple[Record, set[int]]], company_ids: set[int]
    ) -> list[Known]:
        hashes = {one for _, some in records for one in some} - self._asked
        self._asked |= hashes
        domains = {domain for record, _ in records for domain in record.domains}
        found = await store.find_company_ids(self._tx, hashes, domains)
        fresh = (found | company_ids) - set(self.workspace.companies)
        known = await store.fetch_known(self._tx, fresh)
        for one in known:
            self.workspace.put_company(one)
        return known

    def _activate(self, records: Iterable[tuple[Record, set[int]]]) -> None:
        """Follows keys from companies, and from records with a domain, to all that they reach."""
        self._idle += records
        has_moved = True
        while has_moved:
            has_moved, idle = False, self._idle
            self._idle = []
            for record, hashes in idle:
                if record.domains or not hashes.isdisjoint(self._active):
                    self._active |= hashes
                    has_moved = True
                else:
                    self._idle.append((record, hashes))

    async def _look_at_slugs(self, records: Iterable[Record]) -> None:
        slugs = [slug for one in records for name in one.domains[:1] for slug in list_slugs(name)]
        if slugs:
            self.workspace.taken_slugs |= await list_taken_slugs(self._tx, slugs)
        for record in records:
            if record.domains and not record.names:
                # The company that it may found will be known by the words of its slug.
                words = (slug.replace("-", " ") for slug in list_slugs(record.domains[0]))
                keys = {key for name in words for key in keys_of_name(name)}
                self._active |= set(key_hashes(keys, ()))

    async def _waiting(self) -> list[Record]:
        """Records that wait for a company here, or for one that the records make or change."""
        if self._has_waiting is None:
            self._has_waiting = await store.has_waiting(self._tx)
        hashes = self._active - self._shown
        if not self._has_waiting or not hashes:
            return []
        self._shown |= hashes
        waiting = await store.fetch_waiting(self._tx, hashes)
        kept = self.workspace.kept
        fresh = [one for one in waiting if (one.record.source, one.record.key) not in kept]
        self.put(fresh)
        return [one.record for one in fresh]


def _hashes(record: Record) -> set[int]:
    return set(key_hashes(record_name_keys(record), record.identifiers))
