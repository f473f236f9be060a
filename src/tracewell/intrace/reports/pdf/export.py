"""What an export is: who made it when with what bounds, what was left out, the fingerprints.

The contract's members: `exported_at`, `exported_by`, `export_config`, `data_fingerprints`,
`truncation_summary`. They are told on paper and attached as `export.json`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from tracewell.kernel.clock import format_utc
from tracewell.kernel.signing import canonical_json

Json = dict[str, Any]
FORMAT: Final = "PDF/A-3a"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is put on paper; the rest is counted, and is whole in the attached report."""

    entities_max: int = 100
    rows_max: int = 1_000
    """Statements over all entities. 1,000 take 43 pages, 0.8 s of CPU and 190 MB while set."""
    entity_rows_max: int = 200
    sources_max: int = 500
    pages_max: int = 150
    attached_bytes_max: int = 16 << 20

    def halved(self) -> Bounds:
        """For a document that came out over the bound of pages."""
        return dataclasses.replace(
            self,
            entities_max=max(1, self.entities_max // 2),
            rows_max=max(1, self.rows_max // 2),
            sources_max=max(1, self.sources_max // 2),
        )


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One export. `exported_by` is a principal as the audit log names it."""

    exported_at: int
    exported_by: Json = field(repr=False)
    include_provenance: bool = True
    bounds: Bounds = Bounds()

    def config(self) -> Json:
        """The contract's `export_config`."""
        return {
            "format": FORMAT,
            "include_provenance": self.include_provenance,
            "bounds": dataclasses.asdict(self.bounds),
        }


@dataclass(slots=True)
class Truncation:
    """What was left out, counted as the document is made."""

    entities_left_out: int = 0
    statements_left_out: int = 0
    sources_left_out: int = 0
    texts_shortened: int = 0
    characters_spelled_out: int = 0
    report_not_attached: bool = False

    def to_wire(self) -> Json:
        """The contract's `truncation_summary`."""
        counts = dataclasses.asdict(self)
        return {"truncated": any(counts.values()), **counts}

    def sentences(self) -> list[str]:
        """The same for readers."""
        told = (
            (self.entities_left_out, "{} entities are not shown."),
            (self.statements_left_out, "{} statements are not shown."),
            (self.sources_left_out, "{} source records are not shown."),
            (self.texts_shortened, "{} long texts are shortened; they end in “…”."),
            (self.characters_spelled_out,
             "{} characters that cannot be shown are spelled out, like [U+202E]."),
            (self.report_not_attached, "The signed report is too large to be attached."),
        )  # fmt: skip
        return [sentence.format(count) for count, sentence in told if count]


def fingerprint_sections(members: Json) -> dict[str, str]:
    """SHA-256 over the canonical JSON (RFC 8785) of each member of the signed report."""
    return {
        name: "sha256:" + hashlib.sha256(canonical_json(member)).hexdigest()
        for name, member in sorted(members.items())
    }


def describe_export(
    request: ExportRequest, members: Json, report_hash: str, truncation: Truncation
) -> Json:
    """The members of `export.json`."""
    return {
        "request_id": members["request_id"],
        "report_hash": report_hash,
        "exported_at": format_utc(request.exported_at),
        "exported_by": request.exported_by,
        "export_config": request.config(),
        "data_fingerprints": fingerprint_sections(members),
        "truncation_summary": truncation.to_wire(),
    }
