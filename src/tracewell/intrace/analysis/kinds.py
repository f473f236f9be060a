"""What a type of analysis declares: its parameters, its words, its algorithm."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from tracewell.intrace.analysis.material import Material
from tracewell.intrace.analysis.model import Conclusion
from tracewell.intrace.connectors.screening import Hit
from tracewell.resolution import Kind

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Parameters(BaseModel):
    """Base of every type's parameters: unknown ones are ignored, values are never told back."""

    model_config = ConfigDict(
        strict=True, extra="ignore", hide_input_in_errors=True, regex_engine="rust-regex"
    )


class Screener(Protocol):
    """Names against the deployment's watchlists."""

    def find_obstacle(self) -> str | None:
        """Why it cannot be asked, or None."""
        ...

    async def screen(
        self, name: str, kind: Kind = ..., *, birth_date: str | None = ...
    ) -> list[tuple[str, Hit]]:
        """(list, hit), the nearest first. Raises ConnectorError."""
        ...


@dataclass(frozen=True, slots=True)
class TechnologyUse:
    """A technology of a company; times are texts of the contract, None where not told."""

    name: str
    categories: tuple[str, ...]
    vendor: str | None
    version: str | None
    confidence: float
    status: str
    first_observed_at: str | None
    last_observed_at: str | None


@dataclass(frozen=True, slots=True)
class CompanyTechnologies:
    """A company and what it runs, as its public pages show it; `id` is stable in the directory."""

    id: str
    name: str
    url: str
    last_observed_at: str
    uses: tuple[TechnologyUse, ...]


class TechnologyDirectory(Protocol):
    """Where the technologies of companies are found by a domain of theirs."""

    async def find_technologies(self, domain: str) -> CompanyTechnologies | None:
        """The company that has the domain (lower case, A-labels) among its own, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Instruments:
    """What an analysis may ask besides stored results; None: not part of the deployment."""

    screener: Screener | None = None
    technologies: TechnologyDirectory | None = None


@dataclass(frozen=True, slots=True)
class AnalysisType:
    """One type. `analyse` raises AnalysisFailed where it does not apply.

    `reads_others`: it also works on results that do not hold the subject.
    """

    name: str
    title: str
    description: str
    result_description: str
    parameters: type[Parameters]
    analyse: Callable[[Material, Any, Instruments], Coroutine[Any, Any, Conclusion]]
    reads_others: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The answer of `GET /v1/analysis/types/{type}`."""
        schema = self.parameters.model_json_schema()
        schema.pop("title", None)
        schema.pop("description", None)
        return {
            "analysis_type": self.name,
            "name": self.title,
            "description": self.description,
            "parameters": {"$schema": JSON_SCHEMA_DIALECT, **schema},
            "result_description": self.result_description,
        }
