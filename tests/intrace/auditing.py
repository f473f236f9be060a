"""An auditor at the command line, beside a running server with three lookups in its log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.intrace.lookup_calls import ADA, look_up
from tests.intrace.serving import Server

from tracewell.cli.audit import audit


@dataclass
class Auditor:
    """Runs the commands with what an operator's environment holds."""

    server: Server
    folder: Path
    requests: list[str]

    @property
    def jwks(self) -> str:
        return str(self.folder / "jwks.json")

    def run(self, *arguments: str, code: int = 0, **more: str) -> Result:
        environment = {
            "DATABASE_URL": self.server.database_url,
            "SIGNING_PRIVATE_KEY_PATH": str(self.server.signing_key_path),
            "ORGANIZATION_ID": "org_test",
            "TRACEWELL_DATA": str(self.folder / "data"),
            "TRACEWELL_API_KEY": self.server.keys["auditor"],
            **more,
        }
        done = CliRunner(env=environment).invoke(audit, arguments)
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def verify(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = self.run("verify", "--jwks", self.jwks, "--json", *arguments, code=code)
        told: dict[str, Any] = json.loads(done.stdout)
        assert told["whole"] is (code == 0)
        return told

    def look_up(self) -> str:
        with self.server.client() as client:
            request_id: str = look_up(client, ADA, requester_reference="a=b|c\\d\ne").json()[
                "request_id"
            ]
        self.requests.append(request_id)
        return request_id

    def export(self, form: str, *more: str) -> Path:
        path = self.folder / f"audit.{form}"
        self.run("export", "--format", form, "--output", str(path), *more)
        return path


@pytest.fixture
def auditor(server: Server, tmp_path: Path) -> Auditor:
    (tmp_path / "jwks.json").write_bytes(server.signing.jwks())
    found = Auditor(server, tmp_path, [])
    for _ in range(3):
        found.look_up()
    return found
