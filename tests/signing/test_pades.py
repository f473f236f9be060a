"""PAdES signatures: checked by poppler's pdfsig and openssl as well as by our own verifier."""

from __future__ import annotations

import io
import random
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import typst
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tracewell.kernel.clock import system_clock
from tracewell.kernel.signing import FailureReason, NotVerified, SigningFailed, SigningFailure
from tracewell.kernel.signing.document_key import (
    DocumentKey,
    DocumentKeyFile,
    issue_document_key,
    parse_certificates,
    parse_document_key,
    to_jwk,
)
from tracewell.kernel.signing.pades import sign_pdf, verify_pdf

from .conftest import new_pem, openssl

Certificates = Mapping[str, tuple[x509.Certificate, ...]]
pytestmark = pytest.mark.skipif(not shutil.which("pdfsig"), reason="poppler-utils is missing")

PAGE = b"""#set document(title: "A page")
= A page
Some words.
#pdf.attach("bundle.json", bytes("{}"), mime-type: "application/json", description: "x")
"""


@pytest.fixture(scope="module")
def key() -> DocumentKey:
    return parse_document_key(issue_document_key("Ačmé, s.r.o.", now_ms=system_clock()))


@pytest.fixture(scope="module")
def certificates(key: DocumentKey) -> Certificates:
    return parse_certificates({"keys": [{"kty": "OKP"}, to_jwk(key.chain)]})


@pytest.fixture(scope="module")
def page() -> bytes:
    pdf = typst.compile(PAGE, format="pdf")
    assert isinstance(pdf, bytes)
    return pdf


@pytest.fixture(scope="module")
def signed(page: bytes, key: DocumentKey) -> bytes:
    return sign_pdf(page, key, reason="A test")


def reason_of(data: bytes, certificates: Certificates) -> FailureReason:
    with pytest.raises(NotVerified) as caught:
        verify_pdf(data, certificates)
    return caught.value.reason


def hole_of(signed: bytes) -> tuple[int, int]:
    found = re.search(rb"/ByteRange *\[ *0 +(\d+) +(\d+)", signed)
    assert found is not None
    return int(found[1]), int(found[2])


def test_a_signed_file_verifies_and_gives_its_attachments(
    signed: bytes, certificates: Certificates, key: DocumentKey
) -> None:
    verified = verify_pdf(signed, certificates)
    assert verified.certificate_sha256 == key.certificate_sha256
    assert verified.attachments == {"bundle.json": b"{}"}
    assert abs(verified.signed_at_ms - system_clock()) < 600_000


def pdfsig(data: bytes, folder: Path) -> str:
    (folder / "signed.pdf").write_bytes(data)
    done = subprocess.run(["pdfsig", folder / "signed.pdf"], capture_output=True, check=False)
    return done.stdout.decode()


def test_poppler_finds_the_signature_valid_over_the_whole_file(
    signed: bytes, tmp_path: Path
) -> None:
    told = pdfsig(signed, tmp_path)
    assert "Signature is Valid." in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told
    altered = signed.replace(b"/MediaBox", b"/MedjaBox", 1)
    assert altered != signed
    assert "Signature is Valid." not in pdfsig(altered, tmp_path)


def test_openssl_verifies_the_signature_over_the_signed_ranges(
    signed: bytes, key: DocumentKey, tmp_path: Path
) -> None:
    begin, end = hole_of(signed)
    (tmp_path / "signed").write_bytes(signed[:begin] + signed[end:])
    (tmp_path / "cms").write_bytes(bytes.fromhex(signed[begin + 1 : end - 1].decode()))
    (tmp_path / "ca").write_bytes(key.chain[-1].public_bytes(Encoding.PEM))
    openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-content", "signed",
        "-CAfile", "ca", "-purpose", "any", "-out", "out", cwd=tmp_path,
    )  # fmt: skip


def test_every_one_of_a_thousand_changed_bytes_is_caught(
    signed: bytes, certificates: Certificates
) -> None:
    source = random.Random(20_261_122)
    begin, end = hole_of(signed)
    # Half of them where the signature itself does not cover the file.
    places = [source.randrange(len(signed)) for _ in range(500)]
    places += [source.randrange(begin, end) for _ in range(500)]
    for place in places:
        changed = bytearray(signed)
        changed[place] ^= source.randrange(1, 256)
        reason_of(bytes(changed), certificates)


def test_what_is_added_behind_the_signature_is_caught(
    signed: bytes, certificates: Certificates
) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/Added"] = writer.root["/Pages"]
    writer.update_root()  # type: ignore[no-untyped-call]
    grown = io.BytesIO()
    writer.write(grown)  # type: ignore[no-untyped-call]
    assert grown.getvalue().startswith(signed)
    assert reason_of(grown.getvalue(), certificates) is FailureReason.DOCUMENT_ALTERED
    assert reason_of(signed + b"\n% more", certificates)


def test_each_kind_of_file_has_its_reason(
    page: bytes, signed: bytes, certificates: Certificates
) -> None:
    assert reason_of(page, certificates) is FailureReason.DOCUMENT_NOT_SIGNED
    assert reason_of(b"%PDF-1.7 no", certificates) is FailureReason.DOCUMENT_MALFORMED
    assert reason_of(b"", certificates) is FailureReason.DOCUMENT_MALFORMED
    assert reason_of(signed, {}) is FailureReason.CERTIFICATE_UNKNOWN


def test_a_stranger_who_calls_himself_the_same_is_unknown(
    page: bytes, certificates: Certificates
) -> None:
    stranger = parse_document_key(issue_document_key("Ačmé, s.r.o.", now_ms=system_clock()))
    forged = sign_pdf(page, stranger, reason="A test")
    assert reason_of(forged, certificates) is FailureReason.CERTIFICATE_UNKNOWN


def authority(folder: Path, kind: list[str]) -> bytes:
    """A key with a certificate that an authority of openssl's issued: what an operator has."""
    extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,nonRepudiation\n"
    (folder / "extensions").write_text(extensions)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=An authority", "-days", "30", cwd=folder)  # fmt: skip
    openssl("genpkey", *kind, "-out", "own.key", cwd=folder)
    openssl("req", "-new", "-key", "own.key", "-subj", "/CN=Acme", "-out", "own.csr", cwd=folder)
    openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "20",
            "-extfile", "extensions", "-out", "own.pem", cwd=folder)  # fmt: skip
    return b"".join((folder / name).read_bytes() for name in ("own.key", "own.pem", "ca.pem"))


@pytest.mark.parametrize(
    "kind",
    [["-algorithm", "RSA"], ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]],
    ids=["rsa", "p-384"],
)
def test_a_certificate_of_an_authority_serves_as_well(
    page: bytes, kind: list[str], tmp_path: Path
) -> None:
    key = parse_document_key(authority(tmp_path, kind))
    signed = sign_pdf(page, key, reason="A test")
    assert verify_pdf(signed, parse_certificates({"keys": [to_jwk(key.chain)]}))
    assert "Signature is Valid." in pdfsig(signed, tmp_path)


def failure_of(pem: bytes) -> SigningFailure:
    with pytest.raises(SigningFailed) as caught:
        parse_document_key(pem)
    return caught.value.failure


def test_what_cannot_sign_a_pdf_is_told(tmp_path: Path) -> None:
    first, second = (issue_document_key("x", now_ms=system_clock()) for _ in range(2))
    crossed = first[: first.index(b"-----BEGIN CERT")] + second[second.index(b"-----BEGIN CERT") :]
    weak = authority(tmp_path, ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
    assert failure_of(b"") is SigningFailure.DOCUMENT_KEY_NOT_PEM
    assert failure_of(new_pem()) is SigningFailure.DOCUMENT_KEY_NOT_PEM
    assert failure_of(crossed) is SigningFailure.DOCUMENT_KEY_OF_ANOTHER
    assert failure_of(weak) is SigningFailure.DOCUMENT_KEY_KIND


def test_the_key_is_made_once_kept_from_others_and_its_certificate_stays_published(
    tmp_path: Path,
) -> None:
    first = DocumentKeyFile(tmp_path, None, "Acme").get_key(now_ms=system_clock())
    again = DocumentKeyFile(tmp_path, None, "Acme")
    assert again.get_key(now_ms=system_clock()).certificate_sha256 == first.certificate_sha256
    path = tmp_path / "document-key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    second = again.get_key(now_ms=system_clock())
    published = parse_certificates({"keys": again.list_jwks()})
    assert set(published) == {first.certificate_sha256, second.certificate_sha256}
