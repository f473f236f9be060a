"""Deployments and servers that the tests of the running server share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import DIALECTS, NoPostgresql, fresh_database
from tests.server.deployment import Deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A deployment of the test's own, on SQLite."""
    return Deployment(tmp_path / "data")


@pytest.fixture(params=DIALECTS)
def deployment_on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of the test's own, on each database in turn."""
    with deployment_on(request.param, tmp_path) as made:
        yield made


@contextlib.contextmanager
def deployment_on(dialect: str, folder: Path) -> Iterator[Deployment]:
    """A deployment on the named database; skips where PostgreSQL cannot be run."""
    if dialect == "sqlite":
        yield Deployment(folder / "data")
        return
    try:
        with fresh_database(dialect, folder) as url:
            yield Deployment(folder / "data", url)
    except NoPostgresql as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
