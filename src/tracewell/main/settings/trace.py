"""Settings of Trace: its limits and its crawler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator

from tracewell.main.plans import Plan, parse_plans
from tracewell.main.settings.ground import GroundSettings
from tracewell.web.guard import build_policy
from tracewell.web.records import parse_nameserver
from tracewell.web.urls import BadUrlError, parse_url


class TraceSettings(GroundSettings):
    """What a deployment of Trace has."""

    trace_requests_per_minute: int = Field(
        default=600,
        ge=1,
        le=1_000_000,
        description="Trace: requests per minute and key, unless the key has its own limit.",
        examples=["600"],
    )
    plans: str = Field(
        default="free=100,starter=2000,pro=10000",
        description="Trace: the plans, comma-separated: `NAME=CREDITS` a month, or "
        "`NAME=CREDITS:REQUESTS` with the requests per minute of a key whose org is on it. New "
        "orgs are on the first; an org whose plan is not among them is granted nothing.",
        examples=["free=100:60,starter=2000,pro=10000:1200"],
    )
    idempotency_key_hours: int = Field(
        default=24,
        ge=1,
        le=24 * 30,
        description="Trace: how long the answer to a POST is kept for its Idempotency-Key.",
        examples=["24"],
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
    crawl_pause_seconds: float = Field(
        default=1.0,
        ge=0,
        le=3600,
        description="Trace: pause of a refresh between two requests to one host, unless its "
        "robots.txt asks for a longer one.",
        examples=["1"],
    )
    crawl_allow: str | None = Field(
        default=None,
        description="Trace: holes in the address guard of refreshes, `host pattern=address:port`, "
        "comma-separated; without one no private address is connected to.",
        examples=["*.corp.example=10.0.0.5:80"],
    )
    refresh_pages_max: int = Field(
        default=5,
        ge=0,
        le=100,
        description="Trace: further pages that a refresh reads of a domain, beside its home page.",
        examples=["5"],
    )
    refresh_timeout_seconds: float = Field(
        default=120,
        gt=0,
        le=3600,
        description="Trace: how long a refresh crawls one domain; what it has by then counts.",
        examples=["120"],
    )
    refresh_after_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Trace: workers refresh companies that were not crawled for so many days; "
        "never by themselves if unset.",
        examples=["30"],
    )
    job_retention_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Trace: workers remove refresh jobs that ended so many days ago, and not "
        "before REFRESH_AFTER_DAYS have passed.",
        examples=["30"],
    )
    job_lease_seconds: float = Field(
        default=30,
        ge=1,
        le=3600,
        description="Trace: after so long without a sign of life a worker's tasks go to others.",
        examples=["30"],
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

    @field_validator("plans")
    @classmethod
    def _known_plans(cls, value: str) -> str:
        parse_plans(value)
        return value

    @field_validator("crawl_nameservers")
    @classmethod
    def _known_nameservers(cls, value: str | None) -> str | None:
        for text in _parts(value):
            parse_nameserver(text)
        return value

    @field_validator("crawl_allow")
    @classmethod
    def _known_crawl_holes(cls, value: str | None) -> str | None:
        build_policy(_parts(value))
        return value

    @field_validator("crawl_contact_url")
    @classmethod
    def _known_page(cls, value: str) -> str:
        try:
            parse_url(value)
        except BadUrlError as error:
            raise ValueError("must be the https:// (or http://) address of a page") from error
        return value

    @property
    def plan_table(self) -> Mapping[str, Plan]:
        """The plans by name, the one of new orgs first."""
        return parse_plans(self.plans)

    @property
    def crawl_holes(self) -> tuple[str, ...]:
        """The entries that open the address guard of refreshes."""
        return tuple(_parts(self.crawl_allow))

    @property
    def nameservers(self) -> tuple[str, ...]:
        """The crawler's name servers; none for the system's."""
        return tuple(_parts(self.crawl_nameservers))


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
