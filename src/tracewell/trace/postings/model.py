"""A job posting as the company's pages tell it. Times are milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenPosting:
    """One sight of a posting; `technologies` are the names that its text holds."""

    key: str
    title: str
    location: str | None
    is_remote: bool | None
    employment_type: str | None
    posted_at: int | None
    expires_at: int | None
    url: str
    capture: str
    observed_at: int
    technologies: tuple[str, ...]
