"""What a command costs before it does anything: no more is imported than it needs."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest

from tracewell.cli import errors


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_itself_imports_no_product_and_no_kernel() -> None:
    # A process of `--jobs` imports it too, before it can begin.
    loaded = modules_after("import tracewell.cli")
    assert "tracewell.cli.errors" in loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith("tracewell.")}
    assert rooms == {"cli"}


def test_detect_imports_neither_trace_nor_what_servers_stand_on() -> None:
    loaded = modules_after("import tracewell.cli.detect")
    assert "tracewell.detection" in loaded
    heavy = {"fastapi", "numpy", "pyarrow", "tldextract", "tracewell.extraction", "tracewell.trace"}
    assert loaded & heavy == set()


def test_every_error_that_is_told_in_a_line_is_where_the_list_says() -> None:
    for place, name, _ in errors._TOLD:
        assert issubclass(getattr(importlib.import_module(place), name), Exception), name
    listed = {name for name, _ in errors.told_errors().values()}
    assert listed == {name for _, name, _ in errors._TOLD}


def test_an_error_is_told_by_the_words_and_the_code_of_the_class_above_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tracewell.main.fingerprint_errors import CollectionRefused, RegistryUnreachable
    from tracewell.main.settings import SettingsWrong

    class Special(CollectionRefused):
        pass

    cases = (
        (Special("no such {thing}"), errors.REFUSED, "no such {thing}"),
        (RegistryUnreachable("away"), errors.UNREACHABLE, "away"),
        (SettingsWrong("X: {no}"), errors.USAGE, "these settings cannot be used:\nX: {no}"),
    )
    for error, code, words in cases:
        with pytest.raises(SystemExit) as ended, errors.told_plainly():
            raise error
        assert ended.value.code == code
        assert capsys.readouterr().err == f"tracewell: {words}\n"


def test_an_error_that_nobody_foresaw_is_not_told_as_one_that_is_known() -> None:
    with pytest.raises(ZeroDivisionError), errors.told_plainly():
        raise ZeroDivisionError
    with pytest.raises(click.UsageError), errors.told_plainly():
        raise click.UsageError("click tells it")
