"""Answers that were given before, kept in this process for as long as their source allows.

Only whole answers are kept (found or not found); a failure is asked again. Nothing is written.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from tracewell.intrace.identifiers.model import Identifier
from tracewell.values import Observation

ANSWERS_MAX: Final = 20_000
OBSERVATIONS_KEPT_MAX: Final = 200_000


@dataclass(frozen=True, slots=True)
class Remembered:
    """A whole answer and when it was given, in milliseconds, UTC; each statement's origin too."""

    observations: tuple[tuple[Observation, str], ...]
    retrieved_at: int


class AnswerMemory:
    """The last answers, bounded by number; the longest unused are forgotten first."""

    def __init__(self, answers_max: int = ANSWERS_MAX) -> None:
        self._answers: OrderedDict[tuple[str, str, str], Remembered] = OrderedDict()
        self._answers_max = answers_max
        self._observations = 0

    def find(
        self, connector_id: str, identifier: Identifier, *, now: int, cache_s: int
    ) -> Remembered | None:
        """The answer, when it is younger than `cache_s` seconds."""
        key = (connector_id, identifier.type.value, identifier.key)
        remembered = self._answers.get(key)
        if remembered is None:
            return None
        if not 0 <= now - remembered.retrieved_at < cache_s * 1000:
            self._forget(key)
            return None
        self._answers.move_to_end(key)
        return remembered

    def keep(self, connector_id: str, identifier: Identifier, answer: Remembered) -> None:
        """Keeps an answer in place of an older one."""
        key = (connector_id, identifier.type.value, identifier.key)
        self._forget(key)
        self._answers[key] = answer
        self._observations += len(answer.observations)
        while len(self._answers) > self._answers_max or self._observations > OBSERVATIONS_KEPT_MAX:
            self._forget(next(iter(self._answers)))

    def clear(self) -> None:
        """Forgets everything."""
        self._answers.clear()
        self._observations = 0

    def _forget(self, key: tuple[str, str, str]) -> None:
        gone = self._answers.pop(key, None)
        if gone is not None:
            self._observations -= len(gone.observations)
