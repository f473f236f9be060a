"""Sets a document with Typst: PDF/A-3a, tagged, fonts embedded. Blocks; call it in a thread."""

from __future__ import annotations

import dataclasses
import io
from importlib.resources import files
from pathlib import Path
from typing import Final

import typst
from pyhanko.pdf_utils.reader import PdfFileReader

from tracewell.intrace.reports.model import Report
from tracewell.intrace.reports.pdf.document import Document, Proof, build_document
from tracewell.intrace.reports.pdf.export import ExportRequest
from tracewell.intrace.reports.pdf.writing import Fonts, load_fonts
from tracewell.kernel.signing import canonical_json

_TEMPLATE: Final = "report.typ"
_HALVINGS_MAX: Final = 8


class Typesetter:
    """Sets reports; fonts and template are read once."""

    def __init__(self, own_fonts: Path | None = None) -> None:
        self._own_fonts = own_fonts

    def set_report(
        self, report: Report, bundle: bytes, request: ExportRequest, proof: Proof
    ) -> bytes:
        """The unsigned PDF, within the bounds of pages. Takes 0.2 s for a usual report."""
        fonts = load_fonts(self._own_fonts)
        for _ in range(_HALVINGS_MAX):
            try:
                pdf = _set(report, bundle, request, proof, fonts)
            except typst.TypstError as error:
                if "could not be displayed" not in error.message:
                    raise
                pdf = _set(report, bundle, request, proof, fonts.with_plain_letters_only())
            if count_pages(pdf) <= request.bounds.pages_max:
                break
            request = dataclasses.replace(request, bounds=request.bounds.halved())
        return pdf


def _set(
    report: Report, bundle: bytes, request: ExportRequest, proof: Proof, fonts: Fonts
) -> bytes:
    document = build_document(
        report, request, fonts.characters, fonts.families, proof, bundle_bytes=len(bundle)
    )
    return _compile(document, bundle, fonts, request.exported_at)


def _compile(document: Document, bundle: bytes, fonts: Fonts, at_ms: int) -> bytes:
    template = files(__package__).joinpath(_TEMPLATE).read_bytes()
    pdf = typst.compile(  # type: ignore[misc]
        template,
        font_paths=[str(folder) for folder in fonts.folders],
        # The same pages on every machine.
        ignore_system_fonts=True,
        sys_inputs={
            "document": canonical_json(document.content).decode(),
            "bundle": bundle.decode(),
            "export": canonical_json(document.export).decode(),
        },
        pdf_standards=["a-3a", "ua-1"],
        timestamp=at_ms // 1000,
    )
    assert isinstance(pdf, bytes)
    return pdf


def count_pages(pdf: bytes) -> int:
    """How many pages a PDF has."""
    return int(PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Count"])
