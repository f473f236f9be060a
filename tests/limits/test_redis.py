"""What only the limiter in Redis has: round trips, a server that goes away."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from tracewell.kernel.limits import LimiterUnavailable, Quota, open_limiter
from tracewell.kernel.limits.shared_file import SharedFileLimiter
from tracewell.kernel.limits.shared_redis import RedisLimiter


def _calls(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        stats = cast("dict[str, Any]", client.info("commandstats"))
    return sum(
        int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("eval", "evalsha")
    )


def test_the_admissions_of_one_turn_share_a_round_trip(redis_url: str) -> None:
    async def scenario() -> None:
        limiter = RedisLimiter(redis_url, "one turn:")
        await limiter.admit("warm", Quota(1))
        before = _calls(redis_url)
        said = await asyncio.gather(
            *(limiter.admit(f"principal {n % 10}", Quota(15)) for n in range(200))
        )
        assert _calls(redis_url) - before == 1
        assert sum(one.admitted for one in said) == 150
        assert [one.remaining for one in said[:11]] == [14] * 10 + [13]
        await limiter.close()

    asyncio.run(scenario())


def test_lists_expire_with_their_window(redis_url: str) -> None:
    async def scenario() -> None:
        limiter = RedisLimiter(redis_url, "expiring:")
        await limiter.admit("alice@example.com", Quota(5, window_s=7))
        await limiter.close()

    asyncio.run(scenario())
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        (key,) = cast("list[str]", client.keys("expiring:*"))
        assert "alice" not in key
        assert 7_000 <= cast("int", client.pttl(key)) + 500 <= 8_500


def test_a_request_given_up_by_its_caller_does_not_hurt_the_others(redis_url: str) -> None:
    async def scenario() -> None:
        limiter = RedisLimiter(redis_url, "given up:")
        gone = asyncio.create_task(limiter.admit("somebody", Quota(5)))
        stays = asyncio.create_task(limiter.admit("somebody", Quota(5)))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).admitted
        await limiter.close()

    asyncio.run(scenario())


def test_a_redis_that_went_away_makes_the_limiter_unavailable_for_all_who_wait(
    start_redis: Callable[[], tuple[subprocess.Popen[bytes], str]],
) -> None:
    server, url = start_redis()

    async def scenario() -> None:
        limiter = RedisLimiter(url, batch_max=2)
        decision = await limiter.admit("somebody", Quota(5))
        server.kill()
        server.wait()
        said = await asyncio.gather(
            *(limiter.admit("somebody", Quota(5)) for _ in range(7)), return_exceptions=True
        )
        assert [type(one) for one in said] == [LimiterUnavailable] * 7
        with pytest.raises(LimiterUnavailable):
            await limiter.withdraw("somebody", Quota(5), decision)
        await limiter.close()

    asyncio.run(scenario())


def test_a_script_forgotten_by_the_server_is_loaded_again(redis_url: str) -> None:
    async def scenario() -> None:
        limiter = RedisLimiter(redis_url, "forgotten:")
        assert (await limiter.admit("somebody", Quota(5))).remaining == 4
        with redis.Redis.from_url(redis_url) as client:
            client.script_flush()
        assert (await limiter.admit("somebody", Quota(5))).remaining == 3
        await limiter.close()

    asyncio.run(scenario())


def test_closing_refuses_those_who_wait(redis_url: str) -> None:
    async def scenario() -> None:
        limiter = RedisLimiter(redis_url, "closing:")
        waiting = asyncio.create_task(limiter.admit("somebody", Quota(5)))
        await asyncio.sleep(0)
        await limiter.close()
        with pytest.raises(LimiterUnavailable):
            await waiting

    asyncio.run(scenario())


def test_the_place_decides_which_limiter_is_opened(tmp_path: Path) -> None:
    async def scenario() -> None:
        here = open_limiter(None, tmp_path / "limits")
        there = open_limiter("redis://127.0.0.1:1/0", tmp_path / "unused")
        assert isinstance(here, SharedFileLimiter)
        assert isinstance(there, RedisLimiter)
        assert not (tmp_path / "unused").exists()
        with pytest.raises(LimiterUnavailable):
            await there.admit("somebody", Quota(5))
        await here.close()
        await there.close()

    asyncio.run(scenario())
    with pytest.raises(ValueError):
        open_limiter("http://example.com", tmp_path)
