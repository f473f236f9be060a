"""Signed notes, checkpoints and proofs as texts: published vectors, and what is refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tracewell.kernel.merkle import Frontier, hash_leaf
from tracewell.kernel.merkle_proofs import InclusionProof, ProofInvalid, parse_inclusion_proof
from tracewell.kernel.signing import (
    Checkpoint,
    NoteInvalid,
    SigningKey,
    VerificationKeys,
    note_verifier_key,
    parse_checkpoint,
    sign_note,
    thumbprint,
    verify_checkpoint,
    verify_note,
)
from tracewell.kernel.signing.encoding import decode_base64

# The example of Go's golang.org/x/mod/sumdb/note, and the key of its public log.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)
SUM_GOLANG_ORG = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

ORIGIN = "tracewell-audit/org_test"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = SigningKey(PRIVATE, thumbprint(PRIVATE.public_key()))
KEYS = VerificationKeys.of([KEY.public])
OTHERS = VerificationKeys.of([Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()])


def key_of(verifier_key: str) -> Ed25519PublicKey:
    encoded = verifier_key.split("+", 2)[2]
    return Ed25519PublicKey.from_public_bytes(decode_base64(encoded)[1:])


def test_the_published_note_verifies_under_its_published_key() -> None:
    keys = VerificationKeys.of([key_of(PETER)])

    text, kid = verify_note(PETERS_NOTE, "PeterNeumann", keys)

    assert text == PETERS_NOTE.partition("\n\n")[0] + "\n"
    assert kid in keys.by_kid


@pytest.mark.parametrize("published", [PETER, SUM_GOLANG_ORG])
def test_verifier_keys_are_written_as_published(published: str) -> None:
    assert note_verifier_key(published.partition("+")[0], key_of(published)) == published


def test_a_checkpoint_comes_back_from_its_note() -> None:
    head = Checkpoint(ORIGIN, 3, hash_leaf(b"root"))
    note = sign_note(head.to_text(), ORIGIN, KEY)

    assert parse_checkpoint(note) == head
    signed = verify_checkpoint(note, KEYS)
    assert (signed.checkpoint, signed.kid) == (head, KEY.kid)


def test_no_byte_of_a_checkpoint_can_be_changed() -> None:
    note = sign_note(Checkpoint(ORIGIN, 300, hash_leaf(b"root")).to_text(), ORIGIN, KEY)

    for place in range(len(note)):
        for other in "x0\n =":
            altered = note[:place] + other + note[place + 1 :]
            if altered != note:
                with pytest.raises(NoteInvalid):
                    verify_checkpoint(altered, KEYS)


def test_signatures_of_others_are_passed_over_and_never_enough() -> None:
    note = sign_note(Checkpoint(ORIGIN, 3, hash_leaf(b"root")).to_text(), ORIGIN, KEY)
    witness = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)), "witness")
    text = note.partition("\n\n")[0] + "\n"
    seen = sign_note(text, "witness.example", witness).partition("\n\n")[2]

    assert verify_checkpoint(note + seen, KEYS).kid == KEY.kid
    for keys in (OTHERS, VerificationKeys({})):
        with pytest.raises(NoteInvalid, match="not signed by any"):
            verify_checkpoint(note, keys)
    with pytest.raises(NoteInvalid, match="not signed by any"):
        verify_checkpoint(f"{text}\n{seen}", KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n3\n",
        "origin\n03\n" + "A" * 43 + "=\n",
        "origin\n+3\n" + "A" * 43 + "=\n",
        "origin\n٣\n" + "A" * 43 + "=\n",
        f"origin\n{1 << 63}\n" + "A" * 43 + "=\n",
        "origin\n" + "9" * 5000 + "\n" + "A" * 43 + "=\n",
        "origin\n3\nAAAA\n",
        "origin\n3\n" + "A" * 43 + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_though_it_is_signed(text: str) -> None:
    with pytest.raises(NoteInvalid):
        verify_checkpoint(sign_note(text, "origin", KEY), KEYS)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\u2003b"])
def test_what_is_no_name_signs_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="name of a note"):
        sign_note("text\n", name, KEY)


def proof_of_two() -> InclusionProof:
    frontier = Frontier()
    for entry in (b"a", b"b"):
        frontier.append(hash_leaf(entry))
    head = Checkpoint(ORIGIN, 2, frontier.root())
    return InclusionProof(1, (hash_leaf(b"a"),), sign_note(head.to_text(), ORIGIN, KEY))


def test_a_proof_comes_back_from_its_text_and_proves_its_entry_alone() -> None:
    proof = parse_inclusion_proof(proof_of_two().to_text())

    assert proof == proof_of_two()
    assert proof.verify(b"b", KEYS).checkpoint.size == 2
    with pytest.raises(ProofInvalid, match="does not lead from this entry"):
        proof.verify(b"a", KEYS)
    with pytest.raises(ProofInvalid, match="not signed by any"):
        proof.verify(b"b", OTHERS)


def test_extra_data_of_a_proof_is_passed_over() -> None:
    text = proof_of_two().to_text().replace("@v1\n", "@v1\nextra AAAA\n")

    assert parse_inclusion_proof(text) == proof_of_two()


@pytest.mark.parametrize(
    ("old", "new"),
    [("@v1", "@v2"), ("index 1", "index 01"), ("index 1", "index x"), ("index 1\n", ""),
     ("=\n\n", "\n\n"), ("\n\n", "\nAAAA\n\n"), ("\n\n", "\n")],
)  # fmt: skip
def test_what_is_no_proof_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError):
        parse_inclusion_proof(proof_of_two().to_text().replace(old, new)).verify(b"b", KEYS)
