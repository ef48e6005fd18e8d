"""The counters that `/metrics` reports."""

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest


class Metrics:
    """The counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.uploads = Counter(
            "authsvc_uploads", "Uploads answered, by code; ok for a success.", ["code"], registry=self._registry
        )
        self.upload_bytes = Counter("authsvc_upload_bytes", "Bytes of accepted uploads.", registry=self._registry)
        self.uploads_under_way = Gauge("authsvc_uploads_under_way", "Uploads in progress.", registry=self._registry)
        self.verdicts = Counter(
            "authsvc_verdicts", "Verdicts given to nginx, by reason.", ["reason"], registry=self._registry
        )

        self.sizes = Counter(
            "authsvc_derivations",
            "Requests for a size that did not exist yet, by outcome.",
            ["outcome"],
            registry=self._registry,
        )

    def count_size(self, outcome: str) -> None:
        """Count a finished job; see `sizes.maker.Outcome`."""
        self.sizes.labels(outcome).inc()

    def render(self) -> bytes:
        """Return everything in the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)
