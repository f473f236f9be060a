"""The limiter of several machines: the same sliding log, kept by one Redis server."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tracewell.kernel.limits.model import Decision, LimiterUnavailable, Quota

if TYPE_CHECKING:
    from redis.asyncio import Redis

BATCH_MAX = 256
PENDING_MAX = 20_000
TIMEOUT_S = 1.0
SECOND_US = 1_000_000
FIELDS = 5

ADMIT = """
-- KEYS: a list of stamps for each request, oldest first. ARGV: the clock in microseconds (empty:
-- the server's), then capacity and window of each request. Answers for each request: admitted,
-- counted, when the oldest leaves the window (Unix microseconds), microseconds to wait, stamp.
local clock = tonumber(ARGV[1])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] * 1000000 + time[2]
end
local answers = {}
for i, key in ipairs(KEYS) do
  local capacity, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local newest = tonumber(redis.call('LINDEX', key, -1) or 0)
  if newest > clock then
    -- The server's clock was set back. The log moves with it: nothing is forgotten that may still
    -- count, and nothing counts for more than a window from now.
    local stamps = redis.call('LRANGE', key, 0, -1)
    for j, stamp in ipairs(stamps) do
      redis.call('LSET', key, j - 1, tonumber(stamp) - (newest - clock))
    end
    redis.call('PEXPIRE', key, math.ceil(window / 1000) + 1000)
  end
  local cutoff = clock - window
  local oldest = tonumber(redis.call('LINDEX', key, 0) or clock)
  while oldest <= cutoff do
    redis.call('LPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, 0) or clock)
  end
  local counted = redis.call('LLEN', key)
  local admitted, wait, stamp = 0, 0, 0
  if counted < capacity then
    redis.call('RPUSH', key, clock)
    redis.call('PEXPIRE', key, math.ceil(window / 1000) + 1000)
    admitted, counted, stamp = 1, counted + 1, clock
  elseif capacity > 0 then
    wait = tonumber(redis.call('LINDEX', key, counted - capacity)) - cutoff
  else
    wait = window
  end
  for _, value in ipairs({admitted, counted, oldest + window, wait, stamp}) do
    answers[#answers + 1] = value
  end
end
return answers
"""


@dataclass(slots=True)
class _Request:
    key: str
    quota: Quota
    answer: asyncio.Future[Decision]


class RedisLimiter:
    """An exact sliding log per principal, each a list in Redis, by the Redis server's clock.

    One round trip is under way at a time; all requests that arrive meanwhile go with the next one,
    up to `BATCH_MAX`. One Redis server, no cluster: a batch has keys of many principals. `clock_us`
    replaces the server's clock (Unix microseconds).
    """

    def __init__(
        self,
        url: str,
        prefix: str = "tracewell:limit:",
        clock_us: Callable[[], int] | None = None,
        batch_max: int = BATCH_MAX,
    ) -> None:
        # An optional extra: whoever has one machine needs no Redis client.
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        # No retries: an answer that was lost may have counted already.
        self._client: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._prefix = prefix
        self._clock_us = clock_us
        self._batch_max = batch_max
        self._script_sha = hashlib.sha1(ADMIT.encode(), usedforsecurity=False).hexdigest()
        self._pending: deque[_Request] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def admit(self, principal: str, quota: Quota) -> Decision:
        """See `Limiter.admit`."""
        if len(self._pending) >= PENDING_MAX:
            raise LimiterUnavailable(f"{PENDING_MAX} requests already wait for Redis")
        answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._pending.append(_Request(self._key(principal), quota, answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        return await answer

    async def withdraw(self, principal: str, quota: Quota, decision: Decision) -> None:
        """See `Limiter.withdraw`."""
        from redis.exceptions import RedisError

        if not decision.admitted:
            return
        try:
            await self._client.lrem(self._key(principal), -1, str(decision.admitted_at))
        except (RedisError, OSError) as error:
            raise LimiterUnavailable("Redis does not answer") from error

    async def close(self) -> None:
        """Refuses what still waits and closes the connections."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            # A task cancelled before its first step runs no `finally`.
            self._sending = None
        self._refuse_pending("the limiter was closed", None)
        await self._client.aclose()

    def _key(self, principal: str) -> str:
        return self._prefix + hashlib.blake2b(principal.encode(), digest_size=16).hexdigest()

    async def _send_all(self) -> None:
        from redis.exceptions import RedisError

        cause: BaseException | None = None
        try:
            while self._pending:
                batch = list(islice(self._pending, self._batch_max))
                values = await self._run_script(batch)
                for _ in batch:
                    self._pending.popleft()
                for at, request in enumerate(batch):
                    if not request.answer.done():
                        request.answer.set_result(
                            _decision(request.quota, values[at * FIELDS : (at + 1) * FIELDS])
                        )
        except (RedisError, OSError) as error:
            cause = error
        finally:
            # Whoever waits behind a failed batch would only wait for the same time-out once more.
            self._sending = None
            self._refuse_pending("Redis does not answer", cause)

    async def _run_script(self, batch: Sequence[_Request]) -> list[int]:
        from redis.exceptions import NoScriptError

        arguments: list[str | int] = [request.key for request in batch]
        arguments.append("" if self._clock_us is None else self._clock_us())
        for request in batch:
            quota = request.quota
            arguments += (quota.limit + quota.burst, quota.window_s * SECOND_US)
        try:
            values: list[int] = await self._client.evalsha(self._script_sha, len(batch), *arguments)
        except NoScriptError:
            values = await self._client.eval(ADMIT, len(batch), *arguments)
        return values

    def _refuse_pending(self, reason: str, cause: BaseException | None) -> None:
        while self._pending:
            answer = self._pending.popleft().answer
            if not answer.done():
                refusal = LimiterUnavailable(reason)
                refusal.__cause__ = cause
                answer.set_exception(refusal)


def _decision(quota: Quota, values: Sequence[int]) -> Decision:
    admitted, counted, reset_us, wait_us, stamp = values
    return Decision(
        admitted=bool(admitted),
        limit=quota.limit,
        remaining=max(0, quota.limit + quota.burst - counted),
        reset_at=-(-reset_us // SECOND_US),
        retry_after_s=-(-wait_us // SECOND_US),
        admitted_at=stamp,
    )
