"""For the comparison alone: a Python whose fsync does nothing, and whose catalog does not wait for the disk.

bench/uploads.py puts this folder on the Python path of one service, its rival
"ours, not durable". The product has no such switch.
"""

import os
from typing import Any

from authsvc.catalog import sqlite

_prepare = sqlite._prepare  # noqa: SLF001 — the seam that is broken on purpose


def _prepare_carelessly(connection: Any, _record: object) -> None:  # noqa: ANN401 — the driver's own type
    _prepare(connection, _record)
    connection.execute("PRAGMA synchronous = OFF")


sqlite._prepare = _prepare_carelessly  # noqa: SLF001 — as above
os.fsync = lambda _descriptor: None  # type: ignore[assignment]  # on purpose
