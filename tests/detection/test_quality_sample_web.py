"""The sample web's truth: every product with its version, and nothing that is not there."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from examples.web.model import Company, Web
from examples.web.render import Renderer
from examples.web.site import load_web

from tracewell.detection import FingerprintSet, detect
from tracewell.values import Capture, TechnologyUse

WEB: Web = load_web()
RENDERER = Renderer(WEB)

# The truth names products, not the public networks that some pages load their scripts from: those
# are there too, and seen by the script's address alone.
DELIVERY = {"jsDelivr", "unpkg", "cdnjs", "Google Hosted Libraries", "jQuery CDN"}


def iter_uses(company: Company, pack: FingerprintSet) -> Iterable[TechnologyUse]:
    for path, resource in RENDERER.render_site(company).items():
        url = f"https://{company.host}{path}"
        headers = tuple(resource.headers)
        capture = Capture(url, resource.status, headers, resource.body, captured_at=0)
        if resource.status == 200 and "html" in (capture.header("content-type") or ""):
            yield from detect(capture, pack).uses


def with_implied(names: Iterable[str], pack: FingerprintSet) -> set[str]:
    pending, known = list(names), set[str]()
    while pending:
        name = pending.pop()
        if name not in known:
            known.add(name)
            if name in pack.technologies:
                pending += [step.technology for step in pack.technologies[name].implies]
    return known


@pytest.mark.parametrize("domain", sorted(WEB.companies))
def test_nothing_is_found_that_a_sample_company_does_not_show(
    domain: str, pack: FingerprintSet
) -> None:
    company = WEB.companies[domain]
    shown = {known for name in company.stack for known in (name, *WEB.products[name].also_called)}
    uses = list(iter_uses(company, pack))
    false = {use.name for use in uses} - with_implied(shown, pack)
    assert false <= DELIVERY
    for use in uses:
        if use.name in false:
            assert {evidence.kind for evidence in use.evidence} <= {"script_src", "dom"}


@pytest.mark.parametrize("domain", sorted(WEB.companies))
def test_no_version_is_told_but_the_true_one(domain: str, pack: FingerprintSet) -> None:
    company = WEB.companies[domain]
    versions = {
        known: use.version
        for name, use in company.stack.items()
        for known in (name, *WEB.products[name].also_called)
    }
    for use in iter_uses(company, pack):
        if use.version is not None and versions.get(use.name) is not None:
            assert use.version == versions[use.name], use
