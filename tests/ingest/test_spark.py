"""The same ingest on a real Spark cluster: what it finds, what it keeps, and a killed executor."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from tests.cli.conftest import SCRIPT, Console, make_archive
from tests.ingest.conftest import Cluster, make_site

pytestmark = pytest.mark.xdist_group("spark")

TIMEOUT_S = 240
POLL_S = 0.02


def companies(data: Path) -> dict[str, Any]:
    """Every stored profile by slug, without the number, which depends on the order."""
    with sqlite3.connect(next(data.glob("*.db"))) as database:
        rows = database.execute("SELECT slug, profile FROM companies").fetchall()
        evidence = database.execute(
            "SELECT c.slug, e.kind, e.pattern, e.excerpt, e.url, e.capture, e.observed_at"
            " FROM technology_evidence AS e JOIN companies AS c USING (company_id)"
        ).fetchall()
        partners = database.execute(
            "SELECT c.slug, p.partner_name, p.partner_domain FROM partnerships AS p"
            " JOIN companies AS c USING (company_id)"
        ).fetchall()
    found = {slug: json.loads(profile) for slug, profile in rows}
    for profile in found.values():
        del profile["company_id"]
    return {"companies": found, "evidence": sorted(evidence), "partners": sorted(partners)}


def on(cluster: Cluster, results: Path) -> list[str]:
    """The options that run an ingest on the cluster."""
    return [
        "--engine", "spark", "--master", cluster.url, "--results", str(results), "--json",
        "--conf", "spark.executor.memory=512m",
        "--conf", "spark.driver.host=127.0.0.1",
        "--conf", "spark.ui.enabled=false",
        "--conf", f"spark.executorEnv.PYTHONPATH={os.environ.get('PYTHONPATH', '')}",
    ]  # fmt: skip


def start(console: Console, data: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [SCRIPT, "ingest", *arguments],
        cwd=console.folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "TRACEWELL_DATA": str(console.folder / data),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[Any, str]:
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, err.decode()
    return json.loads(out), err.decode()


def test_a_cluster_that_loses_an_executor_gives_what_one_machine_gives(
    console: Console, cluster: Cluster, archives: Path
) -> None:
    results = console.folder / "results"
    here = start(console, "here", str(archives), "--json")
    there = start(console, "there", str(archives), *on(cluster, results))
    until = time.monotonic() + TIMEOUT_S
    while not list(results.glob("*.parquet")):
        assert there.poll() is None, there.communicate()
        assert time.monotonic() < until
        time.sleep(POLL_S)
    victim = cluster.find_executors()[0]
    os.kill(victim, signal.SIGKILL)
    assert len(list(results.glob("*.parquet"))) < 8, "the job was over before"

    summary, told = finish(there)
    expected, _ = finish(here)
    assert summary == expected
    assert summary["captures_ingested"] > 100
    assert summary["records_broken"] == 1
    assert "crawl-3.warc.gz:0: skipped: broken record" in told
    found = companies(console.folder / "there")
    assert found == companies(console.folder / "here")
    assert set(found["companies"]) >= {"shared", "company0", "company7"}
    assert len(found["partners"]) >= 7
    assert cluster.count_started(cluster.list_applications()[-1]) >= 2

    # What the folder holds is not done again: with a further archive, that one alone is.
    make_archive(archives / "later.warc.gz", make_site(9))
    before = {file.name for file in results.glob("*.parquet")}
    again, _ = finish(start(console, "there", str(archives), *on(cluster, results)))
    after = {file.name for file in results.glob("*.parquet")}
    assert before < after
    assert len(after) == len(before) + 1
    assert again["captures_known"] == summary["captures_ingested"]
    assert again["companies_new"] == 1

    # And it is plain Parquet, for whoever wants the observations themselves.
    table = ds.dataset(results, format="parquet").to_table(columns=["kind", "domain", "uses"])
    rows = [row for row in table.to_pylist() if row["domain"] == "company9.example"]
    assert {use["name"] for row in rows for use in row["uses"]} >= {"WordPress", "PHP"}
