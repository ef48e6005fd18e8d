"""All checks, the most important ones first."""

from collections.abc import Iterator
from pathlib import Path

from authsvc.doctor.data import check_data
from authsvc.doctor.decoders import check_decoders
from authsvc.doctor.finding import Finding
from authsvc.doctor.machine import check_clock, check_disk
from authsvc.doctor.service import check_service
from authsvc.doctor.units import check_units, unit_owner
from authsvc.doctor.web import check_web
from authsvc.settings import Settings
from authsvc.system.linux import clock_error_us


def run(settings: Settings, *, config_file: Path | None = None, main_file: Path | None = None) -> Iterator[Finding]:
    """Run all checks. Changes nothing. Some of them need root's rights.

    `main_file` is nginx's main configuration file; None means the one it was built with.
    """
    yield from check_data(settings, unit_owner(settings.data_dir))
    if settings.data_dir.is_dir():
        yield from check_disk(settings)
    yield from check_units(config_file)
    yield from check_service(settings)
    yield from check_decoders(settings)
    yield from check_web(settings, main_file)
    yield from check_clock(clock_error_us())
