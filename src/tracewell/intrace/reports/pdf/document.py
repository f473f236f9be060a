"""From a signed report to what stands on its pages, as plain data for the template. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tracewell.intrace.reports.model import Report
from tracewell.intrace.reports.pdf.entities import EntityWriter, confidence, write_reasons
from tracewell.intrace.reports.pdf.export import (
    FORMAT,
    ExportRequest,
    Truncation,
    describe_export,
)
from tracewell.intrace.reports.pdf.writing import Writing
from tracewell.kernel.clock import format_utc

Json = dict[str, Any]

_STATUS: Final = {
    "resolved": "The identifiers belong to one entity of those found.",
    "ambiguous": "More than one entity may be meant.",
    "no_match": "No source knows an entity with these identifiers.",
}
_COVERAGE: Final = {
    "answered": "answered", "empty": "found nothing", "partial": "answered in part",
    "rate_limited": "refused: too many questions", "timed_out": "no answer in time",
    "failed": "failed", "skipped": "not asked", "not_configured": "not configured",
}  # fmt: skip
_PRINCIPAL: Final = {
    "user_id": "User", "user_email": "E-mail", "idp_session_id": "Session",
    "api_key_id": "API key", "service_account_name": "Service account",
}  # fmt: skip
_SILENT: Final = frozenset({"partial", "rate_limited", "timed_out", "failed"})


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves the report besides its signature, in words for readers: label and text."""

    certificate_sha256: str
    rows: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The template's data, and the two files that are attached."""

    content: Json
    export: Json


def build_document(
    report: Report,
    request: ExportRequest,
    characters: frozenset[int],
    families: Sequence[str],
    proof: Proof,
    *,
    bundle_bytes: int,
) -> Document:
    """What the report's pages say. The payload's own members are the only source of it."""
    members: Json = json.loads(report.payload)
    writing, truncation = Writing(characters), Truncation()
    sources = members.get("sources", [])[: request.bounds.sources_max]
    truncation.sources_left_out = len(members.get("sources", [])) - len(sources)
    truncation.report_not_attached = bundle_bytes > request.bounds.attached_bytes_max
    numbers = {s["source_id"]: n for n, s in enumerate(members.get("sources", []), 1)}
    entities = EntityWriter(writing, numbers, request.bounds, truncation)
    content: Json = {
        **_front(writing, members),
        "fonts": list(families),
        "asked": _asked(writing, members, entities),
        "entities": entities.write_all(members.get("entities", [])),
        "coverage": [_outcome(writing, outcome) for outcome in members.get("coverage", [])],
        "coverage_note": writing.tell(members.get("coverage_note", ""), 2_000),
        "sources": [_source(writing, number, s) for number, s in enumerate(sources, 1)],
        "provenance": _provenance(writing, members, entities, request),
        "integrity": _integrity(report, proof),
    }
    truncation.texts_shortened = writing.shortened
    truncation.characters_spelled_out = writing.spelled_out
    export = describe_export(request, members, report.report_hash, truncation)
    content |= _back(writing, export, truncation)
    return Document(content, export)


def _front(writing: Writing, members: Json) -> Json:
    resolution, audit = members.get("resolution", {}), members.get("audit", {})
    status = resolution.get("status", "")
    request_id, queried_at = writing.tell(members["request_id"]), _moment(members["queried_at"])
    organization = writing.tell(audit.get("organization_id", ""), 100)
    reference = audit.get("requester_reference")
    silent = sum(outcome.get("status") in _SILENT for outcome in members.get("coverage", []))
    summary = [
        ["Request", request_id],
        ["Made at", queried_at],
        *([["Reference", writing.tell(reference, 200)]] if reference else []),
        [
            "Outcome",
            f"{status.replace('_', ' ')}, confidence {confidence(resolution.get('confidence'))}",
        ],
        ["Found", _count(len(members.get("entities", [])), "entity", "entities")],
        ["Sources", _count(len(members.get("sources", [])), "record", "records")],
    ]
    warnings = []
    if silent:
        names = _count(silent, "source did", "sources did")
        warnings.append(
            f"{names} not answer in full. What is not in this report may exist all the same: "
            "see Coverage."
        )
    return {
        "title": "Report of a lookup",
        "subtitle": f"Made at {queried_at}",
        "organization": organization,
        "description": f"Signed report {request_id}",
        "request_id": request_id,
        "footer": f"{organization} · made at {queried_at}",
        "summary": summary,
        "warnings": warnings,
        "outcome": _STATUS.get(status, ""),
        "outcome_reasons": write_reasons(writing, resolution.get("explanation", [])),
    }


def _asked(writing: Writing, members: Json, entities: EntityWriter) -> list[Json]:
    return [
        {
            "type": writing.tell(identifier["type"].replace("_", " ")),
            "submitted": None
            if identifier.get("submitted") is None
            else writing.tell(identifier["submitted"]),
            "normalized": writing.tell(identifier["normalized"]),
            "facts": [
                {
                    "name": writing.tell(fact["name"].replace("_", " ")),
                    "value": writing.tell(fact["value"]),
                    "sources": entities.references(fact.get("sources", [])),
                }
                for fact in identifier.get("facts", [])[:50]
            ],
        }
        for identifier in members.get("identifiers", [])[:200]
    ]


def _outcome(writing: Writing, outcome: Json) -> Json:
    return {
        "connector": writing.tell(outcome["connector_id"]),
        "status": _COVERAGE.get(outcome["status"], outcome["status"]),
        "reason": writing.tell(outcome.get("reason") or ""),
        "latency": f"{outcome.get('latency_ms', 0) / 1000:.2f} s",
    }


def _source(writing: Writing, number: int, source: Json) -> Json:
    return {
        "number": number,
        "connector": writing.tell(source["connector_id"]),
        "url": writing.tell(source["url"]),
        "retrieved_at": _moment(source["retrieved_at"]),
        "licence": writing.tell(source.get("licence") or ""),
        "record_hash": str(source.get("record_hash", "")).removeprefix("sha256:"),
    }


def _provenance(
    writing: Writing, members: Json, entities: EntityWriter, request: ExportRequest
) -> Json | None:
    if not request.include_provenance:
        return None
    audit = members.get("audit", {})
    principal = audit.get("principal", {})
    rows = [
        ["Request", writing.tell(audit.get("request_id", ""))],
        *[[_PRINCIPAL.get(name, name), writing.tell(value)]
          for name, value in principal.items() if value is not None and name != "type"],
        ["Organisation", writing.tell(audit.get("organization_id", ""))],
        ["Source address", writing.tell(audit.get("source_ip") or "–")],
        ["Reference", writing.tell(audit.get("requester_reference") or "–")],
        ["Identifiers", writing.tell(audit.get("identifiers_queried", ""))],
        ["Logged at", _moment(audit.get("logged_at", ""))],
    ]  # fmt: skip
    return {"evidence": entities.evidence, "audit": rows}


def _integrity(report: Report, proof: Proof) -> Json:
    return {
        "text": "This report was signed when it was made. The signed bytes are attached to this "
        "file with their signature; the file itself is signed as well.",
        "rows": [
            ["Report, SHA-256", report.report_hash.removeprefix("sha256:"), "mono"],
            ["Signed at", _moment(format_utc(report.signed_at))],
            ["Signature", "Ed25519, detached JWS (RFC 7515, RFC 7797)"],
            ["Key", report.key_id, "mono"],
            ["This file’s certificate", proof.certificate_sha256, "mono"],
            *[list(row) for row in proof.rows],
        ],
    }


def _back(writing: Writing, export: Json, truncation: Truncation) -> Json:
    by = "; ".join(
        f"{_PRINCIPAL.get(name, name).lower()} {writing.tell(value)}"
        for name, value in export["exported_by"].items()
        if value is not None and name != "type"
    )
    config = export["export_config"]
    left_out = truncation.sentences()
    attached = [
        {"name": "export.json", "input": "export", "relationship": "supplement",
         "description": "Who exported when, bounds, fingerprints, what was left out"},
    ]  # fmt: skip
    if not truncation.report_not_attached:
        attached.insert(0, {"name": "bundle.json", "input": "bundle", "relationship": "source",
                            "description": "The signed report with its signature"})  # fmt: skip
    return {
        "fingerprints": [
            {"section": name, "sha256": value.removeprefix("sha256:")}
            for name, value in export["data_fingerprints"].items()
        ],
        "export": [
            ["Exported at", _moment(export["exported_at"])],
            ["Exported by", by],
            ["Format", f"{FORMAT}, signed (PAdES)"],
            ["Provenance", "included" if config["include_provenance"] else "not included"],
            ["Left out", " ".join(left_out) or "Nothing."],
        ],
        "export_notes": ["All of it is in the attached report."] if left_out else [],
        "steps": _STEPS,
        "source_notes": [
            f"{truncation.sources_left_out} further records are in the attached report."
        ]
        if truncation.sources_left_out
        else [],
        "attachments": attached,
    }


_STEPS: Final = [
    "Open this file in a reader that shows signatures. It must say that the document has not been "
    "changed since it was signed, and show the certificate whose SHA-256 fingerprint is above.",
    "Get the organisation’s keys from the organisation itself: /.well-known/jwks.json of its "
    "server. The certificate’s fingerprint must be among them.",
    "Save the attached bundle.json. “tracewell verify bundle.json --jwks jwks.json” checks every "
    "byte of the report; so do a short Python script and openssl alone, both in the manual. "
    "“tracewell verify” checks this file too.",
]


def _moment(text: str) -> str:
    """`2026-06-01T14:32:00Z` as a reader has it."""
    return text.replace("T", " ").replace("Z", " UTC")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
