"""The command line: thin commands over `main`. Each is loaded when it is called."""

from __future__ import annotations

import click

from tracewell.cli.errors import told_plainly
from tracewell.cli.lazy import LazyGroup

_COMMANDS = {
    "admin": ("tracewell.cli.admin", "admin"),
    "archive": ("tracewell.cli.archive", "archive"),
    "audit": ("tracewell.cli.audit", "audit"),
    "connectors": ("tracewell.cli.connectors", "connectors"),
    "crawl": ("tracewell.cli.crawl", "crawl"),
    "detect": ("tracewell.cli.detect", "detect"),
    "entities": ("tracewell.cli.entities", "entities"),
    "fingerprints": ("tracewell.cli.fingerprints", "fingerprints"),
    "ingest": ("tracewell.cli.ingest", "ingest"),
    "jobs": ("tracewell.cli.jobs", "jobs"),
    "keys": ("tracewell.cli.keys", "keys"),
    "load": ("tracewell.cli.load", "load"),
    "migrate": ("tracewell.cli.migrate", "migrate"),
    "redetect": ("tracewell.cli.redetect", "redetect"),
    "resolve": ("tracewell.cli.resolve", "resolve_command"),
    "results": ("tracewell.cli.results", "results"),
    "roles": ("tracewell.cli.roles", "roles"),
    "serve": ("tracewell.cli.serve", "serve"),
    "settings": ("tracewell.cli.settings", "settings"),
    "verify": ("tracewell.cli.verify", "verify"),
    "worker": ("tracewell.cli.worker", "worker"),
}


class _Tracewell(LazyGroup):
    """The root: tells what fails below it plainly."""

    def invoke(self, ctx: click.Context) -> object:
        # Here, before click gets to see what it would call "Aborted!".
        with told_plainly():
            return super().invoke(ctx)


@click.group(
    cls=_Tracewell, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="tracewell")
def _tracewell() -> None:
    """Company intelligence and identifier intelligence, self-hosted.

    \b
    Begin with:
      tracewell serve --data ./data
      tracewell admin org create "Acme" --plan starter --data ./data
    """


def main() -> None:
    """The entry point of the console script."""
    with told_plainly():
        _tracewell()
