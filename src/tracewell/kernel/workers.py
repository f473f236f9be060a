"""Work handed to a thread or to worker processes, each with a state of its own; what the work is,
the caller says. Results come by future: the caller keeps the order and bounds what waits."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

JOBS_MAX = 64

State = TypeVar("State")
Task = TypeVar("Task")
Result = TypeVar("Result")

_work: Callable[[Any], Any] | None = None


@asynccontextmanager
async def open_workers(
    work: Callable[[State, Task], Result], begin: Callable[[], State], jobs: int
) -> AsyncIterator[Callable[[Task], asyncio.Future[Result]]]:
    """A function that hands one task to `work(state, task)`: with one job in a thread, else in that
    many processes, each with the state that `begin()` makes there. What goes to them and comes
    back travels by pickle, so that `work` is a function of a module.

    Ctrl-C reaches this process alone; workers end with it, whatever ends it. Raises ValueError for
    fewer than 1 or more than `JOBS_MAX` jobs.
    """
    if not 1 <= jobs <= JOBS_MAX:
        raise ValueError(f"jobs are 1 to {JOBS_MAX}")
    loop = asyncio.get_running_loop()
    stack = ExitStack()
    executor: Executor
    if jobs == 1:
        executor = ThreadPoolExecutor(1, "work")
        call: Callable[[Task], Result] = functools.partial(work, begin())
    else:
        # Spawned, not forked: a fork would inherit the connections of databases, and locks.
        # What they begin with lies in a file: written to each of them, it would fill its pipe until
        # that process is up, and the next one would not be started before.
        opened = tempfile.NamedTemporaryFile(prefix="tracewell-")  # noqa: SIM115 - the stack ends it
        file = stack.enter_context(opened)
        pickle.dump((work, begin), file, pickle.HIGHEST_PROTOCOL)
        file.flush()
        executor = ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), _begin, (Path(file.name),)
        )
        call = _do

    def hand(task: Task) -> asyncio.Future[Result]:
        # Processes start here, and inherit what is blocked: a terminal's Ctrl-C goes to them too.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return loop.run_in_executor(executor, call, task)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    with stack:
        try:
            yield hand
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _begin(file: Path) -> None:
    global _work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work, begin = pickle.loads(file.read_bytes())  # noqa: S301 - the parent's own, read by it alone
    _work = functools.partial(work, begin())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: Any) -> Any:
    assert _work is not None, "the pool's initializer ran"
    return _work(task)
