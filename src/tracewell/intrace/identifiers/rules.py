"""What a request's identifiers must satisfy: known types, good values, 1 to 20 of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from tracewell.intrace.identifiers.errors import (
    INVALID_FORMAT,
    INVALID_TYPE,
    NONE_GIVEN,
    TOO_MANY,
    IdentifierError,
)
from tracewell.intrace.identifiers.formats import PARSERS, FormatError, Parsed
from tracewell.intrace.identifiers.model import FieldProblem, Identifier, IdentifierType
from tracewell.resolution import QueriedIdentifier

IDENTIFIERS_MAX: Final = 20
TYPES_ISSUE: Final = f"Must be one of: {', '.join(IdentifierType)}"

_LINE_BREAKS: Final = frozenset("\t\n\r")


def parse_identifier(type_name: str, value: str, *, index: int = 0) -> Identifier:
    """The identifier that a type and a value name.

    `type_name` is one of the contract's ten (exactly as written there). Raises `IdentifierError`
    with one problem, whose field is `identifiers[index].type` or `.value`.
    """
    try:
        kind = IdentifierType(type_name)
    except ValueError:
        raise _error(f"identifiers[{index}].type", TYPES_ISSUE, INVALID_TYPE) from None
    try:
        parsed = _parse_value(kind, value)
    except FormatError as refusal:
        raise _error(f"identifiers[{index}].value", str(refusal), INVALID_FORMAT) from None
    return Identifier(kind, value, parsed.value, parsed.key, index, parsed.details)


def parse_identifiers(submitted: Sequence[tuple[str, str]]) -> tuple[Identifier, ...]:
    """The identifiers of one request, equal ones merged into the first of them.

    Raises `IdentifierError` with every broken identifier of the request, each with its index;
    with `no_identifiers` or `too_many_identifiers` when the number itself is wrong.
    """
    if not submitted:
        raise _error("identifiers", "Must hold at least one identifier.", NONE_GIVEN)
    if len(submitted) > IDENTIFIERS_MAX:
        issue = f"Must hold at most {IDENTIFIERS_MAX} identifiers, got {len(submitted)}."
        raise _error("identifiers", issue, TOO_MANY)
    problems: list[FieldProblem] = []
    merged: dict[tuple[IdentifierType, str], Identifier] = {}
    for index, (type_name, value) in enumerate(submitted):
        try:
            identifier = parse_identifier(type_name, value, index=index)
        except IdentifierError as error:
            problems.extend(error.problems)
        else:
            merged.setdefault((identifier.type, identifier.key), identifier)
    if problems:
        raise IdentifierError(problems)
    return tuple(merged.values())


def as_queried(identifier: Identifier) -> QueriedIdentifier:
    """The identifier as resolution takes it: its type and the form in which equals are equal."""
    return QueriedIdentifier(str(identifier.type), identifier.key)


def _parse_value(kind: IdentifierType, value: str) -> Parsed:
    parser, characters_max = PARSERS[kind]
    if not value:
        raise FormatError("Must not be empty.")
    if len(value) > characters_max:
        raise FormatError(f"Must be at most {characters_max} characters long.")
    allowed = _LINE_BREAKS if kind is IdentifierType.ADDRESS else frozenset[str]()
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in allowed for c in value):
        raise FormatError("Must not hold control characters.")
    return parser(value)


def _error(field: str, issue: str, code: str) -> IdentifierError:
    return IdentifierError([FieldProblem(field, issue, code)])
