"""Settings of Intrace: who may call, sources, reports, retention."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from tracewell.kernel.idp.documents import require_safe_url
from tracewell.kernel.oidc.discovery import parse_provider_address
from tracewell.kernel.sealing import parse_keys
from tracewell.main.settings.sources import SourceSettings


class IntraceSettings(SourceSettings):
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
    oidc_client_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="Intrace: how the identity provider knows this engine; with it people sign in "
        "through a browser, with PUBLIC_URL/auth/oidc/callback as the redirect URI.",
        examples=["tracewell"],
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None,
        description="Intrace: the client's secret at the identity provider; without it a public "
        "client, by PKCE alone.",
        examples=["(as the identity provider shows it)"],
    )
    oidc_scopes: str = Field(
        default="openid email profile",
        pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$",
        description="Intrace: what a sign-in asks the identity provider for; `openid` is needed.",
        examples=["openid email profile groups"],
    )
    saml_metadata_url: str | None = Field(
        default=None,
        description="Intrace: where the SAML identity provider publishes its metadata.",
        examples=["https://login.example.com/saml/metadata"],
    )
    saml_entity_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        pattern=r"^\S+$",
        description="Intrace: the engine's own name towards the SAML identity provider.",
        examples=["https://intrace.example.com/auth/saml/metadata"],
    )
    saml_acs_url: str | None = Field(
        default=None,
        description="Intrace: where the SAML identity provider sends its answers: this engine's "
        "`/auth/saml/acs` as browsers reach it.",
        examples=["https://intrace.example.com/auth/saml/acs"],
    )
    saml_idp_initiated: bool = Field(
        default=False,
        description="Intrace: whether answers count that no sign-in here has asked for, as the "
        "identity provider's own portal sends them.",
        examples=["false"],
    )
    saml_groups_attribute: str = Field(
        default="groups",
        min_length=1,
        max_length=500,
        description="Intrace: the assertion's attribute that names the caller's groups.",
        examples=["http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"],
    )
    session_lifetime_minutes: int = Field(
        default=60,
        ge=5,
        le=720,
        description="Intrace: how long a sign-in, and the bearer token that it gives, lasts.",
        examples=["60"],
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
    pdf_signing_path: Path | None = Field(
        default=None,
        description="Intrace: PEM file of the key that signs PDF files (ECDSA P-256 or P-384, RSA "
        "from 2,048 bits), its certificate and that of the issuer behind it; without it a "
        "self-issued one is made in the data folder.",
        examples=["/etc/tracewell/pdf-signing.pem"],
    )
    pdf_fonts_path: Path | None = Field(
        default=None,
        description="Intrace: folder of further fonts for PDF files, for scripts that the own "
        "ones lack.",
        examples=["/usr/share/fonts/opentype/noto"],
    )
    timestamp_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Intrace: time-stamp authority (RFC 3161 over HTTP) that dates reports; "
        "without it they are dated by the engine alone.",
        examples=["https://timestamp.example.com/tsr"],
    )
    timestamp_certificates_path: Path | None = Field(
        default=None,
        description="Intrace: PEM file of the root certificates of that authority.",
        examples=["/etc/tracewell/timestamp-roots.pem"],
    )
    timestamp_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=120,
        description="Intrace: how long that authority may take; lookups do not wait for it.",
        examples=["10"],
    )
    result_retention_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="Intrace: how long lookup results are kept.",
        examples=["30"],
    )
    result_encryption_key: SecretStr | None = Field(
        default=None,
        description="Intrace: keys that encrypt results at rest (AES-256-GCM), 32 bytes each in "
        "hexadecimal or base64, comma-separated: the first encrypts, all decrypt.",
        examples=["(the output of openssl rand -hex 32)"],
    )
    result_encryption_key_path: Path | None = Field(
        default=None,
        description="Intrace: file of such keys, one on a line; in place of the variable.",
        examples=["/etc/tracewell/result-keys"],
    )
    require_requester_reference: bool = Field(
        default=False,
        description="Intrace: whether lookups and analyses must say for what they are made.",
        examples=["true"],
    )
    audit_retention_days: int = Field(
        default=2555,
        ge=365,
        le=36500,
        description="Intrace: how long audit records are kept; at least 365.",
        examples=["2555"],
    )

    @property
    def takes_oidc(self) -> bool:
        """Whether tokens of an OpenID provider are accepted."""
        return self.auth_mode == "oidc" or (
            self.auth_mode == "both" and self.oidc_issuer_url is not None
        )

    @property
    def takes_saml(self) -> bool:
        """Whether people sign in at a SAML identity provider."""
        return self.auth_mode == "saml" or (
            self.auth_mode == "both" and self.saml_metadata_url is not None
        )

    @property
    def takes_people(self) -> bool:
        """Whether people sign in through a browser."""
        return self.takes_saml or (self.takes_oidc and self.oidc_client_id is not None)

    @field_validator("result_encryption_key")
    @classmethod
    def _usable_result_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not parse_keys(value.get_secret_value()):
            raise ValueError("holds no key")
        return value

    @field_validator("oidc_issuer_url")
    @classmethod
    def _usable_issuer(cls, value: str | None) -> str | None:
        if value is not None:
            parse_provider_address(value)
        return value

    @field_validator("saml_metadata_url")
    @classmethod
    def _usable_metadata_url(cls, value: str | None) -> str | None:
        if value is not None:
            require_safe_url(value, loopback_allowed=True)
        return value
