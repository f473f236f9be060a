"""Blocking work beside the event loop, so that a call that never returns harms only itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

T = TypeVar("T")

CALLS_MAX: Final = 64
_free_places = threading.BoundedSemaphore(CALLS_MAX)


class TooManyCallsError(RuntimeError):
    """As many calls are under way as this process allows; most likely they hang."""


def start_in_thread(work: Callable[[], T]) -> Future[T]:
    """Runs `work` in a daemon thread of its own.

    A pool would be starved by calls that hang, and its threads would hold up the process at exit.
    Raises `TooManyCallsError` when `CALLS_MAX` calls are under way.
    """
    if not _free_places.acquire(blocking=False):
        raise TooManyCallsError("too many blocking calls are still under way")
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits
            _free_places.release()
            if not future.cancelled():
                future.set_exception(error)
        else:
            _free_places.release()
            if not future.cancelled():
                future.set_result(result)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, name="connector-call", daemon=True).start()
    return future


async def call_in_thread(work: Callable[[], T]) -> T:
    """What `work` gives. Cancelling stops the waiting, not the thread."""
    return await asyncio.wrap_future(start_in_thread(work))
