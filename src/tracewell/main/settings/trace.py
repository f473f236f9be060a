"""Settings of Trace: its limits and its crawler."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from tracewell.main.settings.ground import GroundSettings
from tracewell.web.records import parse_nameserver


class TraceSettings(GroundSettings):
    """What a deployment of Trace has."""

    trace_requests_per_minute: int = Field(
        default=600,
        ge=1,
        le=1_000_000,
        description="Trace: requests per minute and key, unless the key has its own limit.",
        examples=["600"],
    )
    crawl_contact_url: str = Field(
        default="https://example.com/tracewell-crawler",
        description="Trace: named in the crawler's user agent, for site owners.",
        examples=["https://example.com/crawler"],
    )
    crawl_nameservers: str | None = Field(
        default=None,
        description="Trace: name servers that the crawler asks, comma-separated `address` or "
        "`address:port`; the system's if unset.",
        examples=["9.9.9.9,[2620:fe::fe]:53"],
    )
    crawl_requests_per_second: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Trace: requests of one crawling process per second, all hosts together; "
        "without it only each host has its pace.",
        examples=["50"],
    )
    archive_bytes_max: int | None = Field(
        default=None,
        ge=1_000_000,
        description="Trace: bytes that the archive of fetched pages may take; crawling ends there.",
        examples=["500000000000"],
    )
    archive_free_bytes_min: int = Field(
        default=512 << 20,
        ge=0,
        description="Trace: bytes that stay free on the archive's disk; crawling ends before.",
        examples=["10000000000"],
    )
    archive_retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36500,
        description="Trace: how long archive files are kept; every crawl deletes older ones first. "
        "For good if unset.",
        examples=["730"],
    )
    chromium_path: Path | None = Field(
        default=None,
        description="Trace: the browser of `crawl --render`; searched for on the PATH if unset.",
        examples=["/usr/bin/chromium"],
    )

    @field_validator("crawl_nameservers")
    @classmethod
    def _known_nameservers(cls, value: str | None) -> str | None:
        for text in _parts(value):
            parse_nameserver(text)
        return value

    @property
    def nameservers(self) -> tuple[str, ...]:
        """The crawler's name servers; none for the system's."""
        return tuple(_parts(self.crawl_nameservers))


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
