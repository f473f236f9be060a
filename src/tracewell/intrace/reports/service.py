"""Makes, gives and verifies reports."""

from __future__ import annotations

from tracewell.intrace import errors
from tracewell.intrace.audit import store as audit_store
from tracewell.intrace.audit.model import Caller, Completion, Resource
from tracewell.intrace.audit.service import Audit
from tracewell.intrace.audit.tree import AuditTree
from tracewell.intrace.reports import store, timestamp_store
from tracewell.intrace.reports.evidence import Evidence, describe_evidence
from tracewell.intrace.reports.model import (
    RecordMismatch,
    Report,
    Signer,
    Verification,
    whole_second,
)
from tracewell.intrace.reports.pdf.export import ExportRequest
from tracewell.intrace.reports.pdf.exporting import PdfExporter
from tracewell.kernel.clock import Clock
from tracewell.kernel.database import Database
from tracewell.kernel.errors import ApiError
from tracewell.kernel.sealing import OPEN, Sealer
from tracewell.kernel.signing import (
    LogProof,
    NotVerified,
    VerificationKeys,
    build_bundle,
    hash_payload,
    verify_payload,
)


class Reports:
    """The reports of one installation."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        signer: Signer,
        audit: Audit,
        tree: AuditTree,
        exporter: PdfExporter,
        *,
        stamps: bool = False,
        sealer: Sealer = OPEN,
    ) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._audit = audit
        self._tree = tree
        self._exporter = exporter
        self._stamps = stamps
        self._sealer = sealer

    def sign(self, request_id: str, owner: str, payload: bytes, expires_at: int) -> Report:
        """A report over canonical bytes, not yet stored. Raises SigningFailed."""
        signed_at = whole_second(self._clock())
        signature, key_id = self._signer.sign(payload, signed_at_ms=signed_at)
        return Report(
            request_id=request_id,
            owner=owner,
            payload=payload,
            signature=signature,
            key_id=key_id,
            report_hash=hash_payload(payload),
            signed_at=signed_at,
            expires_at=expires_at,
            wants_timestamp=self._stamps,
        )

    async def read_report(self, caller: Caller, request_id: str, resource: Resource) -> Report:
        """A report for its owner, or for one who may read others', which is logged first.

        Raises ApiError (`not_found`) and DatabaseFailed.
        """
        report = await self._get(request_id)
        await self._audit.admit_reader(caller, report.owner, resource, request_id)
        return report

    async def read_bundle(self, caller: Caller, request_id: str) -> bytes:
        """The file that anyone verifies offline.

        Raises as `read_report`, and LogAltered: no proof is given out of a log that was changed.
        """
        report = await self.read_report(caller, request_id, Resource.REPORT)
        evidence = await self._gather(request_id)
        return build_bundle(report.payload, report.signature, evidence.log, evidence.timestamp)

    async def export_pdf(
        self, caller: Caller, request_id: str, *, include_provenance: bool
    ) -> bytes:
        """The report for people, signed. Raises as `read_bundle`, and SigningFailed."""
        report = await self.read_report(caller, request_id, Resource.REPORT)
        evidence = await self._gather(request_id)
        bundle = build_bundle(report.payload, report.signature, evidence.log, evidence.timestamp)
        request = ExportRequest(self._clock(), caller.principal.to_wire(), include_provenance)
        rows = describe_evidence(evidence, report.signature)
        return await self._exporter.export(report, bundle, request, rows)

    async def _gather(self, request_id: str) -> Evidence:
        included = await self._tree.inclusion(request_id)
        async with self._database.statement() as tx:
            timestamp = await timestamp_store.find_timestamp(tx, request_id)
        done, log = included.completion, None
        if done is not None and done.entry is not None:
            path, head = done.proof.hashes, included.head.note
            log = LogProof(done.entry, done.proof.leaf, path, head)
        return Evidence(log, timestamp)

    async def verify(self, request_id: str) -> Verification:
        """Checks the stored bytes against the hash of their making and against the signature.

        The hash of their making stands twice: beside the report, and in the append-only audit log.
        Raises ApiError (`not_found`), DatabaseFailed, and SigningFailed for an unusable key set.
        """
        now = self._clock()
        async with self._database.snapshot() as tx:
            report = await store.find_report(tx, request_id, now, self._sealer)
            completion = await audit_store.find_completion(tx, request_id)
        if report is None:
            raise ApiError(errors.NOT_FOUND)
        failure = _find_failure(report, completion, self._signer.verification_keys())
        return Verification(request_id, report.report_hash, now, report.signed_at, failure)

    async def _get(self, request_id: str) -> Report:
        async with self._database.statement() as tx:
            report = await store.find_report(tx, request_id, self._clock(), self._sealer)
        if report is None:
            raise ApiError(errors.NOT_FOUND)
        return report


def _find_failure(
    report: Report, completion: Completion | None, keys: VerificationKeys
) -> str | None:
    logged = completion is not None and completion.report_hash == report.report_hash
    try:
        verified = verify_payload(
            report.payload,
            report.report_hash,
            report.signature,
            keys,
            # The append-only log's word, which who has stolen the key cannot write.
            existed_at_ms=completion.completed_at if completion is not None and logged else None,
        )
    except NotVerified as failure:
        return str(failure.reason)
    if (verified.kid, verified.signed_at_ms) != (report.key_id, report.signed_at):
        return str(RecordMismatch.STORED)
    return None if logged else str(RecordMismatch.AUDIT)
