"""Counters and durations for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clothier.types import Prediction

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        """All zero; CPU time, memory and open files of the process are read when they are asked for."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["method", "route", "status"]
        self.requests = Counter("clothier_requests", "Answered requests.", labels, registry=self.registry)
        self.seconds = Histogram(
            "clothier_request_seconds",
            "From the header of a request to the end of its answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.photos = Counter(
            "clothier_photos", "Classified photos by decision, or the code of their error.", ["result"],
            registry=self.registry,
        )  # fmt: skip

    def count(self, results: Iterable[Prediction | FailedInput]) -> None:
        """Counts photos by their decision, or the code of their error."""
        for one in results:
            result = one.code if isinstance(one, FailedInput) else one.decision or "uncalibrated"
            self.photos.labels(result).inc()

    def watch(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """A value that is read whenever the metrics are."""
        Gauge(name, documentation, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self.registry)
