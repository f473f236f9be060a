"""The SAML identity provider of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.saml.idp import SamlIdp, start_idp
from tests.saml.responses import ACS_URL, ENTITY_ID, Responses

from tracewell.kernel.saml import render_sp_metadata


@pytest.fixture(scope="session")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlIdp]:
    """A provider that knows the service provider of `responses`."""
    with start_idp(tmp_path_factory.mktemp("idp")) as started:
        started.know(render_sp_metadata(ENTITY_ID, ACS_URL).decode())
        yield started


@pytest.fixture(scope="session")
def responses(idp: SamlIdp) -> Responses:
    """Genuine answers, and what becomes of changed ones."""
    return Responses(idp)
