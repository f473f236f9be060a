"""Settings of Trace: its limits and its crawler."""

from __future__ import annotations

from pydantic import Field

from tracewell.main.settings.ground import GroundSettings


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
