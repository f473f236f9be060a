"""What the connectors' tests share."""

from __future__ import annotations

import pytest
from tests.connectors.upstream import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority that the clients of these tests trust."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
