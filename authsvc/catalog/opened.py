"""An open catalog: both ports on one engine and one writer, for any SQL database."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from authsvc.catalog.access import SqlAccessCatalog
from authsvc.catalog.images import SqlImageCatalog
from authsvc.catalog.port import AccessCatalog, ImageCatalog
from authsvc.catalog.writer import GroupWriter


@dataclass(frozen=True, slots=True)
class Catalog:
    """An open catalog; `close` it at the end."""

    images: ImageCatalog
    access: AccessCatalog
    _engine: Engine
    _writer: GroupWriter

    @classmethod
    def on(cls, engine: Engine) -> Self:
        """Open the catalog in the database of this engine."""
        writer = GroupWriter(engine)
        return cls(SqlImageCatalog(engine, writer), SqlAccessCatalog(engine, writer), engine, writer)

    def close(self) -> None:
        """Finish the submitted writes, end the writer's thread and close every connection."""
        self._writer.close()
        self._engine.dispose()
