"""`tracewell serve`: the server of one product or both."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from tracewell.cli.errors import UNREACHABLE, fail
from tracewell.cli.options import data_option
from tracewell.main.settings import load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--product",
    type=click.Choice(["trace", "intrace", "both"]),
    help="What to serve (TRACEWELL_PRODUCT).  [default: both]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Server processes that share the port.",
)
@click.option("--jobs/--no-jobs", default=True, show_default=True,
              help="Keep a worker beside the server, for refresh jobs (see `worker`).")  # fmt: skip
@data_option
def serve(
    host: str, port: int, product: str | None, workers: int, jobs: bool, data: Path | None
) -> None:
    """Serves Trace under /trace/v1 and Intrace under /intrace/v1; alone, a product is at /v1.

    The database is brought up to this release first. SIGTERM ends the server when what it has
    begun is answered.

    \b
    Examples:
      tracewell serve --data ./data
      tracewell serve --product trace --port 8080
      DATABASE_URL=postgresql://localhost/tracewell tracewell serve --workers 4 --no-jobs
    """
    from tracewell.main import serving
    from tracewell.main.start_check import require_startable

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=serving.LOG_FORMAT)
    settings = load_settings(data=data, product=product)
    for warning in require_startable(settings):
        logging.getLogger("tracewell").error("%s", warning)
    try:
        sys.exit(serving.serve(settings, host, port, workers, jobs=jobs))
    except serving.StartFailed as error:
        fail(str(error), UNREACHABLE)
