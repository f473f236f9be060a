"""The format of a YAML connector, and reading one. What it does when asked: `connector`.

Every expression over an answer is JMESPath (https://jmespath.org/specification.html); texts with
`{value}` and the like are filled from the identifier.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tracewell.intrace.connectors.declared.expressions import compile_expression
from tracewell.intrace.connectors.manifest_problems import tell_problem, tell_unknown
from tracewell.intrace.connectors.model import Auth, ConnectorSpec, CostClass, Rate, Upstream
from tracewell.intrace.identifiers.model import IdentifierType
from tracewell.intrace.identifiers.platforms import PLATFORMS
from tracewell.resolution.vocabulary import DETAILS, PREDICATES

MANIFEST_BYTES_MAX: Final = 64 << 10
PAGES_MAX: Final = 10
PLACEHOLDERS: Final = frozenset(
    {"value", "handle", "platform", "domain", "local_part", "sha256", "md5"}
)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class ManifestError(ValueError):
    """The manifest cannot be used; the message names the place and what is wrong there."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_template(text: str) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            known = ", ".join(sorted(PLACEHOLDERS))
            raise ValueError(f"unknown placeholder {{{name}}}; there are {known}")
    return text


def _check_expression(text: str) -> str:
    try:
        compile_expression(text)
    except JMESPathError as error:
        raise ValueError(f"not JMESPath: {str(error).splitlines()[0]}") from None
    return text


class Text(_Part):
    """A value that comes from the identifier and not from the answer."""

    text: Annotated[str, Field(max_length=500)]
    _known = field_validator("text")(_check_template)


Expression = Annotated[str, Field(min_length=1, max_length=1_000)]
Value = Expression | Text


class RateBody(_Part):
    """So many requests in any window of so many seconds, for each host."""

    requests: Annotated[int, Field(ge=1, le=10_000)]
    per_s: Annotated[float, Field(gt=0, le=86_400)]


class KeyBody(_Part):
    """Where the key goes; its value is the deployment's (CONNECTOR_KEYS)."""

    place: Literal["header", "query"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    prefix: Annotated[str, Field(max_length=32)] = ""
    required: bool = True


class RequestBody(_Part):
    """What is asked for an identifier of one type. `platform` narrows profile pages to one."""

    path: Annotated[str, Field(max_length=500)]
    params: Annotated[dict[str, str], Field(max_length=20)] = {}
    headers: Annotated[dict[str, str], Field(max_length=20)] = {}
    platform: str | None = None

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        for text in (self.path, *self.params.values(), *self.headers.values()):
            _check_template(text)
        if self.platform is not None and self.platform not in {p.id for p in PLATFORMS}:
            raise ValueError(f"unknown platform {self.platform!r}")
        return self


class ObservationBody(_Part):
    """One statement of a record: a list gives as many, null none."""

    predicate: str
    value: Value

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.predicate not in PREDICATES and self.predicate not in DETAILS:
            raise ValueError(tell_unknown(self.predicate))
        if isinstance(self.value, str):
            _check_expression(self.value)
        return self


class AnswerBody(_Part):
    """What an answer means.

    `found` is true where the source knows it, `absent` where it says that it does not; an answer
    that is neither is a failure, never "nothing found".
    """

    found: Expression
    absent: Expression | None = None
    absent_status: Annotated[list[int], Field(max_length=5)] = []
    records: Expression = "@"
    subject: Value
    source_url: Value | None = None
    observations: Annotated[list[ObservationBody], Field(min_length=1, max_length=50)]

    @field_validator("absent_status")
    @classmethod
    def _is_not_found(cls, statuses: list[int]) -> list[int]:
        if not set(statuses) <= {204, 404, 410, 422}:
            raise ValueError("only 204, 404, 410 and 422 can mean that there is nothing")
        return statuses

    @model_validator(mode="after")
    def _is_jmespath(self) -> Self:
        for text in (self.found, self.absent, self.records, self.subject, self.source_url):
            if isinstance(text, str):
                _check_expression(text)
        return self


class PagingBody(_Part):
    """Further pages: `next` gives the next one's address, `link_header` reads RFC 8288's."""

    next: Expression | None = None
    link_header: bool = False
    pages_max: Annotated[int, Field(ge=1, le=PAGES_MAX)] = 3

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if (self.next is None) == (not self.link_header):
            raise ValueError("name either next or link_header")
        if self.next:
            _check_expression(self.next)
        return self


class HealthBody(_Part):
    """What a live check asks; it names nobody."""

    path: Annotated[str, Field(max_length=500)]
    params: Annotated[dict[str, str], Field(max_length=20)] = {}
    expect: Expression = "@"

    @model_validator(mode="after")
    def _names_nobody(self) -> Self:
        _check_expression(self.expect)
        if _PLACEHOLDER.search(self.path):
            raise ValueError("a live check asks about nobody: no placeholder")
        return self


class Manifest(_Part):
    """The whole of a YAML connector."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    terms_url: Annotated[str, Field(pattern=r"^https?://\S{1,500}$")]
    licence: Annotated[str, Field(min_length=1, max_length=200)]
    cost_class: Literal["free", "metered"] = "free"
    is_reference: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 8.0
    cache_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = 0
    base_url: Annotated[str, Field(pattern=r"^https?://\S{1,500}$")] | None = None
    rate: RateBody
    rate_with_key: RateBody | None = None
    key: KeyBody | None = None
    requests: Annotated[dict[IdentifierType, RequestBody], Field(min_length=1)]
    answer: AnswerBody
    paging: PagingBody | None = None
    health: HealthBody

    def to_spec(self) -> ConnectorSpec:
        """What is known of the connector before it is asked."""
        key = self.key
        auth = Auth(key.place, key.name, key.prefix, key.required) if key else None
        keyed = self.rate_with_key or self.rate
        return ConnectorSpec(
            id=self.id,
            name=self.name,
            accepts=frozenset(self.requests),
            yields=tuple(dict.fromkeys(o.predicate for o in self.answer.observations)),
            terms_url=self.terms_url,
            licence=self.licence,
            cost_class=CostClass(self.cost_class),
            timeout_s=self.timeout_s,
            cache_s=self.cache_s,
            is_reference=self.is_reference,
            sends_out=True,
            upstream=Upstream(
                self.base_url,
                Rate(self.rate.requests, self.rate.per_s),
                Rate(keyed.requests, keyed.per_s),
                auth=auth,
            ),
        )


def parse_manifest(text: str) -> Manifest:
    """The manifest of a YAML text. Raises `ManifestError`."""
    if len(text) > MANIFEST_BYTES_MAX:
        raise ManifestError("it is larger than 64 KiB")
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ManifestError(f"not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        raise ManifestError(tell_problem(error)) from None


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises `ManifestError`, also where it cannot be read."""
    try:
        return parse_manifest(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"it could not be read ({type(error).__name__})") from None
