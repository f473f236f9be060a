"""Every setting of the system, once: name, meaning, default, example. Read from the environment.

The docs page of settings is made from this list; a wrong value is told by the variable's name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tracewell.kernel.mail import parse_mail_url

Product = Literal["trace", "intrace", "both"]


class SettingsWrong(Exception):  # noqa: N818
    """One or more variables cannot be used; the text names each, says why, gives an example."""


class Settings(BaseSettings):
    """The settings of one deployment."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    data: Path = Field(
        default=Path("tracewell-data"),
        validation_alias=AliasChoices("TRACEWELL_DATA", "data"),
        description="Folder of the embedded database, secrets, archive and records.",
        examples=["/var/lib/tracewell"],
    )
    product: Product = Field(
        default="both",
        validation_alias=AliasChoices("TRACEWELL_PRODUCT", "product"),
        description="Which product a server serves.",
        examples=["trace"],
    )
    database_url: str | None = Field(
        default=None,
        description="`postgresql://...`; without it SQLite in the data folder.",
        examples=["postgresql://tracewell:secret@localhost:5432/tracewell"],
    )
    redis_url: str | None = Field(
        default=None,
        description="Shares the rate limiter between machines; without it, between the processes "
        "of one data folder.",
        examples=["redis://localhost:6379/0"],
    )
    public_url: str | None = Field(
        default=None,
        description="Where callers reach this server, for links in answers and mails.",
        examples=["https://api.example.com"],
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server for verification links; without it links are printed. "
        "`smtps://` for TLS from the start, `smtp+starttls://` for STARTTLS.",
        examples=["smtp+starttls://user:secret@mail.example.com:587"],
    )
    smtp_from: str = Field(
        default="tracewell@localhost",
        description="Sender of verification mails.",
        examples=["accounts@example.com"],
    )
    api_key_hash_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret of the keyed hash under which API keys are stored (16 to 64 bytes); "
        "without it one is made in the data folder.",
        examples=["(openssl rand -base64 32)"],
    )
    session_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret that signs session tokens and e-mail links; without it one is made "
        "in the data folder.",
        examples=["(openssl rand -base64 32)"],
    )
    trace_requests_per_minute: int = Field(
        default=600,
        ge=1,
        le=1_000_000,
        description="Trace: requests per minute and key, unless the key has its own limit.",
        examples=["600"],
    )
    rate_limit_requests_per_minute: int = Field(
        default=60,
        ge=1,
        le=1_000_000,
        description="Intrace: requests per minute and principal.",
        examples=["60"],
    )
    rate_limit_burst: int = Field(
        default=10,
        ge=0,
        le=1_000_000,
        description="Intrace: requests admitted above the limit in any minute.",
        examples=["10"],
    )
    rate_limit_deep_lookups_per_minute: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="Intrace: deep lookups per minute and principal.",
        examples=["10"],
    )
    rate_limit_window_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Length of the limiter's window; the contracts' minute unless changed.",
        examples=["60"],
    )
    request_arrival_timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        description="How long a request's headers, and then its body, may take to arrive.",
        examples=["30"],
    )
    auth_mode: Literal["oidc", "saml", "api_key", "both"] = Field(
        default="api_key",
        description="Intrace: which credentials are accepted; `both` is tokens and API keys.",
        examples=["both"],
    )
    oidc_issuer_url: str | None = Field(
        default=None,
        description="Intrace: the identity provider's issuer or its discovery document.",
        examples=["https://login.example.com"],
    )
    oidc_audience: str | None = Field(
        default=None,
        description="Intrace: the audience that tokens must have.",
        examples=["https://intrace.example.com"],
    )
    oidc_roles_claim: str = Field(
        default="groups",
        description="Intrace: the token's claim that names the caller's roles.",
        examples=["roles"],
    )
    organization_id: str = Field(
        default="org_self",
        min_length=1,
        max_length=100,
        description="Intrace: the organisation that audit records name.",
        examples=["org_acme"],
    )
    signing_private_key_path: Path | None = Field(
        default=None,
        description="Intrace: PEM file of the Ed25519 key that signs reports; without it one is "
        "made in the data folder.",
        examples=["/etc/tracewell/signing.pem"],
    )
    connector_enabled: str | None = Field(
        default=None,
        description="Intrace: ids of the connectors that may run, comma-separated; all if unset.",
        examples=["phone_plan,email_domain"],
    )
    connector_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=120,
        description="Intrace: how long a connector may take.",
        examples=["10"],
    )
    own_records_path: Path | None = Field(
        default=None,
        description="Intrace: folder of the organisation's own records (CSV, Parquet) with their "
        "mapping; without it `records/` in the data folder.",
        examples=["/srv/records"],
    )
    mmdb_path: Path | None = Field(
        default=None,
        description="Intrace: folder of MaxMind DB files for IP location.",
        examples=["/var/lib/GeoIP"],
    )
    result_retention_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="Intrace: how long lookup results are kept.",
        examples=["30"],
    )
    audit_retention_days: int = Field(
        default=2555,
        ge=365,
        le=36500,
        description="Intrace: how long audit records are kept; at least 365.",
        examples=["2555"],
    )
    crawl_contact_url: str = Field(
        default="https://example.com/tracewell-crawler",
        description="Trace: named in the crawler's user agent, for site owners.",
        examples=["https://example.com/crawler"],
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        begins = ("postgresql://", "postgres://", "sqlite:///")
        if value is not None and not value.startswith(begins):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_mail_url(value.get_secret_value())
        return value

    @property
    def database(self) -> str:
        """The database's URL, the embedded one by default."""
        return self.database_url or f"sqlite:///{quote(str(self.data / 'tracewell.db'))}"

    @property
    def enabled_connectors(self) -> frozenset[str] | None:
        """The connectors that may run; None for all."""
        if self.connector_enabled is None:
            return None
        names = (name.strip() for name in self.connector_enabled.split(","))
        return frozenset(name for name in names if name)


def variable_name(field: str) -> str:
    """The environment's name of a setting."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field.upper()


def load_settings(**given: object) -> Settings:
    """The environment's settings; what is `given` and not None goes first.

    Raises SettingsWrong.
    """
    try:
        settings = Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsWrong("\n".join(map(_told, error.errors()))) from None
    if settings.auth_mode == "saml":
        # Nothing would be accepted: better no server than one that refuses everybody.
        raise SettingsWrong(
            "AUTH_MODE: saml is not served by this release (for example both, with OIDC_ISSUER_URL)"
        )
    if settings.auth_mode in ("oidc", "both") and not (
        settings.oidc_issuer_url and settings.oidc_audience
    ):
        raise SettingsWrong(
            f"AUTH_MODE={settings.auth_mode} needs OIDC_ISSUER_URL "
            "(for example https://login.example.com) and OIDC_AUDIENCE "
            "(for example https://intrace.example.com)"
        )
    return settings


def _told(problem: object) -> str:
    assert isinstance(problem, dict)
    place = str(problem["loc"][0]) if problem["loc"] else "?"
    fields = {variable_name(name): name for name in Settings.model_fields}
    field = fields.get(place, place)
    name = variable_name(field) if field in Settings.model_fields else place
    examples = Settings.model_fields[field].examples if field in Settings.model_fields else None
    example = f" (for example {examples[0]})" if examples else ""
    return f"{name}: {problem['msg']}{example}"


def environment_of(settings: Settings) -> Mapping[str, str]:
    """What a worker process needs in its environment to read the same settings."""
    return {
        **os.environ,
        variable_name("data"): str(settings.data),
        variable_name("product"): settings.product,
    }
