"""What a signature costs: key file, hash and signature of stored bytes, verifying a bundle.

python -m benchmarks.signing [--rounds N]: milliseconds of CPU, the median of the rounds. The aims
are 5 ms for 100 KB and 35 ms for 1 MB.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tracewell.kernel.signing import (
    Keyring,
    PublicKeyDirectory,
    SigningKeyFile,
    build_bundle,
    canonical_json,
    ensure_signing_key,
    hash_payload,
    parse_bundle,
    verify_bundle,
)

SIZES = {"10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000, "10 MB": 10_000_000}


def report_of(size: int) -> bytes:
    """A report of about that many bytes."""
    entity = {
        "entity_id": "ent_01JNQBC4X8Y2Z3A", "confidence": 0.9312,
        "names": [{"name": "Žofie Nováková", "sources": ["src_01JNQBC4X8Y2Z3A"]}],
    }  # fmt: skip
    one = len(canonical_json(entity)) + 1
    return canonical_json({"entities": [entity] * max(1, size // one)})


def median_ms(work: Callable[[], object], rounds: int) -> float:
    """CPU time of one call."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time_ns()
        work()
        taken.append(time.process_time_ns() - begin)
    return statistics.median(taken) / 1e6


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ring = Keyring(
            SigningKeyFile(ensure_signing_key(folder)), PublicKeyDirectory(folder / "public")
        )
        print("| stored bytes | sign and hash, ms | bundle, ms | verify a bundle, ms |")
        print("| --- | --- | --- | --- |")
        for label, size in SIZES.items():
            payload = report_of(size)

            def sign(payload: bytes = payload) -> str:
                hash_payload(payload)
                return ring.sign(payload, signed_at_ms=0)[0]

            signature = sign()
            bundle = build_bundle(payload, signature)
            keys = ring.verification_keys()
            cells = (
                median_ms(sign, rounds),
                median_ms(lambda p=payload, s=signature: build_bundle(p, s), rounds),  # type: ignore[misc]
                median_ms(lambda b=bundle, k=keys: verify_bundle(parse_bundle(b), k), rounds),  # type: ignore[misc]
            )
            print(f"| {label} |", " | ".join(f"{cell:.2f}" for cell in cells), "|", flush=True)


if __name__ == "__main__":
    main()
