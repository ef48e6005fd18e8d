"""What every route works with."""

from dataclasses import dataclass

from authsvc.derive import Deriver
from authsvc.guard import Guard
from authsvc.ingest import Ingest
from authsvc.metrics import Metrics
from authsvc.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service, wired in `app`."""

    settings: Settings
    guard: Guard
    ingest: Ingest
    deriver: Deriver
    metrics: Metrics
