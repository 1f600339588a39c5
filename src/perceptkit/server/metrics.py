"""Numbers about the server in the form that Prometheus reads."""

from __future__ import annotations

import time
from collections.abc import Iterator

import sqlalchemy as sql
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .database import jobs, recordings, uploads

__all__ = ["Measured", "Metrics", "write_metrics"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)


class Metrics:
    """What an app counts as it goes. An app has its own, so that two in a process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        names = ("route", "method", "status")
        self.requests = Counter("perceptkit_requests", "Requests that were answered.", names, registry=self.registry)
        self.seconds = Histogram(
            "perceptkit_request_seconds",
            "How long requests took, to the end of their answers.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )


class Measured:
    """Counts the requests that pass (an ASGI layer). Labels are the templates of routes: callers cannot add to them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when it has been answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(route, method, status).inc()
            self._metrics.seconds.labels(route, method).observe(time.perf_counter() - begun)


def write_metrics(metrics: Metrics, engine: sql.Engine) -> bytes:
    """All numbers: what was counted, and what the database holds now."""
    all_numbers = CollectorRegistry()
    all_numbers.register(_Counted(metrics.registry))
    all_numbers.register(_Stored(engine))
    return generate_latest(all_numbers)


class _Counted(Collector):
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """What was counted, without when that began: the library could leave it out only for the whole process."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _Stored(Collector):
    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Ask the database."""
        kinds = sql.select(jobs.c.kind, jobs.c.state, sql.func.count()).group_by(jobs.c.kind, jobs.c.state)
        sizes = sql.select(sql.func.count(), sql.func.coalesce(sql.func.sum(uploads.c.bytes), 0))
        opened = sql.select(sql.func.count()).where(recordings.c.completed_at.is_(None))
        with self._engine.connect() as connection:
            counts = [tuple(row) for row in connection.execute(kinds.order_by(jobs.c.kind, jobs.c.state))]
            uploaded, size = connection.execute(sizes).one()
            recording = connection.execute(opened).scalar_one()
        family = GaugeMetricFamily("perceptkit_jobs", "Jobs in the table.", labels=("kind", "state"))
        for kind, state, number in counts:
            family.add_metric((kind, state), number)
        yield family
        for name, meaning, value in (
            ("jobs_waiting", "Jobs that wait for a worker.", _of(counts, "pending")),
            ("jobs_running", "Jobs that a worker has.", _of(counts, "processing")),
            ("uploads", "Uploads that are kept.", uploaded),
            ("upload_bytes", "What the uploads that are kept hold.", size),
            ("recordings_open", "Recordings that are under way.", recording),
        ):
            yield GaugeMetricFamily(f"perceptkit_{name}", meaning, value=float(value))


def _of(counts: list[tuple[str, str, int]], wanted: str) -> int:
    return sum(number for _, state, number in counts if state == wanted)
