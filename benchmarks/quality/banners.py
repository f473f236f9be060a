"""recog's labelled Server headers and cookies: does our pack name the product and its version?

`banners.json` says which of recog's products our pack covers and under which name, which web
products it does not cover, and which labels name no web product (printers, UPnP devices, ...).
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.quality.corpus import RECOG, Share, load_judgements
from tracewell.detection import FingerprintSet, detect, load_pack
from tracewell.values import Capture

TARGET = 0.98
_HEADERS = {"http_servers": "Server", "http_cookies": "Set-Cookie"}


@dataclass(frozen=True, slots=True)
class Banner:
    """One example: the header as sent, recog's product (`vendor|product`) and version, if told."""

    file: str
    header: str
    text: str
    product: str
    version: str | None


def iter_banners() -> Iterator[Banner]:
    """Every labelled example of the two files. Raises OSError."""
    for file, header in _HEADERS.items():
        root = ElementTree.parse(RECOG / f"{file}.xml").getroot()
        for fingerprint in root.iter("fingerprint"):
            told = {param.get("name"): param.get("value") for param in fingerprint.iter("param")}
            vendor, product = told.get("service.vendor"), told.get("service.product")
            for example in fingerprint.iter("example"):
                version = example.get("service.version") or told.get("service.version")
                name = f"{vendor or '-'}|{product or '-'}"
                yield Banner(file, header, example.text or "", name, version)


def measure(pack: FingerprintSet) -> list[Share]:
    """The share of examples of covered products that are named right, for each file."""
    judgements = load_judgements("banners.json")
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    notes: dict[str, Counter[str]] = {file: Counter() for file in _HEADERS}
    misses: dict[str, list[str]] = {file: [] for file in _HEADERS}
    for banner in iter_banners():
        judged = judgements[banner.file]
        if banner.product not in judged["covered"]:
            group = "not_covered" if banner.product in judged["not_covered"] else "no_web_product"
            known = banner.product in judged[group]
            notes[banner.file][group if known else "not judged"] += 1
            continue
        asked[banner.file] += 1
        fault = _fault(banner, judged["covered"][banner.product], pack)
        if fault is None:
            right[banner.file] += 1
        else:
            misses[banner.file].append(f"{banner.text[:70]!r}: {fault}")
    return [
        Share(
            f"recog {file}: product and version",
            right[file],
            asked[file],
            TARGET,
            tuple(misses[file]),
            tuple(f"examples {group}: {count}" for group, count in sorted(notes[file].items())),
        )
        for file in _HEADERS
    ]


def _fault(banner: Banner, name: str, pack: FingerprintSet) -> str | None:
    headers = ((banner.header, banner.text),)
    capture = Capture("https://www.site.example/", 200, headers, b"", captured_at=0)
    use = next((use for use in detect(capture, pack).uses if use.name == name), None)
    if use is None:
        return f"{name} is not found"
    if banner.version is not None and use.version != banner.version:
        return f"{name} {use.version}, should be {banner.version}"
    return None


if __name__ == "__main__":
    for share in measure(load_pack()):
        print(share)
    sys.exit(0)
