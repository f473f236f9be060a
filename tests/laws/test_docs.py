"""The reference pages are in step with the code; no committed file tells of one machine."""

from __future__ import annotations

import re

import pytest
from scripts.reference_pages import render_pages
from tests.laws.sources import ROOT, committed

from tracewell.main.settings import Settings, variable_name

# In pieces, so that this file passes its own law.
_OF_A_MACHINE = re.compile(
    rb"(?<![\w.])(/ro" rb"ot/|/wo" rb"rk/|/ho" rb"me/\w|/Us" rb"ers/\w|C:\\\\Us" rb"ers)"
    rb"|//[\w.-]*(py" rb"pi|npm" rb"js|artifac" rb"tory|nex" rb"us|regi" rb"stry)[\w.-]*[/:]"
    rb"|index-" rb"url=?[ =]http"
)  # fmt: skip


def test_the_reference_pages_are_in_step_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_name(name), raising=False)
    pages = render_pages()
    assert len(pages) >= 6
    stale = [
        path.relative_to(ROOT).as_posix()
        for path, text in pages.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    assert not stale, "make docs"


def test_every_page_that_a_page_links_to_exists() -> None:
    broken = []
    for page in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_no_committed_file_names_a_place_of_one_machine_or_a_registry() -> None:
    if not committed():
        pytest.skip("not a git checkout")
    told = []
    for path in committed():
        if path.is_relative_to(ROOT / "fingerprints"):
            continue  # holds the hosts of vendors, some of which are called like a registry
        content = path.read_bytes()
        if b"\0" not in content and (found := _OF_A_MACHINE.search(content)):
            told.append(f"{path.relative_to(ROOT)}: {found[0].decode()}")
    assert not told
