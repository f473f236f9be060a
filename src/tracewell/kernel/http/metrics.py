"""What the operator sees at `/metrics`: counts and times by endpoint, no value of a request.

Of several processes with one folder PROMETHEUS_MULTIPROC_DIR each tells the sums of all.
"""

from __future__ import annotations

import os
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REGISTRY = CollectorRegistry()

_requests = Counter(
    "tracewell_http_requests_total",
    "Requests by endpoint and status.",
    ("endpoint", "status"),
    registry=REGISTRY,
)
_seconds = Histogram(
    "tracewell_http_request_seconds",
    "Time from the gate to the end of the answer.",
    ("endpoint",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)


@lru_cache(maxsize=4096)
def _children(endpoint: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(endpoint, str(status)), _seconds.labels(endpoint)


def observe(endpoint: str, status: int, seconds: float) -> None:
    """Counts one request."""
    count, times = _children(endpoint, status)
    count.inc()
    times.observe(seconds)


def render_metrics() -> bytes:
    """The text format of Prometheus."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    of_all = CollectorRegistry()
    MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
    return generate_latest(of_all)


def render_depth(kind: str, waiting: int, running: int) -> bytes:
    """Tasks of a queue, read when they are asked for: no process counts them."""
    registry = CollectorRegistry()
    tasks = Gauge(
        "tracewell_queue_tasks",
        "Tasks in the queue by kind and state.",
        ("kind", "state"),
        registry=registry,
    )
    tasks.labels(kind, "waiting").set(waiting)
    tasks.labels(kind, "running").set(running)
    return generate_latest(registry)
