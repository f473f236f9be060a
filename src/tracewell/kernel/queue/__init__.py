"""A queue of work in the database that the work is about; see docs/decisions/0185.

A task is put in the transaction that needs it, and leaves the queue when its handler has returned.
A worker that dies gives its tasks up by silence: another takes them, so that handlers run at least
once and must do nothing twice in effect.
"""

from tracewell.kernel.queue.model import (
    Depth,
    Handler,
    Queue,
    Stopping,
    TaskReturned,
    count_tasks,
)
from tracewell.kernel.queue.opening import open_queue, put_tasks

__all__ = [
    "Depth",
    "Handler",
    "Queue",
    "Stopping",
    "TaskReturned",
    "count_tasks",
    "open_queue",
    "put_tasks",
]
