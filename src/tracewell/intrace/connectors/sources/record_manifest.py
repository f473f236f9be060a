"""The manifest of the organisation's own record files: which columns mean what.

`records.yaml` in the configured directory:

    files:
      - file: customers.csv
        origin: crm              # files of one origin are one witness; default: the file's name
        id_column: customer_id   # default: the row's number
        phone_region: US         # for numbers written without their country code
        date_format: "%d.%m.%Y"  # default: YYYY-MM-DD
        columns: {mail: email.address, mobile: phone.number, employer: company.name}
        join: {person.name: [first_name, last_name]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Self

import phonenumbers
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tracewell.intrace.connectors.manifest_problems import tell_problem, tell_unknown
from tracewell.intrace.identifiers.model import IdentifierType
from tracewell.resolution.vocabulary import DETAILS, PREDICATES

MANIFEST_NAME: Final = "records.yaml"
MANIFEST_BYTES_MAX: Final = 1 << 20

INDEXED: Final[dict[str, IdentifierType]] = {
    "email.address": IdentifierType.EMAIL,
    "phone.number": IdentifierType.PHONE,
    "username.handle": IdentifierType.USERNAME,
    "social.account": IdentifierType.SOCIAL_URL,
    "person.name": IdentifierType.NAME,
    "organization.name": IdentifierType.COMPANY_NAME,
    "organization.legal_name": IdentifierType.COMPANY_NAME,
    "company.name": IdentifierType.COMPANY_NAME,
    "domain.name": IdentifierType.DOMAIN,
}


class ManifestError(ValueError):
    """The manifest cannot be used; the message names the place, never a record's content."""


class RecordMapping(BaseModel):
    """What the columns of some records mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id_column: str | None = None
    phone_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    date_format: Annotated[str, Field(max_length=32)] | None = None
    columns: Annotated[dict[str, str], Field(max_length=100)] = {}
    join: Annotated[dict[str, list[str]], Field(max_length=20)] = {}

    @model_validator(mode="after")
    def _predicates_are_known(self) -> Self:
        unknown = sorted(self.stated - PREDICATES.keys() - DETAILS.keys())
        if unknown:
            raise ValueError(tell_unknown(unknown[0]))
        if self.phone_region and self.phone_region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("unknown phone region")
        return self

    @property
    def stated(self) -> set[str]:
        """The predicates that a record may state."""
        return {*self.columns.values(), *self.join}

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns that the records must have, each once."""
        joined = [column for columns in self.join.values() for column in columns]
        own = [self.id_column] if self.id_column else []
        return tuple(dict.fromkeys([*own, *self.columns, *joined]))


class RecordFile(RecordMapping):
    """One file of the manifest."""

    file: Annotated[str, Field(pattern=r"^[^/\\\x00]{1,200}\.(csv|parquet)$")]
    origin: Annotated[str, Field(pattern=r"^[\w .-]{1,64}$")] = ""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if not self.stated & INDEXED.keys():
            raise ValueError("no column by which a record could be found")
        return self


class Manifest(BaseModel):
    """The whole manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Annotated[list[RecordFile], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _files_are_distinct(self) -> Self:
        names = [entry.file for entry in self.files]
        if len(set(names)) < len(names):
            raise ValueError("a file is named twice")
        return self


def parse_manifest(text: str) -> Manifest:
    """The manifest of a YAML text. Raises `ManifestError`."""
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ManifestError("it is not YAML") from None
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        raise ManifestError(tell_problem(error)) from None


def read_manifest(directory: Path) -> Manifest:
    """The manifest in a directory. Raises `ManifestError`, also when there is none."""
    path = directory / MANIFEST_NAME
    try:
        if path.stat().st_size > MANIFEST_BYTES_MAX:
            raise ManifestError("it is larger than 1 MiB")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"it could not be read ({type(error).__name__})") from None
    return parse_manifest(text)
