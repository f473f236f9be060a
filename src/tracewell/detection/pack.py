"""Our own fingerprint pack: where it lies, and the stricter rules its entries keep.

An entry without vendor, website, description, categories and examples on both sides is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tracewell.detection.fingerprints import FingerprintSet
from tracewell.detection.loading import load_fingerprints, technology_files
from tracewell.detection.model import Example, Fingerprint
from tracewell.values import Capture

_REQUIRED_TEXTS = ("vendor", "website", "description")
_EXAMPLE_KEYS = frozenset(
    {"url", "headers", "cookies", "html", "robots", "dns", "certIssuer", "version"}
)


class PackError(ValueError):
    """An entry of our own pack that breaks its rules; the message lists all of them."""


def default_fingerprints_directory() -> Path:
    """Our pack: inside the installed package, or at the root of a checkout.

    Raises FileNotFoundError when there is neither (a broken installation).
    """
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "_data" / "fingerprints", package.parents[1] / "fingerprints"):
        if (candidate / "categories.json").is_file():
            return candidate
    raise FileNotFoundError("the fingerprint pack of tracewell is not installed")


def load_pack(directory: Path | None = None) -> FingerprintSet:
    """Our pack, with the examples of every entry. Raises PackError if an entry breaks the rules."""
    directory = directory or default_fingerprints_directory()
    loaded = load_fingerprints(directory)
    faults = [
        f"{problem.file}: {problem.technology}: {problem.kind}: {problem.reason}"
        for problem in loaded.problems
    ]
    technologies: dict[str, Fingerprint] = dict(loaded.technologies)
    for file in technology_files(directory):
        for name, entry in json.loads(file.read_bytes()).items():
            faults.extend(f"{file.name}: {name}: {fault}" for fault in _faults(entry))
            faults.extend(
                f"{file.name}: {name}: names {other}, which the pack does not hold"
                for other in _related(loaded.technologies[name])
                if other not in loaded.technologies
            )
    if faults:
        raise PackError("; ".join(faults))
    for file in technology_files(directory):
        for name, entry in json.loads(file.read_bytes()).items():
            technologies[name] = _with_examples(technologies[name], entry["examples"])
    return FingerprintSet(technologies, loaded.categories)


def _faults(entry: Mapping[str, Any]) -> list[str]:
    faults = [f"has no {key}" for key in _REQUIRED_TEXTS if not entry.get(key)]
    if not entry.get("cats"):
        faults.append("has no cats")
    examples = entry.get("examples", {})
    for side in ("match", "no_match"):
        if not examples.get(side):
            faults.append(f"has no examples.{side}")
        for example in examples.get(side, ()):
            unknown = set(example) - _EXAMPLE_KEYS
            if unknown:
                faults.append(f"has an example with {', '.join(sorted(unknown))}")
    return faults


def _related(fingerprint: Fingerprint) -> list[str]:
    implied = [implication.technology for implication in fingerprint.implies]
    return [*implied, *fingerprint.requires, *fingerprint.excludes]


def _with_examples(fingerprint: Fingerprint, examples: Mapping[str, Any]) -> Fingerprint:
    return replace(
        fingerprint,
        must_match=tuple(_example(example) for example in examples["match"]),
        must_not_match=tuple(_example(example) for example in examples["no_match"]),
    )


def _example(example: Mapping[str, Any]) -> Example:
    headers = list(example.get("headers", {}).items())
    headers += [
        ("Set-Cookie", f"{name}={value}; Path=/")
        for name, value in example.get("cookies", {}).items()
    ]
    return Example(
        url=example.get("url", "https://www.site.example/"),
        headers=tuple(headers),
        html=example.get("html", ""),
        robots=example.get("robots"),
        dns={key: tuple(values) for key, values in example.get("dns", {}).items()},
        certificate_issuer=example.get("certIssuer"),
        version=example.get("version"),
    )


def example_capture(example: Example) -> Capture:
    """The capture that an example stands for: a page in UTF-8, fetched at the epoch."""
    return Capture(
        url=example.url,
        status=200,
        headers=(("Content-Type", "text/html; charset=utf-8"), *example.headers),
        body=example.html.encode(),
        captured_at=0,
        dns=example.dns,
        certificate_issuer=example.certificate_issuer,
        robots_txt=example.robots,
    )
