"""Finding connectors that are no part of this code: our manifests, and a deployment's own folder.

The folder holds YAML manifests and Python files; it is the operator's, as trusted as the settings.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from tracewell.intrace.connectors.declared.connector import DeclaredConnector
from tracewell.intrace.connectors.declared.model import ManifestError, parse_manifest, read_manifest
from tracewell.intrace.connectors.model import Connector

CONNECTORS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class LoadProblem:
    """A file that gives no connector, and why."""

    file: str
    reason: str


class ConnectorFileError(Exception):
    """A Python file gives no connector; the text says why."""


def load_shipped() -> tuple[Connector, ...]:
    """The connectors of our own manifests, by id."""
    folder = resources.files(__package__).joinpath("manifests")
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")),
        key=lambda entry: entry.name,
    )
    return tuple(DeclaredConnector(parse_manifest(file.read_text("utf-8"))) for file in files)


def load_folder(folder: Path) -> tuple[tuple[Connector, ...], tuple[LoadProblem, ...]]:
    """The connectors of a folder's `*.yaml` and `*.py` (tests left out), by file name.

    What cannot be used is told and does not keep the others from working.
    """
    found: list[Connector] = []
    problems: list[LoadProblem] = []
    for path in sorted(folder.iterdir())[: CONNECTORS_MAX * 2] if folder.is_dir() else ():
        try:
            if path.suffix in (".yaml", ".yml"):
                found.append(DeclaredConnector(read_manifest(path)))
            elif path.suffix == ".py" and not path.name.startswith(("test_", "_", "conftest")):
                found.append(load_python(path))
        except (ManifestError, ConnectorFileError) as error:
            problems.append(LoadProblem(path.name, str(error)))
    return tuple(found[:CONNECTORS_MAX]), tuple(problems)


def load_python(path: Path) -> Connector:
    """The one connector that a Python file defines. Raises `ConnectorFileError`."""
    name = f"tracewell_connector_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConnectorFileError("it is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        kinds = [
            kind
            for kind in vars(module).values()
            if isinstance(kind, type)
            and issubclass(kind, Connector)
            and kind.__module__ == name
            and not getattr(kind, "__abstractmethods__", None)
        ]
        if len(kinds) != 1:
            raise ConnectorFileError(f"it defines {len(kinds)} connectors and not one")
        return kinds[0]()
    except ConnectorFileError:
        raise
    except Exception as error:  # noqa: BLE001 -- the edge of a foreign file: told, not passed on
        told = f"{type(error).__name__}: {str(error)[:200]}"
        raise ConnectorFileError(f"it cannot be loaded ({told})") from None
