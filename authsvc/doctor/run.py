"""All checks, in the order in which a reader wants to know."""

from collections.abc import Iterator
from pathlib import Path

from authsvc.doctor.data import check_data
from authsvc.doctor.finding import Finding
from authsvc.doctor.machine import check_clock, check_disk, clock_error_us
from authsvc.doctor.service import check_service
from authsvc.doctor.units import check_units, unit_owner
from authsvc.doctor.web import check_web
from authsvc.settings import Settings


def run(settings: Settings, *, config_file: Path | None = None, main_file: Path | None = None) -> Iterator[Finding]:
    """Look at everything. Changes nothing; some of it only root can see.

    `main_file` is nginx's; the one it was built with when None.
    """
    yield from check_data(settings, unit_owner(settings.data_dir))
    if settings.data_dir.is_dir():
        yield from check_disk(settings)
    yield from check_units(config_file)
    yield from check_service(settings)
    yield from check_web(settings, main_file)
    yield from check_clock(clock_error_us())
