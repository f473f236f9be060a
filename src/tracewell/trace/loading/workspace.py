"""Records applied one after the other to the companies and records that a batch may touch. Pure.

What comes out does not depend on how rows are cut into batches: every row sees what those before it
changed, and a company that is new or has changed is shown the records that waited for one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from tracewell.trace.companies.rules import keep_facts
from tracewell.trace.companies.slugs import iter_slugs
from tracewell.trace.loading.known import Known, record_name_keys
from tracewell.trace.loading.matching import Decision, decide, is_evidence
from tracewell.trace.loading.model import Action, Identifier, Record, State

SLUGS_TRIED = 9
"""Slugs of a domain that are looked at before one is made that nobody can have."""


@dataclass(slots=True)
class Kept:
    """A record as it is stored; `record_id` is None while it is not."""

    record: Record
    body: str
    digest: bytes
    state: State
    company_id: int | None
    record_id: int | None
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a record did; `settled` earlier ones that were matched by the way."""

    action: Action
    decision: Decision
    settled: int = 0


Key = tuple[str, str]
"""Source and key of a record."""


class Workspace:
    """Companies and records in memory. What is asked for must have been put in."""

    def __init__(self) -> None:
        self.companies: dict[int, Known] = {}
        self.changed: dict[int, None] = {}
        self.kept: dict[Key, Kept] = {}
        self.taken_slugs: set[str] = set()
        self._next_id = -1
        self._by_domain: dict[str, int] = {}
        self._by_identifier: defaultdict[Identifier, set[int]] = defaultdict(set)
        self._by_name: defaultdict[str, set[int]] = defaultdict(set)
        self._waiting: defaultdict[str | Identifier, dict[Key, None]] = defaultdict(dict)

    def put_company(self, known: Known) -> None:
        """Takes a company in, or its new state."""
        before = self.companies.get(known.company_id)
        if before is not None:
            self._forget_keys(before)
        self.companies[known.company_id] = known
        for domain in known.domains:
            self._by_domain[domain] = known.company_id
        for identifier in known.identifiers:
            self._by_identifier[identifier].add(known.company_id)
        for key in known.name_keys:
            self._by_name[key].add(known.company_id)

    def _forget_keys(self, known: Known) -> None:
        for identifier in known.identifiers:
            self._by_identifier[identifier].discard(known.company_id)
        for key in known.name_keys:
            self._by_name[key].discard(known.company_id)

    def put_kept(self, kept: Kept) -> None:
        """Takes a stored record in."""
        self.kept[_key(kept.record)] = kept
        self._wait(kept)

    def _wait(self, kept: Kept) -> None:
        for key in _keys_of(kept.record):
            if kept.state == "matched":
                self._waiting[key].pop(_key(kept.record), None)
            else:
                self._waiting[key][_key(kept.record)] = None

    def apply(self, record: Record, body: str, digest: bytes) -> Applied:
        """Decides one row and does what follows from it."""
        kept = self.kept.get(_key(record))
        if kept is not None and not _is_news(kept, record, digest):
            return Applied("unchanged", Decision("matched", "loaded before", kept.company_id))
        if kept is None:
            kept = Kept(record, body, digest, "aside", None, None)
            self.kept[_key(record)] = kept
        else:
            self._stop_waiting(kept)
            kept.record, kept.body, kept.digest = record, body, digest
        kept.is_changed = True
        decision, changed = self._place(kept)
        settled = sum(self.settle(company_id) for company_id in changed)
        action: Action = "new" if decision.verdict == "new" else kept.state
        return Applied(action, decision, settled)

    def decide(self, kept: Kept) -> Decision:
        """Whose the record would be now; nothing follows from it."""
        return self._decide(kept)

    def _stop_waiting(self, kept: Kept) -> None:
        for key in _keys_of(kept.record):
            self._waiting[key].pop(_key(kept.record), None)

    def settle(self, company_id: int) -> int:
        """Shows a company that is new, or has changed, to the records that may have waited for it.

        Returns how many were matched.
        """
        queue, settled = [company_id], 0
        while queue:
            known = self.companies[queue.pop(0)]
            keys: Iterable[str | Identifier] = (
                *sorted(known.name_keys), *sorted(known.identifiers)
            )  # fmt: skip
            waiting = sorted({one for key in keys for one in self._waiting[key]})
            for one in waiting:
                kept = self.kept[one]
                if kept.state == "matched":
                    continue
                before = kept.state
                _, changed = self._place(kept)
                kept.is_changed |= kept.state != before
                settled += kept.company_id is not None
                queue += changed
        return settled

    def _place(self, kept: Kept) -> tuple[Decision, list[int]]:
        """Decides, merges or founds; the companies that are other than before."""
        decision = self._decide(kept)
        changed: list[int] = []
        if decision.verdict == "new":
            company_id = self._found(kept.record)
            kept.state, kept.company_id = "matched", company_id
            changed.append(company_id)
        elif decision.verdict == "matched":
            assert decision.company_id is not None, "a matched record has a company"
            kept.state, kept.company_id = "matched", decision.company_id
            if self._merge(decision, kept.record):
                changed.append(decision.company_id)
        else:
            kept.state, kept.company_id = decision.verdict, None
        self._wait(kept)
        return decision, changed

    def _decide(self, kept: Kept) -> Decision:
        if kept.company_id is not None:
            return Decision("matched", "loaded before", kept.company_id)
        record = kept.record
        by_identifier = {
            company_id
            for identifier in record.identifiers
            if is_evidence(identifier.kind)
            for company_id in self._by_identifier[identifier]
        }
        by_domain = {self._by_domain[one] for one in record.domains if one in self._by_domain}
        by_name: set[int] = set()
        if not by_identifier and not by_domain:
            by_name = {one for key in record_name_keys(record) for one in self._by_name[key]}
        return decide(
            record, *(self._companies(ids) for ids in (by_identifier, by_domain, by_name))
        )

    def _companies(self, ids: Iterable[int]) -> list[Known]:
        found = [self.companies[one] for one in ids]
        return sorted(found, key=lambda known: known.primary_domain)

    def _found(self, record: Record) -> int:
        company_id, domain = self._next_id, record.domains[0]
        self._next_id -= 1
        slug = next((one for one in list_slugs(domain) if one not in self.taken_slugs), None)
        if slug is None:
            digest = hashlib.blake2b(domain.encode(), digest_size=5).hexdigest()
            slug = f"{list_slugs(domain)[-1]}-{digest}"
        self.taken_slugs.add(slug)
        self.changed[company_id] = None
        self.put_company(
            Known(
                company_id,
                slug,
                domain,
                record.domains,
                keep_facts(record.facts),
                record.observed_at,
            )
        )
        return company_id

    def _merge(self, decision: Decision, record: Record) -> bool:
        assert decision.company_id is not None, "a matched record has a company"
        known = self.companies[decision.company_id]
        further: tuple[str, ...] = ()
        if decision.reason != "name":
            further = tuple(one for one in record.domains if one not in self._by_domain)
        merged = replace(
            known,
            facts=keep_facts((*known.facts, *record.facts)),
            domains=(*known.domains, *further),
        )
        if merged == known:
            return False
        self.changed[known.company_id] = None
        self.put_company(merged)
        return True


@lru_cache(maxsize=8_192)
def list_slugs(domain: str) -> tuple[str, ...]:
    """The slugs that a new company of that domain may get, the nicest first."""
    return tuple(islice(iter_slugs(domain), SLUGS_TRIED))


def _keys_of(record: Record) -> list[str | Identifier]:
    return [*record_name_keys(record), *record.identifiers]


def _key(record: Record) -> Key:
    return record.source, record.key


def _is_news(kept: Kept, record: Record, digest: bytes) -> bool:
    """Of two accounts of one row the later stands; of two at once the one that sorts last."""
    if kept.digest == digest:
        return False
    return (record.observed_at, digest) > (kept.record.observed_at, kept.digest)
