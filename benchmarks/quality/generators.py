"""With `<meta name=generator>` hidden: is the CMS that a page named there still found?

`generators.json` maps a technology to the expression that its generator texts match. Products that
no set knows stay in it, so that they count as missed.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.quality.corpus import (
    MIT_SET,
    OWN_PACK,
    PUBLIC_SET,
    Share,
    load_judgements,
    names_of,
    read_pages,
)
from tracewell.detection import FingerprintSet, load_fingerprints, load_pack
from tracewell.values import Capture

TARGET = 0.95
_META = re.compile(rb"<meta\b[^>]*>", re.IGNORECASE)
_IS_GENERATOR = re.compile(rb"""\bname\s*=\s*["']?generator\b""", re.IGNORECASE)
_CONTENT = re.compile(rb"""\bcontent\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)


def hide_generators(capture: Capture) -> tuple[Capture, list[str]]:
    """The capture without its generator elements, and what they said."""
    told: list[str] = []

    def hide(match: re.Match[bytes]) -> bytes:
        if not _IS_GENERATOR.search(match.group()):
            return match.group()
        content = _CONTENT.search(match.group())
        if content:
            told.append(
                b"".join(part or b"" for part in content.groups()).decode("utf-8", "replace")
            )
        return b""

    body = _META.sub(hide, capture.body)
    return dataclasses.replace(capture, body=body), told


def iter_hidden(captures: Sequence[Capture]) -> Iterator[tuple[Capture, str]]:
    """Pages that named a CMS, without the name; and the CMS. One of several: the first of ours."""
    known = {
        name: re.compile(text, re.I) for name, text in load_judgements("generators.json").items()
    }
    for capture in captures:
        hidden, told = hide_generators(capture)
        named = [
            name for name, text in known.items() if any(text.search(said.strip()) for said in told)
        ]
        if named:
            yield hidden, named[0]


def measure(fingerprints: FingerprintSet, title: str, captures: Sequence[Capture]) -> Share:
    """The share of pages whose CMS is found although its generator is hidden."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    misses: list[str] = []
    for hidden, name in iter_hidden(captures):
        asked[name] += 1
        if name in names_of(hidden, fingerprints):
            right[name] += 1
        else:
            misses.append(f"{name}: {hidden.url}")
    table = ", ".join(f"{name} {right[name]}/{count}" for name, count in asked.most_common())
    title = f"CMS with the generator hidden, {title}"
    return Share(title, right.total(), asked.total(), TARGET, tuple(misses), (table,))


if __name__ == "__main__":
    pages = read_pages()
    print(measure(load_pack(), "our pack alone", pages))
    print(measure(load_fingerprints(OWN_PACK, MIT_SET), "our pack and the MIT set", pages))
    print(measure(load_fingerprints(OWN_PACK, PUBLIC_SET), "our pack and the public set", pages))
    print(measure(load_fingerprints(PUBLIC_SET), "the public set alone, to compare", pages))
    sys.exit(0)
