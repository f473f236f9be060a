"""Settings of Intrace: who may call, sources, reports, retention."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from tracewell.main.settings.ground import GroundSettings


class IntraceSettings(GroundSettings):
    """What a deployment of Intrace has."""

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
    role_file: Path | None = Field(
        default=None,
        description="Intrace: YAML file of roles, of the groups that have them, and of limits by "
        "principal; read again when it changes.",
        examples=["/etc/tracewell/roles.yaml"],
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

    @property
    def enabled_connectors(self) -> frozenset[str] | None:
        """The connectors that may run; None for all."""
        if self.connector_enabled is None:
            return None
        names = (name.strip() for name in self.connector_enabled.split(","))
        return frozenset(name for name in names if name)
