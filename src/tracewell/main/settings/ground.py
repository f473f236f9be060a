"""Settings of the ground that both products stand on: data, database, mail, secrets, arrival."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tracewell.kernel.http.source_address import ForwardingHeader, TrustedProxies, parse_networks
from tracewell.kernel.mail import parse_mail_url

Product = Literal["trace", "intrace", "both"]


class GroundSettings(BaseSettings):
    """What every deployment has."""

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
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses and CIDR networks of reverse proxies, comma-separated: what they, "
        "and nobody else, say of a request's source address is believed.",
        examples=["10.0.0.0/8,2001:db8::/32"],
    )
    trusted_proxy_header: ForwardingHeader = Field(
        default="x-forwarded-for",
        description="The header in which trusted proxies write the source address, `forwarded` or "
        "`x-forwarded-for`; they must set or append to it.",
        examples=["x-forwarded-for"],
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

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        begins = ("postgresql://", "postgres://", "sqlite:///")
        if value is not None and not value.startswith(begins):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("public_url")
    @classmethod
    def _usable_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://unset")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with https:// (or http://) and a host")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("has no user, no query and no fragment")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _known_networks(cls, value: str | None) -> str | None:
        if value is not None:
            parse_networks(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_mail_url(value.get_secret_value())
        return value

    @property
    def proxies(self) -> TrustedProxies:
        """Whose word on a request's source address counts."""
        return TrustedProxies(parse_networks(self.trusted_proxies or ""), self.trusted_proxy_header)

    @property
    def database(self) -> str:
        """The database's URL, the embedded one by default."""
        return self.database_url or f"sqlite:///{quote(str(self.data / 'tracewell.db'))}"
