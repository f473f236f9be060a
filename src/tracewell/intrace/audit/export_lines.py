"""The log as lines: JSON Lines, ArcSight CEF, and CEF in syslog messages (RFC 5424). Pure.

Every line holds its leaf's number, hash and entry, so that an export is checked without the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from tracewell.intrace.audit.leaf_store import LeafKind
from tracewell.kernel.clock import parse_utc
from tracewell.kernel.signing.encoding import encode_base64, encode_base64url

FORMAT = "tracewell-audit-export/1"


class ExportFormat(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    CEF = "cef"
    SYSLOG = "syslog"


@dataclass(frozen=True, slots=True)
class ExportedLeaf:
    """A leaf of an export; `entry` is None once it was purged."""

    leaf: int
    kind: LeafKind
    leaf_hash: bytes
    entry: bytes | None


@dataclass(frozen=True, slots=True)
class ExportBegin:
    """Where an export begins: `frontier` are the hashes of the tree before its first leaf."""

    origin: str
    first: int
    frontier: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """What CEF and syslog tell of who writes."""

    version: str
    host: str = "-"


def json_leaf_prefix(leaf: ExportedLeaf) -> bytes:
    """A leaf's line up to its entry, which is its last member."""
    return (
        f'{{"leaf":{leaf.leaf},"kind":"{leaf.kind}",'
        f'"leaf_hash":"{encode_base64(leaf.leaf_hash)}","entry":'
    ).encode()


def render_begin(begin: ExportBegin, form: ExportFormat, product: Product, at: str) -> bytes:
    """The first line."""
    if form is ExportFormat.JSONL:
        return orjson.dumps(
            {
                "format": FORMAT,
                "origin": begin.origin,
                "first_leaf": begin.first,
                "frontier": [encode_base64(hashed) for hashed in begin.frontier],
            }
        )
    hashes = ",".join(map(encode_base64url, begin.frontier))
    fields = {"cn1Label": "firstLeaf", "cn1": str(begin.first), "cs1Label": "origin",
              "cs1": begin.origin, "cs6Label": "frontier", "cs6": hashes}  # fmt: skip
    return _wrapped(_cef(product, "audit.begin", "Audit export begins", fields), form, product, at)


def render_leaf(leaf: ExportedLeaf, form: ExportFormat, product: Product, at: str) -> bytes:
    """One line; `at` is the time of the message where the entry tells none."""
    if form is ExportFormat.JSONL:
        return json_leaf_prefix(leaf) + (b"null" if leaf.entry is None else leaf.entry) + b"}"
    name, fields, told_at = _told(leaf)
    fields |= {
        "cn1Label": "leaf",
        "cn1": str(leaf.leaf),
        "cs5Label": "leafHash",
        "cs5": encode_base64url(leaf.leaf_hash),
        "cs6Label": "entry",
        "cs6": "" if leaf.entry is None else encode_base64url(leaf.entry),
    }
    line = _cef(product, f"audit.{leaf.kind}", name, fields)
    return _wrapped(line, form, product, told_at or at)


def render_end(checkpoint: str, form: ExportFormat, product: Product, at: str) -> bytes:
    """The last line: the signed head that covers every leaf of the export."""
    if form is ExportFormat.JSONL:
        return orjson.dumps({"checkpoint": checkpoint})
    fields = {"cs6Label": "checkpoint", "cs6": encode_base64url(checkpoint.encode())}
    return _wrapped(
        _cef(product, "audit.checkpoint", "Signed tree head", fields), form, product, at
    )


def _told(leaf: ExportedLeaf) -> tuple[str, dict[str, str], str | None]:
    """What people read of an entry: a name, fields of CEF, and the time that it tells."""
    if leaf.entry is None:
        return "Expired, content purged", {}, None
    entry: Mapping[str, Any] = orjson.loads(leaf.entry)
    if leaf.kind is LeafKind.COMPLETION:
        done = entry["completion"]
        fields = _fields(
            externalId=done["request_id"],
            rt=_ms(done["completed_at"]),
            outcome="failure" if done["failure"] else "success",
            reason=done["failure"],
            fileHash=done["report_hash"],
        )
        return "Lookup or analysis completed", fields, done["completed_at"]
    if leaf.kind is LeafKind.PURGE:
        purge = entry["purge"]
        fields = _fields(rt=_ms(purge["purged_at"]), cnt=purge["record_count"])
        return "Expired records purged", fields, purge["purged_at"]
    return _told_record(entry)


def _told_record(record: Mapping[str, Any]) -> tuple[str, dict[str, str], str | None]:
    who, accessed, changed = record["principal"], record.get("accessed"), record.get("changed")
    source = record["source_ip"] or ""
    is_v6 = ":" in source
    fields = _fields(
        externalId=record["request_id"],
        rt=_ms(record["logged_at"]),
        suid=who["user_id"] or who["api_key_id"],
        suser=who["user_email"] or who["service_account_name"],
        src=None if is_v6 else source,
        c6a2Label="sourceAddress" if is_v6 else None,
        c6a2=source if is_v6 else None,
        cnt=record["identifiers_queried"],
        cs1Label="requesterReference" if record["requester_reference"] else None,
        cs1=record["requester_reference"],
        cs2Label="organization",
        cs2=record["organization_id"],
        cs3Label="accessedRequest" if accessed else "changed" if changed else None,
        cs3=accessed["request_id"] if accessed else changed["id"] if changed else None,
    )
    name = "Lookup or analysis asked for"
    if accessed:
        name = f"Another's {accessed['resource']} read"
    elif changed:
        name = f"{changed['resource'].capitalize()} {changed['action']}"
    return name, fields, record["logged_at"]


def _fields(**fields: Any) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value not in (None, "")}


def _ms(time: str) -> int:
    return parse_utc(time)


def _cef(product: Product, event: str, name: str, fields: Mapping[str, str]) -> str:
    head = f"CEF:0|Tracewell|Intrace|{product.version}|{event}|{name}|3|"
    return head + " ".join(f"{key}={_escaped(value)}" for key, value in fields.items())


def _escaped(value: str) -> str:
    """A value of CEF's extension; what else would end a line becomes a space."""
    value = value.replace("\\", "\\\\").replace("=", "\\=")
    value = value.replace("\r", "\\r").replace("\n", "\\n")
    return "".join(c if c.isprintable() else " " for c in value)


def _wrapped(line: str, form: ExportFormat, product: Product, at: str) -> bytes:
    if form is ExportFormat.SYSLOG:
        # 13 is log audit, 5 is notice; the BOM says UTF-8.
        return f"<{13 * 8 + 5}>1 {at} {product.host} tracewell - audit - \ufeff{line}".encode()
    return line.encode()


def joined(lines: Sequence[bytes]) -> bytes:
    """The lines as a file has them."""
    return b"".join(line + b"\n" for line in lines)
