"""The key file that changes, breaks and appears while the engine runs; and rotation."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tracewell.kernel.signing import (
    Keyring,
    PublicKeyDirectory,
    SigningFailed,
    SigningFailure,
    SigningKeyFile,
    ensure_signing_key,
    hash_payload,
    parse_jwks,
    parse_signing_key,
    verify_payload,
)

from .conftest import new_pem, openssl


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "signing-key.pem"
    path.write_bytes(new_pem())
    return path


def _failure(call: Callable[[], object]) -> SigningFailed:
    with pytest.raises(SigningFailed) as caught:
        call()
    return caught.value


def test_a_key_written_over_in_place_is_used_for_the_next_signature(path: Path) -> None:
    key_file = SigningKeyFile(path)
    for _ in range(50):
        pem = new_pem()
        path.write_bytes(pem)
        assert key_file.get_key().kid == parse_signing_key(pem).kid


def test_a_key_moved_into_place_is_used_for_the_next_signature(path: Path, tmp_path: Path) -> None:
    key_file = SigningKeyFile(path)
    first = key_file.get_key().kid
    (tmp_path / "next.pem").write_bytes(new_pem())
    os.replace(tmp_path / "next.pem", path)
    assert key_file.get_key().kid != first


def _remove(path: Path) -> None:
    path.unlink()


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("break_it", "failure"),
    [
        (_remove, SigningFailure.KEY_MISSING),
        (_directory, SigningFailure.KEY_NOT_A_FILE),
        (_pipe, SigningFailure.KEY_NOT_A_FILE),
        (_loop, SigningFailure.KEY_UNREADABLE),
        (lambda path: path.write_bytes(b""), SigningFailure.KEY_NOT_PEM),
        (lambda path: path.write_bytes(b"A" * 70_000), SigningFailure.KEY_TOO_LARGE),
        (
            lambda path: path.write_bytes(openssl("genpkey", "-algorithm", "RSA")),
            SigningFailure.KEY_NOT_ED25519,
        ),
    ],
    ids=["missing", "directory", "pipe", "symlink loop", "empty", "too large", "rsa"],
)
def test_a_key_that_breaks_stops_signing_and_one_that_is_mended_resumes(
    break_it: Callable[[Path], object], failure: SigningFailure, path: Path
) -> None:
    pem = path.read_bytes()
    key_file = SigningKeyFile(path)
    kid = key_file.get_key().kid
    break_it(path)
    error = _failure(key_file.get_key)
    assert error.failure is failure
    assert str(path) not in str(error)
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(pem)
    assert key_file.get_key().kid == kid


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_key_whose_permission_is_taken_away_stops_signing(path: Path) -> None:
    key_file = SigningKeyFile(path)
    key_file.get_key()
    path.chmod(0)
    assert _failure(key_file.get_key).failure is SigningFailure.KEY_UNREADABLE


def test_a_file_below_a_file_is_missing(path: Path) -> None:
    key_file = SigningKeyFile(path / "key.pem")
    assert _failure(key_file.get_key).failure is SigningFailure.KEY_MISSING


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = ensure_signing_key(tmp_path / "data")
    pem = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_signing_key(tmp_path / "data") == path
    assert path.read_bytes() == pem
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tracewell.kernel.signing import *\n"
        "sys.stdin.read(); path = ensure_signing_key(Path(sys.argv[1]))\n"
        "print(SigningKeyFile(path).get_key().kid)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    assert len({process.communicate()[0] for process in processes}) == 1
    assert all(process.returncode == 0 for process in processes)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_directory_that_cannot_be_written_is_told(path: Path) -> None:
    error = _failure(lambda: ensure_signing_key(path / "below a file"))
    assert error.failure is SigningFailure.KEY_NOT_WRITTEN


@pytest.fixture
def keyring(path: Path, tmp_path: Path) -> Keyring:
    return Keyring(SigningKeyFile(path), PublicKeyDirectory(tmp_path / "keys"))


def test_replacing_the_key_file_rotates_and_old_reports_still_verify(
    keyring: Keyring, path: Path
) -> None:
    signed = []
    for number in range(3):
        payload = f"report {number}".encode()
        signature, kid = keyring.sign(payload, signed_at_ms=number * 1_000)
        signed.append((payload, signature, kid))
        path.write_bytes(new_pem())
    keys = parse_jwks(keyring.jwks())
    assert len(keys.by_kid) == 4
    assert next(iter(keys.by_kid)) == parse_signing_key(path.read_bytes()).kid
    for payload, signature, kid in signed:
        assert verify_payload(payload, hash_payload(payload), signature, keys).kid == kid


def test_a_broken_private_key_stops_signing_but_not_verifying(keyring: Keyring, path: Path) -> None:
    signature, kid = keyring.sign(b"report", signed_at_ms=0)
    path.unlink()
    assert _failure(lambda: keyring.sign(b"report", signed_at_ms=0))
    keys = keyring.verification_keys()
    assert verify_payload(b"report", hash_payload(b"report"), signature, keys).kid == kid


def test_a_public_key_put_there_by_hand_is_published(keyring: Keyring, tmp_path: Path) -> None:
    keyring.sign(b"report", signed_at_ms=0)
    (tmp_path / "old.pem").write_bytes(openssl("genpkey", "-algorithm", "ed25519"))
    openssl("pkey", "-in", "old.pem", "-pubout", "-out", "keys/old-site.pub.pem", cwd=tmp_path)
    old = parse_signing_key((tmp_path / "old.pem").read_bytes())
    assert old.kid in parse_jwks(keyring.jwks()).by_kid


def test_a_kept_file_that_is_no_public_key_is_told_and_not_passed_over(
    keyring: Keyring, path: Path, tmp_path: Path
) -> None:
    keyring.sign(b"report", signed_at_ms=0)
    (tmp_path / "keys" / "oops.pub.pem").write_bytes(path.read_bytes())
    assert _failure(keyring.jwks).failure is SigningFailure.PUBLIC_KEY_UNUSABLE


def test_nothing_is_signed_while_the_public_key_cannot_be_kept(
    keyring: Keyring, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("a file where the directory should be")
    error = _failure(lambda: keyring.sign(b"report", signed_at_ms=0))
    assert error.failure is SigningFailure.PUBLIC_KEY_NOT_WRITTEN
