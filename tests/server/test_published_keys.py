"""Whoever has fetched the public keys once checks what the server signs from then on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
from tests.server.deployment import Deployment

COMMAND = str(Path(sys.executable).with_name("tracewell"))
ASKED = {"identifiers": [{"type": "email", "value": "ada@example.com"}]}


def test_keys_that_were_fetched_before_the_first_report_verify_it_and_its_pdf(
    deployment_on_each: Deployment, tmp_path: Path
) -> None:
    with deployment_on_each.start(workers=2) as server:
        jwks = httpx.get(f"{server.url}/.well-known/jwks.json")
        headers = {"X-API-Key": deployment_on_each.add_service(("analyst",))}
        with httpx.Client(base_url=server.intrace, headers=headers, timeout=60) as analyst:
            request_id = analyst.post("/v1/lookup", json=ASKED).json()["request_id"]
            bundle = analyst.get(f"/v1/reports/{request_id}").content
            pdf = analyst.get(f"/v1/reports/{request_id}/pdf").content
        after = httpx.get(f"{server.url}/.well-known/jwks.json")
    assert after.json() == jwks.json()
    (tmp_path / "jwks.json").write_bytes(jwks.content)
    for name, content in {"bundle.json": bundle, "report.pdf": pdf}.items():
        (tmp_path / name).write_bytes(content)
        done = subprocess.run(
            [COMMAND, "verify", name, "--jwks", "jwks.json"], cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, done
        assert request_id in done.stdout.decode()
