"""What stands on the pages, without a server: bounds, every script, hostile texts, odd reports."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tracewell.intrace.reports.model import Report
from tracewell.intrace.reports.pdf.document import Proof
from tracewell.intrace.reports.pdf.export import Bounds, ExportRequest
from tracewell.intrace.reports.pdf.typesetting import Typesetter, count_pages
from tracewell.intrace.reports.pdf.writing import Writing, load_fonts
from tracewell.kernel.signing import build_bundle, canonical_json, hash_payload

USUAL = Bounds()
SCRIPTS = {
    "arabic": "محمد الفارسي", "armenian": "Հայերեն", "bengali": "বাংলা", "cherokee": "ᏣᎳᎩ",
    "chinese": "中文測試", "cyrillic": "Мария", "devanagari": "नमस्ते", "ethiopic": "አማርኛ",
    "georgian": "ქართული", "greek": "Ελληνικά", "gujarati": "ગુજરાતી", "gurmukhi": "ਪੰਜਾਬੀ",
    "hebrew": "שלום", "inuktitut": "ᐃᓄᒃᑎᑐᑦ", "japanese": "カタカナ漢字", "kannada": "ಕನ್ನಡ",
    "khmer": "ភាសាខ្មែរ", "korean": "한국어", "lao": "ພາສາລາວ", "malayalam": "മലയാളം",
    "mongolian": "ᠮᠣᠩᠭᠣᠯ", "myanmar": "မြန်မာ", "oriya": "ଓଡ଼ିଆ", "persian": "می‌خواهم",
    "sinhala": "සිංහල", "syriac": "ܣܘܪܝܝܐ", "tamil": "தமிழ்", "telugu": "తెలుగు", "thaana": "ދިވެހި",
    "thai": "ภาษาไทย", "tibetan": "བོད་སྐད", "tifinagh": "ⵜⵉⴼⵉⵏⴰⵖ", "vietnamese": "Nguyễn Thị Ước",
}  # fmt: skip


def entity(number: int, names: list[str]) -> dict[str, Any]:
    items = [
        {"name": name, "confidence": 0.9, "sources": ["src_1"],
         "explanation": [{"evidence": "stated by one source", "effect": 0.9}]}
        for name in names
    ]  # fmt: skip
    return {
        "entity_id": f"ent_{number}", "kind": "person", "confidence": 0.9, "explanation": [],
        "profile": {"person": {"names": items}}, "possibly_same_as": [],
    }  # fmt: skip


def report_of(**changes: Any) -> Report:
    members = {
        "request_id": "req_1", "queried_at": "2026-11-22T00:00:00Z",
        "resolution": {"status": "resolved", "confidence": 0.9, "explanation": []},
        "identifiers": [], "entities": [], "coverage": [], "coverage_note": "None was asked.",
        "audit": {"organization_id": "org_self"},
        "sources": [{"source_id": "src_1", "connector_id": "own", "url": "https://a.example/1",
                     "record_hash": "sha256:00", "retrieved_at": "2026-11-22T00:00:00Z",
                     "licence": "CC0-1.0"}],
        **changes,
    }  # fmt: skip
    payload = canonical_json(members)
    return Report("req_1", "user:a", payload, "a..b", "kid", hash_payload(payload), 0, 0)


def set_pages(report: Report, folder: Path, bounds: Bounds = USUAL) -> tuple[bytes, str, Any]:
    request = ExportRequest(1_790_000_000_000, {"type": "user", "user_id": "a"}, True, bounds)
    bundle = build_bundle(report.payload, report.signature)
    pdf = Typesetter().set_report(report, bundle, request, Proof("00" * 32))
    (folder / "set.pdf").write_bytes(pdf)

    def run(*command: str) -> bytes:
        return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout

    run("pdfdetach", "-saveall", "set.pdf")
    export = json.loads((folder / "export.json").read_bytes())
    return pdf, run("pdftotext", "-layout", "set.pdf", "-").decode(), export


def test_every_living_script_has_its_letters(tmp_path: Path) -> None:
    report = report_of(entities=[entity(1, list(SCRIPTS.values()))])
    pdf, _, export = set_pages(report, tmp_path)
    assert export["truncation_summary"]["characters_spelled_out"] == 0
    fonts = subprocess.run(["pdffonts", tmp_path / "set.pdf"], capture_output=True, check=True)
    embedded = [line.split() for line in fonts.stdout.decode().splitlines()[2:]]
    assert len(embedded) >= 20
    assert all(row[-5] == "yes" for row in embedded), "every font is embedded"
    assert b"pdfaid" in pdf


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\ue000", "\x00\x07", "\ufffe", "\ufeff",
        "\u202eevil", "\u2066a\u2069", "a\u0301\u0302\u0303\u0304" * 20, "\U000e0041", "क्\u200d中",
        "#panic()", "$x$ *b* _i_ `r` @a <b> \\ // /* ", "=" * 500, "x" * 5_000, "\n" * 50, "",
        "क\u0c4d\u0301中", "\u0600\u0601", "\u1160\u115f", "\u3164", "ﷺ﷽",
    ],
)  # fmt: skip
def test_no_text_of_a_source_keeps_the_page_from_being_set(text: str, tmp_path: Path) -> None:
    report = report_of(
        entities=[entity(1, [text])],
        coverage_note=text,
        identifiers=[{"type": "name", "submitted": text, "normalized": text, "facts": []}],
    )
    pdf, shown, _ = set_pages(report, tmp_path)
    assert count_pages(pdf) < 10
    assert "\u202e" not in shown


def test_markup_in_a_text_is_text(tmp_path: Path) -> None:
    _, shown, _ = set_pages(report_of(entities=[entity(1, ["#panic() *not bold*"])]), tmp_path)
    assert "#panic() *not bold*" in shown


def test_what_is_left_out_is_counted_and_told(tmp_path: Path) -> None:
    report = report_of(entities=[entity(n, [f"Name {n}-{i}" for i in range(5)]) for n in range(6)])
    bounds = Bounds(entities_max=4, rows_max=10, entity_rows_max=3, sources_max=0)
    _, shown, export = set_pages(report, tmp_path, bounds)
    assert export["truncation_summary"] == {
        "truncated": True, "entities_left_out": 2, "statements_left_out": 10,
        "sources_left_out": 1, "texts_shortened": 0, "characters_spelled_out": 0,
        "report_not_attached": False,
    }  # fmt: skip
    assert "2 entities are not shown." in shown
    assert "Name 0-2" in shown
    assert "Name 0-3" not in shown


def test_too_many_pages_are_set_again_with_less(tmp_path: Path) -> None:
    report = report_of(entities=[entity(n, [f"N {n}-{i}" for i in range(40)]) for n in range(20)])
    full, _, _ = set_pages(report, tmp_path)
    bounds = dataclasses.replace(Bounds(), pages_max=count_pages(full) // 2)
    pdf, _, export = set_pages(report, tmp_path, bounds)
    assert count_pages(pdf) <= bounds.pages_max
    assert export["truncation_summary"]["truncated"] is True


def test_a_report_that_is_too_large_is_not_attached_and_that_is_told(tmp_path: Path) -> None:
    _, shown, export = set_pages(report_of(), tmp_path, Bounds(attached_bytes_max=10))
    assert export["truncation_summary"]["report_not_attached"] is True
    assert "too large to be attached" in shown
    assert not (tmp_path / "bundle.json").exists()


def test_sections_that_this_release_does_not_know_are_shown_too(tmp_path: Path) -> None:
    item = {"registration": "OK-ABC", "confidence": 0.5, "sources": ["src_1"], "type": "jet"}
    strange = entity(1, ["Ada"])
    strange["profile"]["aircraft"] = [item]
    _, shown, _ = set_pages(report_of(entities=[strange]), tmp_path)
    assert "Aircraft" in shown
    assert "OK-ABC" in shown


def test_only_pages_of_the_web_become_links(tmp_path: Path) -> None:
    record = {"connector_id": "own", "record_hash": "x", "retrieved_at": "2026-11-22T00:00:00Z"}
    sources = [
        {**record, "source_id": f"src_{n}", "url": url}
        for n, url in enumerate(["https://good.example/", "javascript:alert(1)", "file:///etc/x"])
    ]
    set_pages(report_of(sources=sources), tmp_path)
    listed = subprocess.run(
        ["pdfinfo", "-url", tmp_path / "set.pdf"], capture_output=True, check=True
    ).stdout
    assert b"https://good.example/" in listed
    assert b"javascript" not in listed
    assert b"file:" not in listed


def test_the_same_report_at_the_same_time_gives_the_same_pages(tmp_path: Path) -> None:
    report = report_of(entities=[entity(1, ["Ada"])])
    assert set_pages(report, tmp_path)[0] == set_pages(report, tmp_path)[0]


def test_without_the_large_font_its_letters_are_spelled_out() -> None:
    writing = Writing(frozenset(load_fonts().characters - set(range(0x4E00, 0xA000))))
    assert writing.tell("中 a") == "[U+4E2D] a"
    assert writing.spelled_out == 1
