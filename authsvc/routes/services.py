"""What every route works with."""

from dataclasses import dataclass

from authsvc.access.live import Guard
from authsvc.metrics import Metrics
from authsvc.settings import Settings
from authsvc.sizes.maker import SizeMaker
from authsvc.uploads.pipeline import Ingest


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service, wired in `app`."""

    settings: Settings
    guard: Guard
    ingest: Ingest
    size_maker: SizeMaker
    metrics: Metrics
