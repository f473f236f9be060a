"""retire.js's test cases: is the version right that a script's address tells?

`libraries.json` names our technology for each of retire.js's components, and addresses of plugins
whose version must not be taken for that of the library they belong to. An address without the
version in it cannot be decided and is counted apart.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.quality.corpus import RETIRE, Share, cut_list, load_judgements
from tracewell.detection import FingerprintSet, detect, load_pack
from tracewell.values import Capture

TARGET = 0.95
_VERSION = "§§version§§"
_SUBVERSION = "§§subversion§§"


@dataclass(frozen=True, slots=True)
class ScriptCase:
    """An address, the component it loads and its version."""

    component: str
    address: str
    version: str
    decidable: bool


def iter_cases() -> Iterator[ScriptCase]:
    """Every combination of the test cases' versions and file endings. Raises OSError."""
    components: Mapping[str, Mapping[str, Any]] = json.loads(RETIRE.read_text(encoding="utf-8"))
    for component, addresses in components.items():
        for template, told in addresses.items():
            versions = dict.fromkeys([*told["versions"], *told.get("additionalVersions", ())])
            for version in versions:
                for ending in told.get("subversions", [""]):
                    address = template.replace(_VERSION, version).replace(_SUBVERSION, ending)
                    yield ScriptCase(component, address, version, _VERSION in template)


def version_of(address: str, technology: str, pack: FingerprintSet) -> str | None:
    """The version of the technology on a page with this script; "" if found without one."""
    body = f'<script src="{address}"></script>'.encode()
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    capture = Capture("https://www.site.example/", 200, headers, body, captured_at=0)
    use = next((use for use in detect(capture, pack).uses if use.name == technology), None)
    return None if use is None else use.version or ""


def measure(pack: FingerprintSet) -> list[Share]:
    """The share of decidable versions that are right, and of plugins that stay plugins."""
    judged = load_judgements("libraries.json")
    right = asked = undecidable = 0
    misses: list[str] = []
    for case in iter_cases():
        if not case.decidable:
            undecidable += 1
            continue
        asked += 1
        technology = judged["libraries"].get(case.component)
        told = technology and version_of(case.address, technology, pack)
        right += told == case.version
        if told != case.version:
            misses.append(f"{case.address}: {technology} {told}, should be {case.version}")
    notes = (f"addresses that do not tell the version: {undecidable}",)
    versions = Share(
        "retire.js: versions by address", right, asked, TARGET, cut_list(misses, 30), notes
    )
    taken = [
        f"{plugin['address']}: taken for {plugin['library']} {told}"
        for plugin in judged["plugins"]
        if (told := version_of(plugin["address"], plugin["library"], pack))
    ]
    count = len(judged["plugins"])
    plugins = Share("plugins not taken for libraries", count - len(taken), count, 1, tuple(taken))
    return [versions, plugins]


if __name__ == "__main__":
    for share in measure(load_pack()):
        print(share)
    sys.exit(0)
