"""Makes the PDF file of a report: typeset, then signed. Off the event loop, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tracewell.intrace.reports.model import Report
from tracewell.intrace.reports.pdf.document import Proof
from tracewell.intrace.reports.pdf.export import ExportRequest
from tracewell.intrace.reports.pdf.typesetting import Typesetter
from tracewell.kernel.signing.document_key import DocumentKeyFile
from tracewell.kernel.signing.pades import sign_pdf

AT_ONCE_MAX: Final = 2


class PdfExporter:
    """The exporter of one process."""

    def __init__(self, key_file: DocumentKeyFile, own_fonts: Path | None = None) -> None:
        self._key_file = key_file
        self._typesetter = Typesetter(own_fonts)
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    async def export(
        self,
        report: Report,
        bundle: bytes,
        request: ExportRequest,
        proof_rows: Sequence[tuple[str, str]],
    ) -> bytes:
        """The signed file. Raises SigningFailed."""
        async with self._places:
            return await asyncio.to_thread(self._export, report, bundle, request, proof_rows)

    def _export(
        self,
        report: Report,
        bundle: bytes,
        request: ExportRequest,
        proof_rows: Sequence[tuple[str, str]],
    ) -> bytes:
        key = self._key_file.get_key(now_ms=request.exported_at)
        proof = Proof(key.certificate_sha256, proof_rows)
        pdf = self._typesetter.set_report(report, bundle, request, proof)
        return sign_pdf(pdf, key, reason=f"Report {report.request_id}")
