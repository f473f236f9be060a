"""Our pack against the bundled sample web, whose files say what each invented company runs."""

from __future__ import annotations

import pytest
from examples.web.model import Company, Web
from examples.web.render import Renderer
from examples.web.site import load_web

from tracewell.detection import FingerprintSet, detect
from tracewell.values import Capture

WEB: Web = load_web()
RENDERER = Renderer(WEB)


def shown_by(company: Company, pack: FingerprintSet) -> dict[str, set[str | None]]:
    """Every technology on any page of the company's site, with the versions told."""
    found: dict[str, set[str | None]] = {}
    for path, resource in RENDERER.render_site(company).items():
        headers = tuple(resource.headers)
        url = f"https://{company.host}{path}"
        capture = Capture(url, resource.status, headers, resource.body, captured_at=0)
        if resource.status == 200 and "html" in (capture.header("content-type") or ""):
            result = detect(capture, pack)
            assert result.given_up == ()
            for use in result.uses:
                found.setdefault(use.name, set()).add(use.version)
    return found


@pytest.mark.parametrize("domain", sorted(WEB.companies))
def test_the_pack_finds_what_a_sample_company_shows(domain: str, pack: FingerprintSet) -> None:
    company = WEB.companies[domain]
    found = shown_by(company, pack)
    for name, use in company.stack.items():
        names = [name, *WEB.products[name].also_called]
        versions = {version for known in names for version in found.get(known, ())}
        assert any(known in found for known in names), name
        if use.version is not None:
            assert use.version in versions, name
