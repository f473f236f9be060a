"""Rate limits: exact sliding windows shared by every process. `model` says what one is."""

from __future__ import annotations

from pathlib import Path

from tracewell.kernel.limits.model import Decision, Limiter, LimiterUnavailable, Quota
from tracewell.kernel.limits.shared_file import SharedFileLimiter

__all__ = ["Decision", "Limiter", "LimiterUnavailable", "Quota", "open_limiter"]


def open_limiter(redis_url: str | None, directory: Path) -> Limiter:
    """The limiter of several machines if there is a Redis, else that of this machine's `directory`.

    Raises ModuleNotFoundError where the extra `redis` is not installed, ValueError on a URL that
    is not one of Redis. Connects to nothing yet.
    """
    if redis_url is None:
        return SharedFileLimiter(directory)
    from tracewell.kernel.limits.shared_redis import RedisLimiter

    return RedisLimiter(redis_url)
