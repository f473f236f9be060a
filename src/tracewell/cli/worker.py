"""`tracewell worker`: does refresh jobs."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import click

from tracewell.cli.options import data_option
from tracewell.main.settings import load_settings


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="Domains at a time.")  # fmt: skip
@data_option
def worker(concurrency: int, data: Path | None) -> None:
    """Does the jobs of POST /v1/companies/refresh until SIGTERM.

    As many workers as wanted may share a database; on PostgreSQL on several machines. A worker
    that dies loses nothing: its domains go to others after JOB_LEASE_SECONDS. `tracewell serve`
    has one beside it unless it is started with --no-jobs.

    \b
    Examples:
      tracewell worker --data ./data
      DATABASE_URL=postgresql://localhost/tracewell tracewell worker --concurrency 50
      REFRESH_AFTER_DAYS=30 tracewell worker --data ./data
    """
    from tracewell.main.job_worker import LOG_FORMAT, run_job_worker

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=LOG_FORMAT)
    asyncio.run(run_job_worker(load_settings(data=data), concurrency))
