"""The use cases of what a list is made of: the versions of its definition, and domains by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, Transaction
from tracewell.kernel.errors import ApiError
from tracewell.trace import errors
from tracewell.trace.companies.heads import find_heads
from tracewell.trace.filters.model import REGISTRY_VERSION
from tracewell.trace.lists import contents
from tracewell.trace.lists.access import get_list, lock_list, save_change
from tracewell.trace.lists.model import (
    DOMAINS_MAX,
    CompanyList,
    Definition,
    ListedDomain,
    Member,
    Side,
)
from tracewell.trace.lists.rules import parse_definition, tree_json
from tracewell.trace.paging import Page

_NOTED_DOMAINS_MAX = 100
"""Domains that an entry of the audit log names."""


class Definitions:
    """Definitions and hand-picked domains of lists. Whatever changes them makes members stale."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get_definition(
        self, member: Member, list_id: str, version: int | None = None
    ) -> Definition:
        """A version, the current one by default: version 0 without a tree where none was put.

        Raises ApiError (list_not_found, definition_not_found).
        """
        async with self._database.snapshot() as tx:
            found = await get_list(tx, member, list_id)
            if version is None:
                return await current_definition(tx, found)
            return await _get_version(tx, found, version)

    async def list_versions(
        self, member: Member, list_id: str, page: Page
    ) -> tuple[list[Definition], int]:
        """A page of the versions, the newest first, and how many there are."""
        async with self._database.snapshot() as tx:
            found = await get_list(tx, member, list_id)
            rows = await contents.list_definitions(
                tx, list_id, limit=page.limit, offset=page.offset
            )
            return rows, found.definition_version

    async def put_definition(
        self,
        member: Member,
        list_id: str,
        registry_version: int,
        root: Any,
        base_version: int | None,
    ) -> Definition:
        """Appends a version. With `base_version` only if that is still the current one.

        Raises ApiError (list_not_found, list_permission_denied, stale_registry_version,
        invalid_definition, definition_conflict).
        """
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "editor")
            tree = tree_json(parse_definition(registry_version, root))
            if base_version is not None and base_version != found.definition_version:
                raise ApiError(errors.DEFINITION_CONFLICT, current_version=found.definition_version)
            return await self._append(tx, found, member, tree, None)

    async def restore(self, member: Member, list_id: str, version: int) -> Definition:
        """Appends a copy of an earlier version. Raises like `put_definition`, and
        definition_not_found."""
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "editor")
            old = await _get_version(tx, found, version)
            tree = tree_json(parse_definition(old.registry_version, old.root))
            return await self._append(tx, found, member, tree, version)

    async def _append(
        self,
        tx: Transaction,
        found: CompanyList,
        member: Member,
        tree: Any,
        restored_from: int | None,
    ) -> Definition:
        now, version = self._clock(), found.definition_version + 1
        made = Definition(version, REGISTRY_VERSION, tree, member.user_id, now, restored_from)
        await contents.add_definition(tx, found.list_id, made)
        details: dict[str, Any] = {"version": version}
        if restored_from is not None:
            details["restored_from"] = restored_from
        action = "definition.changed" if restored_from is None else "definition.restored"
        await save_change(
            tx, found, member, now, action, details,
            changes_members=True, definition_version=version,
        )  # fmt: skip
        return made

    async def list_domains(
        self, member: Member, list_id: str, side: Side, page: Page
    ) -> tuple[list[ListedDomain], int]:
        """A page of one side's domains, and how many there are."""
        async with self._database.snapshot() as tx:
            await get_list(tx, member, list_id)
            rows = await contents.list_domains(
                tx, list_id, side, limit=page.limit, offset=page.offset
            )
            return rows, await contents.count_domains(tx, list_id, side)

    async def add_domains(
        self, member: Member, list_id: str, side: Side, domains: Sequence[str]
    ) -> dict[str, tuple[bool, bool]]:
        """Puts domains on a side, from the other if they stood there.

        Returns by domain whether it was put there now and whether it is a company's. Raises
        ApiError (list_not_found, list_permission_denied, list_too_large).
        """
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "editor")
            sides = await contents.fetch_sides(tx, list_id, domains)
            heads = await find_heads(tx, domains)
            held = await contents.count_domains(tx, list_id)
            if held + len(set(domains) - set(sides)) > DOMAINS_MAX:
                raise ApiError(errors.LIST_TOO_LARGE, limit=DOMAINS_MAX)
            changed = [domain for domain in domains if sides.get(domain) != side]
            if changed:
                now = self._clock()
                await contents.save_domains(tx, list_id, changed, side, member.user_id, now)
                await self._note(tx, found, member, f"domains.{side}", changed)
        put = set(changed)
        return {domain: (domain in put, domain in heads) for domain in domains}

    async def remove_domains(
        self, member: Member, list_id: str, side: Side, domains: Sequence[str]
    ) -> list[str]:
        """Takes domains from a side; returns those that stood there. Raises like `add_domains`."""
        async with self._database.transaction() as tx:
            found = await lock_list(tx, member, list_id, "editor")
            sides = await contents.fetch_sides(tx, list_id, domains)
            removed = [domain for domain in domains if sides.get(domain) == side]
            if removed:
                await contents.remove_domains(tx, list_id, removed, side)
                await self._note(tx, found, member, f"domains.{side}.removed", removed)
        return removed

    async def _note(
        self,
        tx: Transaction,
        found: CompanyList,
        member: Member,
        action: str,
        domains: Sequence[str],
    ) -> None:
        details = {"count": len(domains), "domains": list(domains[:_NOTED_DOMAINS_MAX])}
        await save_change(tx, found, member, self._clock(), action, details, changes_members=True)


async def current_definition(tx: Transaction, found: CompanyList) -> Definition:
    """The definition in force; version 0 without a tree where none was put."""
    if found.definition_version == 0:
        return Definition(0, REGISTRY_VERSION, None, None, None)
    return await _get_version(tx, found, found.definition_version)


async def _get_version(tx: Transaction, found: CompanyList, version: int) -> Definition:
    known = 0 < version <= found.definition_version
    made = await contents.find_definition(tx, found.list_id, version) if known else None
    if made is None:
        raise ApiError(errors.DEFINITION_NOT_FOUND)
    return made
