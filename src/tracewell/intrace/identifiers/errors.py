"""The refusals of this feature, with the contract's codes. Their wire shape: routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tracewell.intrace.identifiers.model import FieldProblem

INVALID_TYPE = "invalid_identifier_type"
INVALID_FORMAT = "identifier_format_invalid"
NONE_GIVEN = "no_identifiers"
TOO_MANY = "too_many_identifiers"

MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        INVALID_TYPE: "The identifier type is not recognized.",
        INVALID_FORMAT: "An identifier value does not match the required format for its type.",
        NONE_GIVEN: "The identifiers array is empty.",
        TOO_MANY: "More than 20 identifiers were submitted in a single request.",
    }
)


class IdentifierError(ValueError):
    """Identifiers that cannot be looked up: `code` and `message` of the contract, every problem.

    With several problems of different codes the code is that of the first one in the request.
    """

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        self.code = self.problems[0].code
        self.message = MESSAGES[self.code]
        super().__init__(self.message)

    @property
    def issue(self) -> str:
        """The sentence of the first problem."""
        return self.problems[0].issue
