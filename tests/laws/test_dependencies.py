"""Every run-time dependency has its decision, a permissive licence and a plain pin."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, requires

import pytest
from packaging.requirements import Requirement
from tests.laws.exceptions import LICENCES_READ_BY_HAND, PERMISSIVE
from tests.laws.sources import ROOT, committed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DIRECT = sorted(
    Requirement(line).name
    for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["redis"],
                 *PROJECT["optional-dependencies"]["demo"],
                 *PROJECT["optional-dependencies"]["saml"])
)  # fmt: skip
_SPOKEN = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
LOCKFILES = ("constraints.txt", "package-lock.json", "requirements.txt", "uv.lock", "poetry.lock")


def test_every_direct_dependency_is_named_in_a_decision() -> None:
    pages = "\n".join(
        page.read_text("utf-8") for page in sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    )
    undefended = [
        name
        for name in DIRECT
        # Packages are called with either sign, and by the short name where that is known better.
        if not re.search(
            rf"(?<![\w-]){re.sub('[-_]', '[-_]', name)}(?![\w-])", pages, re.IGNORECASE
        )
    ]
    assert not undefended


def test_every_decision_says_its_status_and_why() -> None:
    lacking = [
        f"{page.name}: {part}"
        for page in sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
        for part in ("# ", "Status", "Context", "Decision", "Consequences")
        if part not in page.read_text("utf-8")
    ]
    assert not lacking


def shipped() -> list[str]:
    """Every distribution that an installed Tracewell needs, the indirect ones too."""
    pending, found = [name.lower() for name in DIRECT], set()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        try:
            needed = requires(name) or ()
        except PackageNotFoundError:
            continue  # of another platform, or an extra that is not installed
        found.add(name)
        for line in needed:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name.lower())
    return sorted(found)


def licences(name: str) -> set[str]:
    """What a distribution says about itself, in SPDX's words as far as they are known."""
    told = metadata(name)
    if (expression := told["License-Expression"]) is not None:
        return set(re.findall(r"[\w.-]+", expression)) - {"AND", "OR"}
    classified = [line.split(" :: ")[-1] for line in told.get_all("Classifier") or ()
                  if line.startswith("License ::")]  # fmt: skip
    spoken = classified or [(told["License"] or "").split("\n")[0]]
    parts = [part.strip() for text in spoken for part in text.split(" AND ")]
    return {_SPOKEN.get(part.lower(), part) for part in parts}


@pytest.mark.parametrize("name", shipped())
def test_a_dependency_is_permissively_licensed(name: str) -> None:
    found = licences(name)
    assert found
    if name not in LICENCES_READ_BY_HAND:
        assert found <= PERMISSIVE


def test_a_licence_read_by_hand_is_still_needed() -> None:
    for name in LICENCES_READ_BY_HAND:
        assert name in shipped()
        assert not licences(name) <= PERMISSIVE


def test_lockfiles_name_no_registry() -> None:
    locks = [path for path in committed() if path.name in LOCKFILES]
    if not committed():
        pytest.skip("not a git checkout")
    assert locks
    for path in locks:
        text = path.read_text("utf-8")
        assert not re.search(r'"resolved":|index-url|find-links|@ https?://', text), path.name
