"""What is wrong with a manifest, in a line: the place and why, for whoever wrote it."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from tracewell.resolution.vocabulary import DETAILS, PREDICATES

_WORDS: Final = {
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "missing": "is needed",
    "extra_forbidden": "there is no such entry",
}


def tell_problem(error: ValidationError) -> str:
    """The first thing that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    told = _WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{place}: {told}" if place else told


def tell_unknown(predicate: str) -> str:
    """That there is no such predicate, and which there are of its subject."""
    known = sorted(PREDICATES.keys() | DETAILS.keys())
    subject = predicate.partition(".")[0]
    near = [name for name in known if name.startswith(f"{subject}.")]
    subjects = sorted({name.partition(".")[0] for name in known})
    there = near or [f"{subject}..." for subject in subjects]
    return f"unknown predicate {predicate!r}; there are {', '.join(there)}"
