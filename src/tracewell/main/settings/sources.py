"""Settings of the sources that Intrace asks: which may run, their keys, addresses and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from tracewell.intrace.connectors.network.dns_client import NameServer, parse_name_server
from tracewell.main.settings.ground import GroundSettings
from tracewell.web.guard import build_policy


class SourceSettings(GroundSettings):
    """What a deployment says of its connectors."""

    connector_enabled: str | None = Field(
        default=None,
        description="Intrace: ids of the connectors that may run, comma-separated; `local` stands "
        "for all that tell nobody anything, which is the choice if unset.",
        examples=["local,dns,rdap,github"],
    )
    connector_keys: SecretStr | None = Field(
        default=None,
        description="Intrace: keys of the sources, `id=key`, comma-separated.",
        examples=["hibp=(your key),github=(your token)"],
    )
    connector_keys_path: Path | None = Field(
        default=None,
        description="Intrace: file of further keys, one `id=key` on a line.",
        examples=["/etc/tracewell/connector-keys"],
    )
    connector_urls: str | None = Field(
        default=None,
        description="Intrace: other addresses of sources, `id=URL`, comma-separated.",
        examples=["mastodon=https://social.example.com"],
    )
    connector_allow: str | None = Field(
        default=None,
        description="Intrace: holes in the connectors' address guard, `host pattern=address:port`, "
        "comma-separated; without one no private address is connected to.",
        examples=["gitlab.corp.example=10.0.0.5:443"],
    )
    connector_dns: str | None = Field(
        default=None,
        description="Intrace: name servers that the connector `dns` asks, comma-separated; the "
        "system's if unset.",
        examples=["9.9.9.9,127.0.0.1:5353"],
    )
    connectors_path: Path | None = Field(
        default=None,
        description="Intrace: folder of the deployment's own connectors (YAML, Python); without it "
        "`connectors/` in the data folder.",
        examples=["/etc/tracewell/connectors"],
    )
    watchlists_path: Path | None = Field(
        default=None,
        description="Intrace: folder of watchlists in FollowTheMoney form; without it "
        "`watchlists/` in the data folder.",
        examples=["/srv/watchlists"],
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

    @field_validator("connector_allow")
    @classmethod
    def _known_connector_holes(cls, value: str | None) -> str | None:
        build_policy(_entries(value))
        return value

    @field_validator("connector_dns")
    @classmethod
    def _known_name_servers(cls, value: str | None) -> str | None:
        for entry in _entries(value):
            parse_name_server(entry)
        return value

    @field_validator("connector_urls")
    @classmethod
    def _known_urls(cls, value: str | None) -> str | None:
        for connector_id, url in _pairs(_entries(value)).items():
            if not connector_id or not url.startswith(("http://", "https://")):
                raise ValueError("entries read id=URL")
        return value

    @field_validator("connector_keys")
    @classmethod
    def _known_keys(cls, value: SecretStr | None) -> SecretStr | None:
        told = _pairs(_entries(value.get_secret_value() if value else None))
        if not all(connector_id and key for connector_id, key in told.items()):
            raise ValueError("entries read id=key")
        return value

    @property
    def connector_holes(self) -> tuple[str, ...]:
        """The entries that open the connectors' address guard."""
        return _entries(self.connector_allow)

    @property
    def connector_name_servers(self) -> tuple[NameServer, ...]:
        """The name servers that were chosen; none for the system's."""
        return tuple(parse_name_server(entry) for entry in _entries(self.connector_dns))

    @property
    def connector_base_urls(self) -> dict[str, str]:
        """Other addresses by connector."""
        return _pairs(_entries(self.connector_urls))

    @property
    def connector_own_keys(self) -> dict[str, str]:
        """Keys by connector, without those of the file."""
        keys = self.connector_keys
        return _pairs(_entries(keys.get_secret_value() if keys else None))

    @property
    def enabled_connectors(self) -> frozenset[str] | None:
        """The connectors that may run; None for those that keep identifiers in the house."""
        if self.connector_enabled is None:
            return None
        names = (name.strip() for name in self.connector_enabled.split(","))
        return frozenset(name for name in names if name)


def _entries(text: str | None) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in (text or "").split(",") if entry.strip())


def _pairs(entries: Iterable[str]) -> dict[str, str]:
    parted = (entry.partition("=") for entry in entries)
    return {name.strip(): value.strip() for name, _, value in parted}
