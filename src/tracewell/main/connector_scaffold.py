"""The files of a new connector, from templates: a YAML manifest, a Python file, a test for each."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9_]{1,36}")
KINDS = ("yaml", "python")


class ScaffoldRefused(Exception):  # noqa: N818
    """A connector of that name cannot be written; the text says why."""


def write_connector(folder: Path, name: str, kinds: tuple[str, ...] = KINDS) -> list[Path]:
    """Writes `NAME.yaml` and `NAME_code.py` with their tests; nothing that is there is touched.

    Raises ScaffoldRefused and OSError.
    """
    if _NAME.fullmatch(name) is None:
        raise ScaffoldRefused(
            f"{name!r} is no name for a connector: 2 to 37 of a-z, 0-9 and _, a letter first"
        )
    files = {
        folder / target.format(name=name): template
        for kind in kinds
        for target, template in _FILES[kind].items()
    }
    taken = [path for path in files if path.exists()]
    if taken:
        raise ScaffoldRefused(f"{taken[0]} is there already")
    folder.mkdir(parents=True, exist_ok=True)
    templates = resources.files("tracewell.main").joinpath("connector_templates")
    for path, template in files.items():
        text = templates.joinpath(template).read_text("utf-8")
        # Exclusive: what another hand wrote meanwhile is not overwritten.
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("@NAME@", name).replace("@CLASS@", _class_name(name)))
    return list(files)


_FILES = {
    "yaml": {"{name}.yaml": "manifest.yaml.txt", "test_{name}.py": "test_manifest.py.txt"},
    "python": {"{name}_code.py": "code.py.txt", "test_{name}_code.py": "test_code.py.txt"},
}


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
