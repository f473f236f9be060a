"""Connector `sql_records`: the organisation's own databases, asked by the queries of a manifest.

`sql_records.yaml` names, for each database, one read-only query per identifier type (`:value` is
the identifier) and what its columns mean. Nothing is copied and nothing is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import quote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tracewell.intrace.connectors.failures import TimedOutError
from tracewell.intrace.connectors.manifest_problems import tell_problem
from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorError,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    NotApplicableError,
    PartialAnswerError,
    SourceFailedError,
    observe,
)
from tracewell.intrace.connectors.sources.record_cells import statements_of
from tracewell.intrace.connectors.sources.record_manifest import RecordMapping
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.kernel.database import DatabaseFailed, ForeignDatabase
from tracewell.resolution.vocabulary import DETAILS, PREDICATES
from tracewell.values import Observation

MANIFEST_NAME: Final = "sql_records.yaml"
MANIFEST_BYTES_MAX: Final = 1 << 20
ROWS_MAX: Final = 100
QUERY_TIMEOUT_S: Final = 8.0
_READS: Final = re.compile(r"\s*(?:SELECT|WITH)\b[^;]*;?\s*", re.IGNORECASE)
_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


class SqlSource(RecordMapping):
    """One database; its URL stands in `url`, or in a variable of the environment."""

    name: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")]
    url: str | None = Field(default=None, repr=False)
    url_env: str | None = None
    queries: Annotated[dict[IdentifierType, str], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("name either url or url_env")
        for kind, query in self.queries.items():
            if _READS.fullmatch(query) is None:
                raise ValueError(f"the query for {kind} is not one SELECT")
            if set(_PARAMETER.findall(query)) - {"value", "key"}:
                raise ValueError(f"the query for {kind} knows :value and :key only")
        if not self.stated:
            raise ValueError("no column has a meaning")
        return self


class SqlManifest(BaseModel):
    """The whole manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    databases: Annotated[list[SqlSource], Field(min_length=1, max_length=20)]


class SqlRecords(Connector):
    """Rows of the organisation's databases that hold an identifier."""

    spec = ConnectorSpec(
        id="sql_records",
        name="The organisation's own databases",
        accepts=frozenset(IdentifierType),
        yields=(*PREDICATES, *DETAILS),
        terms_url=None,
        licence="the organisation's own data",
        cost_class=CostClass.LOCAL,
        timeout_s=10.0,
    )

    def __init__(self, directory: Path | None, environment: Mapping[str, str] = os.environ) -> None:
        self._directory = directory
        self._environment = environment
        self._loaded: tuple[tuple[SqlSource, ForeignDatabase], ...] | None = None

    def find_obstacle(self) -> str | None:
        """No manifest, or one that cannot be used."""
        if self._directory is None or not (self._directory / MANIFEST_NAME).is_file():
            return f"no {MANIFEST_NAME} is configured"
        try:
            self._databases()
        except SourceFailedError as error:
            return error.reason
        return None

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """Every row of every database with a query for the type; partial when one fails."""
        asked = [(s, d) for s, d in self._databases() if identifier.type in s.queries]
        if not asked:
            raise NotApplicableError("no query is configured for identifiers of this type")
        observations: list[Observation] = []
        failures: list[ConnectorError] = []
        for source, database in asked:
            try:
                observations += await _ask_one(source, database, identifier, context)
            except ConnectorError as error:
                observations += error.observations
                failures.append(error)
        if failures and len(failures) == len(asked) and not observations:
            raise failures[0]
        if failures:
            raise PartialAnswerError("; ".join(f.reason for f in failures), observations)
        return observations

    async def check_health(self, context: AskContext) -> Condition:
        """Asks each database for a constant."""
        troubles = []
        databases = self._databases()
        for source, database in databases:
            try:
                await database.read("SELECT 1 AS one", {}, rows_max=1, timeout_s=QUERY_TIMEOUT_S)
            except (DatabaseFailed, TimeoutError) as error:
                troubles.append(f"{source.name}: {error or 'no answer in time'}")
        if not troubles:
            return Condition(HealthStatus.REACHABLE)
        all_fail = len(troubles) == len(databases)
        status = HealthStatus.UNREACHABLE if all_fail else HealthStatus.DEGRADED
        return Condition(status, "; ".join(troubles))

    def origin_of(self, observation: Observation) -> str:
        """The database that a row comes from."""
        return f"{self.spec.id}:{observation.subject.partition('#')[0]}"

    async def close(self) -> None:
        """Closes the connections."""
        for _, database in self._loaded or ():
            await database.close()

    def _databases(self) -> tuple[tuple[SqlSource, ForeignDatabase], ...]:
        if self._loaded is None:
            assert self._directory is not None
            manifest = _read_manifest(self._directory / MANIFEST_NAME)
            self._loaded = tuple((s, self._open(s)) for s in manifest.databases)
        return self._loaded

    def _open(self, source: SqlSource) -> ForeignDatabase:
        url = source.url or self._environment.get(source.url_env or "")
        if not url:
            raise SourceFailedError(f"{source.name}: the variable {source.url_env} is not set")
        parts = urlsplit(url)
        if parts.scheme == "sqlite" and not parts.path.startswith("//"):
            # A relative file lies beside the manifest.
            assert self._directory is not None
            file = self._directory.resolve() / parts.path[1:]
            url = f"sqlite:///{quote(str(file))}"
        try:
            return ForeignDatabase(url)
        except ValueError as error:
            raise SourceFailedError(f"{source.name}: {error}") from None


async def _ask_one(
    source: SqlSource, database: ForeignDatabase, identifier: Identifier, context: AskContext
) -> list[Observation]:
    query = source.queries[identifier.type]
    used = set(_PARAMETER.findall(query))
    known = {"value": identifier.value, "key": identifier.key}
    try:
        rows = await database.read(
            query,
            {name: known[name] for name in used},
            rows_max=ROWS_MAX + 1,
            timeout_s=QUERY_TIMEOUT_S,
        )
    except DatabaseFailed as error:
        raise SourceFailedError(f"{source.name}: {error}") from None
    except TimeoutError:
        raise TimedOutError(f"{source.name}: no answer in time") from None
    observations: list[Observation] = []
    for number, raw in enumerate(rows[:ROWS_MAX]):
        missing = [column for column in source.columns_read if column not in raw]
        if missing:
            raise SourceFailedError(f"{source.name}: the query gives no column {missing[0]!r}")
        row = {column: text for column, value in raw.items() if (text := _as_text(value))}
        place = row.get(source.id_column or "", "") or f"row-{number + 1}"
        observations += observe(
            f"{source.name}#{place}",
            statements_of(source, row),
            source_url=f"sql-records:{quote(source.name)}#{quote(place, safe='')}",
            observed_at=context.clock(),
            record=row,
        )
    if len(rows) > ROWS_MAX:
        told = f"{source.name}: only the first {ROWS_MAX} rows are shown"
        raise PartialAnswerError(told, observations)
    return observations


def _as_text(value: Any) -> str:
    """A cell as text; what has no plain text form is left out."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value.strip()
        case int() | Decimal():
            return str(value)
        case float():
            return f"{value:.15g}"
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case _:
            return ""


def _read_manifest(path: Path) -> SqlManifest:
    """Raises `SourceFailedError`, whose reason names the place and never a URL."""
    try:
        if path.stat().st_size > MANIFEST_BYTES_MAX:
            raise SourceFailedError(f"{MANIFEST_NAME} is larger than 1 MiB")
        raw = yaml.safe_load(path.read_text("utf-8"))
        return SqlManifest.model_validate(raw)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = f"{MANIFEST_NAME} cannot be read ({type(error).__name__})"
        raise SourceFailedError(told) from None
    except ValidationError as error:
        raise SourceFailedError(f"{MANIFEST_NAME}: {tell_problem(error)}") from None
