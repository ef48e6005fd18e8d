"""Open the SQL catalog: both ports on one engine and one writer."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from authsvc.catalog.access import SqlAccessCatalog
from authsvc.catalog.engine import sqlite_engine
from authsvc.catalog.images import SqlImageCatalog
from authsvc.catalog.port import AccessCatalog, ImageCatalog
from authsvc.catalog.writer import GroupWriter


@dataclass(frozen=True, slots=True)
class Catalog:
    """An open catalog. `close` finishes what was begun and ends its thread."""

    images: ImageCatalog
    access: AccessCatalog
    _engine: Engine
    _writer: GroupWriter

    def close(self) -> None:
        """Finish submitted writes and close every connection."""
        self._writer.close()
        self._engine.dispose()


def open_catalog(path: Path) -> Catalog:
    """Open the SQLite file `path`, which `migrate.ensure_schema` has prepared."""
    engine = sqlite_engine(path)
    writer = GroupWriter(engine)
    return Catalog(SqlImageCatalog(engine, writer), SqlAccessCatalog(engine, writer), engine, writer)
