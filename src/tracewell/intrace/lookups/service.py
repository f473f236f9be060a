"""The use cases of a lookup: make one, read it, list one's own, erase it, forget the expired."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tracewell.intrace import errors
from tracewell.intrace.audit.model import Action, AuditRecord, Caller, Change, Resource
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.connectors.planning import Plan, plan_run
from tracewell.intrace.connectors.runner import RunResult, run_connectors
from tracewell.intrace.entities.rules import find_keys, rename
from tracewell.intrace.entities.service import Entities
from tracewell.intrace.identifiers import Identifier, IdentifierError, parse_identifiers
from tracewell.intrace.identifiers.errors import INVALID_TYPE
from tracewell.intrace.lookups import store
from tracewell.intrace.lookups.following import find_leads, findings_of
from tracewell.intrace.lookups.model import (
    ENTITIES_KEPT_MAX,
    FOLLOWED_IDENTIFIERS_MAX,
    FOLLOWED_ROUNDS_MAX,
    Asked,
    Findings,
    LookupPage,
    LookupRequest,
    LookupRules,
    LookupSummary,
)
from tracewell.intrace.lookups.result import Result, build_result, resolve
from tracewell.intrace.reports import store as report_store
from tracewell.intrace.reports.model import Report, render_result
from tracewell.intrace.reports.service import Reports
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, DatabaseFailed
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.signing import SigningFailed


class Lookups:
    """Lookups of one deployment."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: IdFactory,
        audit: Audit,
        reports: Reports,
        entities: Entities,
        rules: LookupRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._audit = audit
        self._reports = reports
        self._entities = entities
        self._rules = rules

    async def look_up(self, caller: Caller, request: LookupRequest) -> bytes:
        """Makes a lookup and returns its result, canonical JSON.

        The audit record is durable before any source is asked; no transaction is open meanwhile.
        Nothing is returned that is not signed and stored. Raises ApiError (`field_invalid`,
        `field_required` and the codes of identifiers), DatabaseFailed, SigningFailed.
        """
        self._check_reference(request.requester_reference)
        self._check_connectors(request.connectors)
        identifiers = _parse(request.identifiers)
        record = await self._audit.record_lookup(
            caller,
            identifiers_queried=len(request.identifiers),
            requester_reference=request.requester_reference,
        )
        failure: str | None = errors.INTERNAL_ERROR.code
        try:
            report = await self._make(record, identifiers, request)
            failure = None
        except SigningFailed:
            failure = errors.SIGNING_FAILED.code
            raise
        except DatabaseFailed:
            failure = errors.DATABASE_ERROR.code
            raise
        finally:
            if failure is not None:
                await self._audit.complete_failed(caller.request_id, failure)
        return render_result(report)

    def plan(self, request: LookupRequest) -> tuple[Plan, ...]:
        """The dry run: which connectors the first round would ask, which not and why.

        Raises ApiError as `look_up` does.
        """
        self._check_connectors(request.connectors)
        return plan_run(
            self._rules.connectors,
            _parse(request.identifiers),
            enabled=self._rules.enabled,
            requested=request.connectors,
            means=self._rules.means,
        )

    async def get_result(self, caller: Caller, request_id: str) -> bytes:
        """The same bytes again. Raises ApiError (`not_found`) and DatabaseFailed."""
        return render_result(await self._reports.read_report(caller, request_id, Resource.LOOKUP))

    async def list_lookups(
        self,
        caller: Caller,
        *,
        cursor: str | None,
        limit: int,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> LookupPage:
        """The caller's own lookups, the newest first; both bounds of time are inclusive."""
        now = self._clock()
        async with self._database.statement() as tx:
            rows = await store.list_lookups(
                tx, caller.owner, cursor, limit + 1, now, from_ms=from_ms, to_ms=to_ms
            )
        page = rows[:limit]
        more = page[-1].request_id if len(rows) > limit else None
        return LookupPage(tuple(page), more)

    async def erase(self, caller: Caller, request_id: str) -> None:
        """Erases the caller's own result and report; the audit record stays, and one more tells of
        the erasure.

        Raises ApiError (`not_found`) and DatabaseFailed.
        """
        async with self._database.transaction() as tx:
            erased = await report_store.remove_report(tx, request_id, caller.owner, self._clock())
            if not erased:
                raise ApiError(errors.NOT_FOUND)
            await self._audit.record_change(
                tx, caller, Change(Action.ERASED, Resource.LOOKUP, request_id)
            )

    async def purge_expired(self) -> None:
        """Erases what retention has ended; until then it is merely not given out any more."""
        async with self._database.transaction() as tx:
            await report_store.remove_expired(tx, self._clock())

    def _check_reference(self, reference: str | None) -> None:
        if self._rules.requires_reference:
            require_reference(reference, "requester_reference")

    def _check_connectors(self, wanted: Sequence[str] | None) -> None:
        known = {connector.spec.id for connector in self._rules.connectors}
        details = [
            {"field": f"connectors[{index}]", "issue": "There is no connector of this id."}
            for index, connector_id in enumerate(wanted or ())
            if connector_id not in known
        ]
        if details:
            raise ApiError(errors.FIELD_INVALID, details=details)

    async def _make(
        self, record: AuditRecord, identifiers: Sequence[Identifier], request: LookupRequest
    ) -> Report:
        findings = await self._ask_all(identifiers, request)
        # Resolution and canonical JSON of a large result would hold the loop.
        secret = self._rules.entity_id_key
        resolution = await asyncio.to_thread(resolve, findings, secret)
        met = await asyncio.to_thread(find_keys, resolution.entities[:ENTITIES_KEPT_MAX], secret)
        assignment = await self._entities.recognise(met)
        lasting = rename(resolution, assignment)
        result = await asyncio.to_thread(build_result, findings, record, lasting)
        caller = record.caller
        expires_at = record.logged_at + self._rules.retention_ms
        report = self._reports.sign(caller.request_id, caller.owner, result.payload, expires_at)
        summary = _summarise(record, request, result, expires_at)
        async with self._database.transaction() as tx:
            await report_store.add_report(tx, report, self._rules.sealer)
            await store.add_lookup(tx, summary)
            await self._entities.keep(tx, record, met, assignment)
            await self._audit.complete(tx, caller.request_id, report.report_hash)
        return report

    async def _ask_all(self, identifiers: Sequence[Identifier], request: LookupRequest) -> Findings:
        """All rounds; a deep lookup's later ones ask about what the earlier ones found."""
        asked = [Asked(identifier) for identifier in identifiers]
        rounds = [await self._ask(identifiers, request.connectors)]
        followed_left = FOLLOWED_IDENTIFIERS_MAX
        for number in range(1, FOLLOWED_ROUNDS_MAX + 1 if request.depth == "deep" else 1):
            found = findings_of(asked, rounds)
            resolution = await asyncio.to_thread(resolve, found, self._rules.entity_id_key)
            leads = find_leads(resolution, asked, followed_left)
            if not leads:
                break
            followed_left -= len(leads)
            rounds.append(await self._ask(leads, request.connectors))
            asked += [Asked(lead, number) for lead in leads]
        return findings_of(asked, rounds)

    async def _ask(
        self, identifiers: Sequence[Identifier], requested: Sequence[str] | None
    ) -> RunResult:
        return await run_connectors(
            self._rules.connectors,
            identifiers,
            clock=self._clock,
            new_source_id=lambda: self._new_id("src"),
            timeout_s=self._rules.connector_timeout_s,
            enabled=self._rules.enabled,
            requested=requested,
            means=self._rules.means,
        )


def require_reference(reference: str | None, field: str) -> None:
    """Raises ApiError (`field_required`) where nothing is told."""
    if reference is None or not reference.strip():
        details = [{"field": field, "issue": "This deployment requires it: say for what you ask."}]
        raise ApiError(errors.FIELD_REQUIRED, details=details)


def _parse(submitted: Sequence[tuple[str, str]]) -> tuple[Identifier, ...]:
    """Raises ApiError with every broken identifier; a wrong type decides the code."""
    try:
        return parse_identifiers(submitted)
    except IdentifierError as error:
        codes = [problem.code for problem in error.problems]
        code = INVALID_TYPE if INVALID_TYPE in codes else codes[0]
        details = [{"field": p.field, "issue": p.issue} for p in error.problems]
    raise ApiError(errors.CATALOGUE[code], details=details)


def _summarise(
    record: AuditRecord, request: LookupRequest, result: Result, expires_at: int
) -> LookupSummary:
    return LookupSummary(
        request_id=record.caller.request_id,
        owner=record.caller.owner,
        depth=request.depth,
        identifier_count=record.identifiers_queried,
        status=result.status,
        confidence=result.confidence,
        entity_count=result.entity_count,
        queried_at=record.logged_at,
        expires_at=expires_at,
    )
