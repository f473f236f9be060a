"""The house's rules for code: sizes, names, docstrings, and where any exception may end."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tests.laws.exceptions import (
    BROAD_EXCEPTS,
    FORBIDDEN_NAMES,
    LONG_DOCSTRINGS,
    LONG_FUNCTIONS,
    LONG_MODULES,
)
from tests.laws.sources import Function, Module, modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
DOCSTRING_LINES_MAX = 8
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_ANY = {"Exception", "BaseException"}


def agree(found: Iterable[str], excepted: Iterable[str]) -> None:
    """Whatever breaks a law is excepted, and whatever is excepted still breaks it."""
    found, excepted = set(found), set(excepted)
    assert not found - excepted, "breaks the law"
    assert not excepted - found, "needs no exception any more"


def test_there_is_something_to_judge() -> None:
    assert len(modules()) > 100


def test_no_module_is_too_long() -> None:
    agree((m.name for m in modules() if len(m.text.splitlines()) >= MODULE_LINES_MAX), LONG_MODULES)


def test_no_function_is_too_long() -> None:
    agree(
        (
            f"{module.name}:{function.name}"
            for module in modules()
            for function in module.functions()
            if _own_lines(function) >= FUNCTION_LINES_MAX
        ),
        LONG_FUNCTIONS,
    )


def _own_lines(definition: Definition) -> int:
    """Without those of functions and classes inside, which are judged by themselves."""
    inner = sum(map(_lines, _definitions_in(definition)))
    return _lines(definition) - inner


def _lines(definition: Definition) -> int:
    return (definition.end_lineno or 0) - definition.lineno + 1


def _definitions_in(node: ast.AST) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield child
        else:
            yield from _definitions_in(child)


def test_every_module_says_in_a_few_lines_what_lives_in_it() -> None:
    silent, long = [], []
    for module in modules():
        docstring = ast.get_docstring(module.tree)
        if docstring is None:
            if module.text.strip():
                silent.append(module.name)
        elif len(docstring.splitlines()) > DOCSTRING_LINES_MAX:
            long.append(module.name)
    assert not silent
    agree(long, LONG_DOCSTRINGS)


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [
        module.name
        for module in modules()
        if FORBIDDEN_NAMES & {part.removesuffix(".py") for part in PurePosixPath(module.name).parts}
    ]


def test_any_exception_ends_at_the_edges_only() -> None:
    agree((place for module in modules() for place in broad_excepts(module)), BROAD_EXCEPTS)


def broad_excepts(module: Module) -> Iterator[str]:
    """Where a handler or `suppress` of the product's code ends whatever is raised."""
    if module.name.startswith("src/"):
        yield from _broad_below(module.tree, module.name, "")


def _broad_below(node: ast.AST, module: str, function: str) -> Iterator[str]:
    if isinstance(node, Function):
        function = node.name
    broad = isinstance(node, ast.ExceptHandler) and _is_any(node.type) and not _raises_on(node)
    if broad or (isinstance(node, ast.Call) and _suppresses_any(node)):
        yield f"{module}:{function}"
    for child in ast.iter_child_nodes(node):
        yield from _broad_below(child, module, function)


def _is_any(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(name is None or (isinstance(name, ast.Name) and name.id in _ANY) for name in names)


def _raises_on(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and raising the same again ends nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _suppresses_any(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("suppress") and any(map(_is_any, call.args))


def test_the_law_on_broad_excepts_sees_each_way_of_writing_one() -> None:
    def places(body: str) -> list[str]:
        text = f"def f():\n    {body}\n"
        return list(broad_excepts(Module("src/x.py", text, ast.parse(text))))

    for body in (
        "try: pass\n    except: pass",
        "try: pass\n    except Exception: pass",
        "try: pass\n    except (OSError, BaseException) as e: raise X from e",
        "with contextlib.suppress(Exception): pass",
    ):
        assert places(body) == ["src/x.py:f"]
    for body in (
        "try: pass\n    except OSError: pass",
        "try: pass\n    except BaseException:\n        undo()\n        raise",
        "with suppress(OSError): pass",
    ):
        assert places(body) == []
