"""The use cases of an analysis: make one, read it, forget the expired."""

from __future__ import annotations

import asyncio

from tracewell.intrace import errors
from tracewell.intrace.analysis import store
from tracewell.intrace.analysis.kinds import AnalysisType, Instruments, Parameters
from tracewell.intrace.analysis.material import Material, read_material
from tracewell.intrace.analysis.model import (
    PAYLOAD_BYTES_MAX,
    RESULTS_MAX,
    TIMEOUT_S,
    Analysis,
    AnalysisFailed,
    AnalysisRequest,
    Conclusion,
    FailureCode,
)
from tracewell.intrace.audit.model import AuditRecord, Caller, Resource
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.entities.service import find_aliases
from tracewell.intrace.lookups import store as lookup_store
from tracewell.intrace.lookups.model import LookupRules
from tracewell.intrace.lookups.result import portable
from tracewell.intrace.lookups.service import require_reference
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database, DatabaseFailed
from tracewell.kernel.errors import ApiError
from tracewell.kernel.ids import IdFactory
from tracewell.kernel.signing import canonical_json, hash_payload


class Analyses:
    """Analyses of one deployment."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: IdFactory,
        audit: Audit,
        instruments: Instruments,
        rules: LookupRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._audit = audit
        self._instruments = instruments
        self._rules = rules

    async def analyse(
        self,
        caller: Caller,
        request: AnalysisRequest,
        kind: AnalysisType,
        parameters: Parameters,
    ) -> bytes:
        """Makes an analysis and returns its answer, canonical JSON; a failed one is an answer too.

        The audit record is durable before anything is read. Raises ApiError
        (`field_required`) and DatabaseFailed.
        """
        if self._rules.requires_reference:
            require_reference(request.requester_reference, "options.requester_reference")
        record = await self._audit.record_analysis(
            caller, requester_reference=request.requester_reference
        )
        failure: str | None = errors.INTERNAL_ERROR.code
        try:
            body = await self._make(record, request, kind, parameters)
            failure = None
        except DatabaseFailed:
            failure = errors.DATABASE_ERROR.code
            raise
        finally:
            if failure is not None:
                await self._audit.complete_failed(caller.request_id, failure)
        return body

    async def read(self, caller: Caller, analysis_id: str) -> bytes:
        """The same bytes again, for the owner or for one who may read others', which is logged.

        Raises ApiError (`not_found`) and DatabaseFailed.
        """
        async with self._database.statement() as tx:
            found = await store.find_analysis(tx, analysis_id, self._clock(), self._rules.sealer)
        if found is None:
            raise ApiError(errors.NOT_FOUND)
        await self._audit.admit_reader(caller, found.owner, Resource.ANALYSIS, found.request_id)
        return found.body

    async def purge_expired(self) -> None:
        """Erases what retention has ended; until then it is merely not given out any more."""
        async with self._database.transaction() as tx:
            await store.remove_expired(tx, self._clock())

    async def _make(
        self,
        record: AuditRecord,
        request: AnalysisRequest,
        kind: AnalysisType,
        parameters: Parameters,
    ) -> bytes:
        outcome: Conclusion | AnalysisFailed
        expires_at = record.logged_at + self._rules.retention_ms
        inputs: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                material = await self._read(record.caller, request, kind)
                outcome = await kind.analyse(material, parameters, self._instruments)
            inputs = tuple(result.request_id for result in material.results)
            expires_at = min(expires_at, *(result.expires_at for result in material.results))
        except AnalysisFailed as failed:
            outcome = failed
        except TimeoutError:
            outcome = AnalysisFailed(FailureCode.TIMED_OUT)
        try:
            return await self._keep(record, request, outcome, expires_at, inputs)
        except store.InputGone:
            gone = AnalysisFailed(FailureCode.ENTITY_NOT_FOUND)
            return await self._keep(record, request, gone, expires_at, ())

    async def _read(self, caller: Caller, request: AnalysisRequest, kind: AnalysisType) -> Material:
        async with self._database.snapshot() as tx:
            aliases = await find_aliases(tx, request.entity_id)
            found, is_cut = await lookup_store.list_payloads(
                tx,
                caller.owner,
                self._clock(),
                self._rules.sealer,
                results_max=RESULTS_MAX,
                bytes_max=PAYLOAD_BYTES_MAX,
            )
        # Reading megabytes of JSON would hold the loop.
        return await asyncio.to_thread(
            read_material,
            request.entity_id,
            found,
            reads_others=kind.reads_others,
            is_cut=is_cut,
            aliases=aliases,
        )

    async def _keep(
        self,
        record: AuditRecord,
        request: AnalysisRequest,
        outcome: Conclusion | AnalysisFailed,
        expires_at: int,
        inputs: tuple[str, ...],
    ) -> bytes:
        """Stores the analysis and what the log tells of it, together. Raises InputGone."""
        analysis = Analysis(
            self._new_id("ana"), request, record, self._clock(), outcome, expires_at, inputs
        )
        body = await asyncio.to_thread(lambda: canonical_json(portable(analysis.to_wire())))
        async with self._database.transaction() as tx:
            await store.add_analysis(tx, analysis, body, self._rules.sealer)
            request_id = record.caller.request_id
            if isinstance(outcome, AnalysisFailed):
                await self._audit.complete_without_result(tx, request_id, str(outcome.code))
            else:
                await self._audit.complete(tx, request_id, hash_payload(body))
        return body
