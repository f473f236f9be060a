"""Checks an export alone: the lines, public keys, and heads that somebody kept. No database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from tracewell.intrace.audit.export_lines import (
    FORMAT,
    ExportBegin,
    ExportedLeaf,
    ExportFormat,
    Product,
    json_leaf_prefix,
    render_leaf,
)
from tracewell.intrace.audit.findings import Finding, Findings, KnownHead, Problem, TreeCheck
from tracewell.intrace.audit.leaf_store import LeafKind
from tracewell.kernel.merkle import HASH_BYTES, Frontier, hash_leaf
from tracewell.kernel.signing import (
    NoteInvalid,
    VerificationKeys,
    canonical_json,
    verify_checkpoint,
)
from tracewell.kernel.signing.encoding import decode_base64, decode_base64url, parse_json_object

LINE_BYTES_MAX = 1 << 20
_LEAVES_MAX = 1 << 62

_CEF = re.compile(r"CEF:0\|Tracewell\|Intrace\|([^|\\]*)\|audit\.([a-z]+)\|")
_NUMBER = re.compile(r" cn1=(\d{1,18}) (?:cs1Label|cs5Label)=")
_HASH = re.compile(r" cs5=([\w-]{43}) cs6Label=entry cs6=([\w-]*)$", re.ASCII)
_ORIGIN = re.compile(r" cs1=(\S+) cs6Label=frontier cs6=([\w,-]*)$", re.ASCII)
_NOTE = re.compile(r"cs6Label=checkpoint cs6=([\w-]+)$", re.ASCII)


class ExportMalformed(ValueError):  # noqa: N818 - a sentence: "the export is malformed"
    """The file is not an export of a known format; the text names the line."""


@dataclass(slots=True)
class CheckedExport:
    """The outcome: which leaves are there, which heads cover them, what is wrong."""

    findings: Findings = field(default_factory=Findings)
    first: int = 0
    end: int = 0
    purged: int = 0
    heads_matched: int = 0
    covered: int = 0
    checkpoint: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong, and a signed head covers all that is there."""
        covered = self.heads_matched > 0 and self.covered == self.end
        return self.findings.count == 0 and covered


Line = ExportBegin | ExportedLeaf | str
"""A parsed line; the checkpoint is a text."""


def check_export(
    lines: Iterable[bytes], keys: VerificationKeys, heads: Iterable[KnownHead] = ()
) -> CheckedExport:
    """Checks the lines of an export, in whichever of its formats. Raises ExportMalformed."""
    checked = CheckedExport()
    heads = list(heads)
    hashes: list[bytes] = []
    named: dict[int, str] = {}
    begin: ExportBegin | None = None
    for number, line in enumerate(lines, 1):
        try:
            parsed = parse_line(line)
        except (ValueError, KeyError, TypeError) as error:
            raise ExportMalformed(f"line {number}: {error}") from None
        if isinstance(parsed, ExportBegin):
            begin = parsed
            checked.first = checked.end = begin.first
        elif begin is None:
            raise ExportMalformed("the first line is not the begin of an export")
        elif isinstance(parsed, str):
            checked.checkpoint = parsed
        else:
            _take(parsed, line, checked, hashes, named)
    if begin is None:
        raise ExportMalformed("it is empty")
    _check_tree(begin, hashes, named, checked, [*heads, *_own_head(checked, keys)])
    return checked


def parse_line(line: bytes) -> Line:
    """One line of an export. Raises ValueError, KeyError, TypeError."""
    if len(line) > LINE_BYTES_MAX:
        raise ValueError("too long")
    if line.startswith(b"{"):
        return _parse_json(line)
    return _parse_cef(line.decode("utf-8"))


def _parse_json(line: bytes) -> Line:
    members = orjson.loads(line)
    if "format" in members:
        if members["format"] != FORMAT:
            raise ValueError("not a known format")
        hashes = tuple(map(decode_base64, members["frontier"]))
        return _begin(members["origin"], members["first_leaf"], hashes)
    if "checkpoint" in members:
        return _text(members["checkpoint"])
    entry = members["entry"]
    leaf = ExportedLeaf(
        _leaf_number(members["leaf"]),
        LeafKind(members["kind"]),
        decode_base64(members["leaf_hash"]),
        None if entry is None else b"",
    )
    if entry is None:
        return leaf
    prefix = json_leaf_prefix(leaf)
    raw = line.strip()[len(prefix) : -1]
    if not line.startswith(prefix) or orjson.loads(raw) != entry:
        # Written anew by another program: what it says, in the form that was hashed.
        raw = canonical_json(parse_json_object(line)["entry"])
    return ExportedLeaf(leaf.leaf, leaf.kind, leaf.leaf_hash, raw)


def _parse_cef(text: str) -> Line:
    text = text.rstrip("\n")
    head = _CEF.search(text)
    if head is None:
        raise ValueError("neither JSON nor an event of the audit log")
    event, line = head[2], text[head.start() :]
    if event == "checkpoint":
        note = _NOTE.search(line)
        if note is None:
            raise ValueError("no checkpoint")
        return decode_base64url(note[1]).decode("utf-8")
    # In the extension only, and there the last: a reference of a caller may look like a field.
    number = list(_NUMBER.finditer(" " + line[head.end() - head.start() :].partition("|3|")[2]))
    if not number:
        raise ValueError("no number of a leaf")
    place = _leaf_number(int(number[-1][1]))
    if event == "begin":
        begin = _ORIGIN.search(line)
        if begin is None:
            raise ValueError("no frontier")
        hashes = tuple(map(decode_base64url, begin[2].split(","))) if begin[2] else ()
        return _begin(begin[1], place, hashes)
    found = _HASH.search(line)
    if found is None:
        raise ValueError("no hash of a leaf")
    entry = decode_base64url(found[2]) if found[2] else None
    leaf = ExportedLeaf(place, LeafKind(event), decode_base64url(found[1]), entry)
    if render_leaf(leaf, ExportFormat.CEF, Product(head[1]), "").decode() != line:
        raise ValueError("its fields are not what its entry says")
    return leaf


def _begin(origin: object, first: object, hashes: tuple[bytes, ...]) -> ExportBegin:
    begin = ExportBegin(_text(origin), _leaf_number(first), hashes)
    if any(len(hashed) != HASH_BYTES for hashed in hashes):
        raise ValueError("a hash of the frontier is none")
    Frontier(begin.first, hashes)
    return begin


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _leaf_number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _LEAVES_MAX:
        raise ValueError("not the number of a leaf")
    return value


def _take(
    leaf: ExportedLeaf,
    line: bytes,
    checked: CheckedExport,
    hashes: list[bytes],
    named: dict[int, str],
) -> None:
    expected = checked.end
    request_id = _find_request_id(leaf)
    told = (request_id,) if request_id is not None else ()
    if request_id is not None:
        named[leaf.leaf] = request_id
    if leaf.leaf > expected:
        detail = "these leaves are not in the export"
        checked.findings.add(Finding(Problem.MISSING, expected, leaf.leaf - 1, detail))
    elif leaf.leaf < expected:
        detail = "stands after later leaves"
        checked.findings.add(Finding(Problem.MOVED, leaf.leaf, leaf.leaf, detail, told))
    checked.end = max(expected, leaf.leaf + 1)
    if leaf.entry is None:
        checked.purged += 1
    elif hash_leaf(leaf.entry) != leaf.leaf_hash:
        detail = f"the {leaf.kind} is not the one that was logged"
        checked.findings.add(Finding(Problem.EDITED, leaf.leaf, leaf.leaf, detail, told))
    hashes.append(leaf.leaf_hash)


def _find_request_id(leaf: ExportedLeaf) -> str | None:
    if leaf.entry is None or leaf.kind is LeafKind.PURGE:
        return None
    try:
        members = orjson.loads(leaf.entry)
        inner = members["completion"] if leaf.kind is LeafKind.COMPLETION else members
        return str(inner["request_id"])
    except (ValueError, KeyError, TypeError):
        return None


def _own_head(checked: CheckedExport, keys: VerificationKeys) -> list[KnownHead]:
    last = max(checked.end - 1, 0)
    if checked.checkpoint is None:
        detail = "the export ends without its signed head: lines may be missing"
        checked.findings.add(Finding(Problem.HEAD_INVALID, last, last, detail))
        return []
    try:
        signed = verify_checkpoint(checked.checkpoint, keys)
    except NoteInvalid as error:
        detail = f"the head of the export is {error}"
        checked.findings.add(Finding(Problem.HEAD_INVALID, last, last, detail))
        return []
    return [KnownHead(signed.checkpoint, "the export")]


def _check_tree(
    begin: ExportBegin,
    hashes: list[bytes],
    named: dict[int, str],
    checked: CheckedExport,
    heads: list[KnownHead],
) -> None:
    for head in heads:
        if head.checkpoint.origin != begin.origin:
            last = max(checked.end - 1, 0)
            detail = f"the head of {head.source} is of the log {head.checkpoint.origin}"
            checked.findings.add(Finding(Problem.HEAD_INVALID, last, last, detail))
    if any(f.problem in (Problem.MISSING, Problem.MOVED) for f in checked.findings.told):
        return  # without every leaf in its place there is no root
    tree = TreeCheck(heads, checked.findings, Frontier(begin.first, begin.frontier))
    for leaf, leaf_hash in enumerate(hashes, begin.first):
        tree.add(leaf_hash, named.get(leaf))
    tree.finish()
    checked.heads_matched, checked.covered = tree.heads_matched, tree.covered
