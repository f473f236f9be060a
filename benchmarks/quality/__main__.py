"""`python -m benchmarks.quality`: prints every figure of quality. Ends with 1 if one is missed."""

from __future__ import annotations

import sys
import time

from benchmarks.quality import banners, coverage, generators, libraries
from benchmarks.quality.corpus import DATA, OWN_PACK, PUBLIC_SET, read_pages
from tracewell.detection import load_fingerprints, load_pack


def main() -> int:
    """Measures all; tells where the real data is missing."""
    if not DATA.is_dir():
        print("the real data is not on this machine (set TRACEWELL_SHARED)")
        return 0
    pack = load_pack()
    print(f"our pack: {len(pack.technologies)} technologies\n", flush=True)
    pages = read_pages()
    shares = [*banners.measure(pack), *libraries.measure(pack)]
    shares.append(
        generators.measure(
            load_fingerprints(OWN_PACK, PUBLIC_SET), "our pack and the public set", pages
        )
    )
    shares.append(generators.measure(pack, "our pack alone", pages))
    shares.append(coverage.measure(pages)[0])
    for share in shares:
        print(f"{share}\n")
    return 0 if all(share.value >= share.target for share in shares) else 1


if __name__ == "__main__":
    started = time.process_time()
    code = main()
    print(f"measured in {time.process_time() - started:.0f} s of CPU")
    sys.exit(code)
