"""Identifiers of a person or an organisation: the ten types, their validation and normal forms.

Pure: no I/O, no settings, no kernel. What is asked about an identifier lives in `connectors`.
"""

from tracewell.intrace.identifiers.errors import IdentifierError
from tracewell.intrace.identifiers.model import FieldProblem, Identifier, IdentifierType
from tracewell.intrace.identifiers.rules import as_queried, parse_identifier, parse_identifiers

__all__ = [
    "FieldProblem",
    "Identifier",
    "IdentifierError",
    "IdentifierType",
    "as_queried",
    "parse_identifier",
    "parse_identifiers",
]
