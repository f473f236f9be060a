"""The PDF of a report through the front door: what stands in it, who signed it, who gets it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.intrace.serving import Server, alter

from tracewell.cli.verify import verify
from tracewell.kernel.signing import canonical_json, parse_bundle
from tracewell.kernel.signing.document_key import parse_certificates
from tracewell.kernel.signing.pades import VerifiedPdf, verify_pdf

pytestmark = [
    pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler-utils is missing"),
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]
ASKED = {
    "identifiers": [{"type": "email", "value": "zofie@example.org"}],
    "requester_reference": "Matter 2026/118-K",
}
NAMES = [
    "Žofie Nováková",
    "Ελένη",
    "Мария Иванова",
    "ทดสอบ",
    "山田太郎",
    "한국어",
    "አማርኛ",
    "ქართული",
]
HIDDEN = "Eve\u202egnitset"


@pytest.fixture
def request_id(server: Server, analyst: httpx.Client) -> str:
    """A lookup that found a person with names of many scripts, while one source was silent."""
    statements = [("person.name", name) for name in [*NAMES, HIDDEN]]
    statements += [("email.address", "zofie@example.org"), ("person.dob", "1984-03-12")]
    server.directory.records = {"zofie@example.org": [("crm:118", statements)]}
    server.moody.mood = "hanging"
    answer = analyst.post("/v1/lookup", json=ASKED)
    assert answer.status_code == 200
    found: str = answer.json()["request_id"]
    return found


def download(client: httpx.Client, request_id: str, **params: Any) -> bytes:
    answer = client.get(f"/v1/reports/{request_id}/pdf", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert f"{request_id}.pdf" in answer.headers["content-disposition"]
    return answer.content


def check(server: Server, pdf: bytes) -> VerifiedPdf:
    return verify_pdf(pdf, parse_certificates({"keys": server.document_key.list_jwks()}))


def text_of(pdf: bytes, folder: Path) -> str:
    (folder / "report.pdf").write_bytes(pdf)
    command = ["pdftotext", "-layout", "-enc", "UTF-8", "report.pdf", "-"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout.decode()


def test_the_file_says_who_was_found_by_which_sources_and_who_was_silent(
    server: Server, analyst: httpx.Client, request_id: str, tmp_path: Path
) -> None:
    pdf = download(analyst, request_id)
    text = text_of(pdf, tmp_path)
    report = json.loads(parse_bundle(check(server, pdf).attachments["bundle.json"]).payload)

    for told in (
        "Report of a lookup", request_id, "Matter 2026/118-K", "What was asked", "What was found",
        "Coverage", "Sources", "Provenance", "Integrity", "Fingerprints of the sections",
        "analyst-bot", "1984-03-12", "directory:crm:118", "no answer in time", "Page 1 of",
        *NAMES,
    ):  # fmt: skip
        assert told in text, told
    for source in report["sources"]:
        assert source["record_hash"].removeprefix("sha256:") in text.replace("\u200b", "")


def test_a_hidden_character_is_spelled_out_and_counted(
    server: Server, analyst: httpx.Client, request_id: str, tmp_path: Path
) -> None:
    pdf = download(analyst, request_id)
    text = text_of(pdf, tmp_path)
    assert "Eve[U+202E]gnitset" in text
    assert HIDDEN not in text
    export = json.loads(check(server, pdf).attachments["export.json"])
    assert export["truncation_summary"]["characters_spelled_out"] >= 1
    assert export["truncation_summary"]["truncated"] is True


def test_the_export_tells_who_when_how_and_a_fingerprint_of_each_section(
    server: Server, analyst: httpx.Client, request_id: str
) -> None:
    verified = check(server, download(analyst, request_id))
    bundle, export = verified.attachments["bundle.json"], verified.attachments["export.json"]
    told = json.loads(export)
    assert bundle == analyst.get(f"/v1/reports/{request_id}").content
    assert told["exported_by"]["service_account_name"] == "analyst-bot"
    assert told["export_config"]["include_provenance"] is True
    assert told["exported_at"].endswith("Z")
    assert told["report_hash"] == parse_bundle(bundle).report_hash
    members = json.loads(parse_bundle(bundle).payload)
    assert told["data_fingerprints"] == {
        name: "sha256:" + hashlib.sha256(canonical_json(member)).hexdigest()
        for name, member in members.items()
    }


def test_without_provenance_evidence_and_record_hashes_are_left_out(
    server: Server, analyst: httpx.Client, request_id: str, tmp_path: Path
) -> None:
    pdf = download(analyst, request_id, include_provenance="false")
    text = text_of(pdf, tmp_path)
    assert "Provenance\n" not in text
    assert "Hash of the record" not in text
    assert "Fingerprints of the sections" in text
    export = json.loads(check(server, pdf).attachments["export.json"])
    assert export["export_config"]["include_provenance"] is False


def test_poppler_finds_the_signature_valid(
    analyst: httpx.Client, request_id: str, tmp_path: Path
) -> None:
    (tmp_path / "report.pdf").write_bytes(download(analyst, request_id))
    told = subprocess.run(["pdfsig", tmp_path / "report.pdf"], capture_output=True, check=True)
    assert b"Signature is Valid." in told.stdout
    assert b"Total document signed" in told.stdout


def test_tracewell_verify_checks_the_file_and_the_report_in_it(
    server: Server, analyst: httpx.Client, request_id: str, tmp_path: Path
) -> None:
    pdf = download(analyst, request_id)
    jwks = json.loads(server.signing.jwks())
    jwks["keys"] += server.document_key.list_jwks()
    (tmp_path / "jwks.json").write_text(json.dumps(jwks))
    (tmp_path / "report.pdf").write_bytes(pdf)
    (tmp_path / "altered.pdf").write_bytes(pdf.replace(b"/Title", b"/Titel", 1))

    def run(name: str) -> Any:
        order = [str(tmp_path / name), "--jwks", str(tmp_path / "jwks.json"), "--json"]
        return CliRunner().invoke(verify, order)

    good, bad = run("report.pdf"), run("altered.pdf")
    assert good.exit_code == 0, good.output
    told = json.loads(good.output)
    assert (told["verified"], told["request_id"]) == (True, request_id)
    assert len(told["pdf_certificate"]) == 64
    assert bad.exit_code == 1
    assert json.loads(bad.output)["verified"] is False


def test_only_who_may_read_the_report_gets_the_file_and_others_leave_a_record(
    server: Server, analyst: httpx.Client, request_id: str
) -> None:
    with server.user("bob") as bob, server.client("supervisor") as supervisor:
        assert bob.get(f"/v1/reports/{request_id}/pdf").status_code == 404
        pdf = download(supervisor, request_id)
        audited = supervisor.get("/v1/audit").json()["records"][0]
    assert audited["accessed"] == {"resource": "report", "request_id": request_id}
    export = json.loads(check(server, pdf).attachments["export.json"])
    assert export["exported_by"]["service_account_name"] == "supervisor-bot"


def test_a_document_key_that_cannot_be_used_is_signing_failed(
    server: Server, analyst: httpx.Client, request_id: str
) -> None:
    download(analyst, request_id)
    (server.folder / "signing" / "document-key.pem").write_bytes(b"no key")
    refused = analyst.get(f"/v1/reports/{request_id}/pdf")
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "signing_failed")


def test_what_has_expired_is_not_found_and_no_boolean_is_told(
    server: Server, analyst: httpx.Client, request_id: str
) -> None:
    wrong = analyst.get(f"/v1/reports/{request_id}/pdf", params={"include_provenance": "perhaps"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "field_invalid")
    alter(server.database_url, "UPDATE reports SET expires_at = 1")
    assert analyst.get(f"/v1/reports/{request_id}/pdf").status_code == 404
