"""Every setting of the system, once: name, meaning, default, example. Read from the environment.

The docs page of settings is made from this list; a wrong value is told by the variable's name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import AliasChoices, ValidationError

from tracewell.main.settings.ground import Product
from tracewell.main.settings.intrace import IntraceSettings
from tracewell.main.settings.together import iter_problems
from tracewell.main.settings.trace import TraceSettings

__all__ = [
    "Product",
    "Settings",
    "SettingsWrong",
    "environment_of",
    "load_settings",
    "variable_name",
]


class SettingsWrong(Exception):  # noqa: N818
    """One or more variables cannot be used; the text names each, says why, gives an example."""


class Settings(IntraceSettings, TraceSettings):
    """The settings of one deployment."""


def variable_name(field: str) -> str:
    """The environment's name of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field.upper()


def load_settings(**given: object) -> Settings:
    """The environment's settings; what is `given` and not None goes first.

    Raises SettingsWrong.
    """
    try:
        settings = Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsWrong("\n".join(map(_told, error.errors()))) from None
    problems = list(iter_problems(settings))
    if problems:
        raise SettingsWrong("\n".join(problems))
    return settings


def _told(problem: object) -> str:
    assert isinstance(problem, dict)
    place = str(problem["loc"][0]) if problem["loc"] else "?"
    fields = {variable_name(name): name for name in Settings.model_fields}
    field = fields.get(place, place)
    name = variable_name(field) if field in Settings.model_fields else place
    examples = Settings.model_fields[field].examples if field in Settings.model_fields else None
    example = f" (for example {examples[0]})" if examples else ""
    # Never the value: it may be a secret.
    told = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {told}{example}"


def environment_of(settings: Settings) -> Mapping[str, str]:
    """What a worker process needs in its environment to read the same settings."""
    return {
        **os.environ,
        variable_name("data"): str(settings.data),
        variable_name("product"): settings.product,
    }
