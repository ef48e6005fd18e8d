"""A plug-in for coverage: measures workers, which are confined before they could write what was measured.

A process that is not confined waits for it at the other end of a pipe.
"""

import atexit
import os
import sqlite3.dump  # noqa: F401 — loaded later otherwise, when nothing can be loaded
import sys
from collections.abc import Mapping
from typing import Any

from coverage import Coverage, CoverageData
from coverage.plugin_support import Plugins

PROGRAM = "authsvc.imaging.decoder.process"


def coverage_init(_registry: Plugins, _options: Mapping[str, Any]) -> None:
    """Let a worker pass on what was measured. coverage calls this in every process."""
    if PROGRAM not in sys.orig_argv:
        return
    from authsvc.imaging.decoder import confinement  # noqa: PLC0415 — only in workers

    prepare = confinement.prepare

    def prepare_to_pass_on() -> None:
        measured = Coverage.current()
        assert measured
        incoming, outgoing = os.pipe()
        if os.fork() == 0:
            os.close(outgoing)
            # The service recognises a worker that has ended by its closed socket.
            os.closerange(0, incoming)
            _write(incoming, measured)
            os._exit(0)
        os.close(incoming)
        _keep_in_memory(measured)
        atexit.register(_pass_on, measured, outgoing)
        prepare()

    confinement.prepare = prepare_to_pass_on


def _keep_in_memory(measured: Coverage) -> None:
    measured._data = CoverageData(no_disk=True)
    assert measured._collector
    measured._collector.use_data(measured._data, None)
    measured._auto_save = False


def _pass_on(measured: Coverage, outgoing: int) -> None:
    measured.stop()
    with open(outgoing, "wb") as pipe:
        pipe.write(measured.get_data().dumps())


def _write(incoming: int, measured: Coverage) -> None:
    measured.stop()
    with open(incoming, "rb") as pipe:
        content = pipe.read()
    if content:
        data = CoverageData(basename=str(measured.get_option("run:data_file")), suffix=True)
        data.loads(content)
        data.write()
