"""The image catalog in SQL."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from authsvc.catalog.engine import reading, writing
from authsvc.catalog.port import ImageCatalog
from authsvc.catalog.schema import images, received
from authsvc.catalog.writer import GroupWriter
from authsvc.errors import Collision, NotThere
from authsvc.model import Digests, Image, Key


class SqlImageCatalog(ImageCatalog):
    """See ImageCatalog."""

    def __init__(self, engine: Engine, writer: GroupWriter) -> None:
        self._engine = engine
        self._writer = writer

    def add(self, image: Image, received: Digests) -> Future[Image]:
        """See ImageCatalog.add."""
        return self._writer.submit(lambda connection: _add(connection, image, received))

    def find(self, digest: str) -> Image | None:
        """See ImageCatalog.find."""
        return self._find(images.c.digest == digest)

    def find_received(self, sha256: str) -> Image | None:
        """See ImageCatalog.find_received."""
        wanted = select(received.c.image_id).where(received.c.sha256 == sha256).scalar_subquery()
        return self._find(images.c.id == wanted)

    def page(self, *, after: Key | None, limit: int) -> Sequence[Image]:
        """See ImageCatalog.page."""
        query = select(images).where(images.c.removed_at.is_(None)).order_by(images.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            if after is not None:
                start = connection.scalar(select(images.c.id).where(_is_key(after)))
                if start is None:
                    raise NotThere(reason=f"there is no picture {after} to go on from")
                query = query.where(images.c.id < start)
            return [_image(row) for row in connection.execute(query)]

    def bury(self, key: Key, *, now: int) -> bool:
        """See ImageCatalog.bury."""
        with writing(self._engine) as connection:
            return connection.execute(update(images).where(_is_key(key)).values(removed_at=now)).rowcount > 0

    def finish_removal(self, key: Key, delete_blob: Callable[[], object]) -> bool:
        """See ImageCatalog.finish_removal."""
        buried = _is_key(key) & images.c.removed_at.is_not(None)
        with writing(self._engine) as connection:
            if connection.scalar(select(images.c.id).where(buried)) is None:
                return False
            delete_blob()
            connection.execute(delete(images).where(buried))
            return True

    def discard(self, key: Key, delete_blob: Callable[[], object]) -> bool:
        """See ImageCatalog.discard."""
        with writing(self._engine) as connection:
            if connection.scalar(select(images.c.id).where(_is_key(key))) is not None:
                return False
            delete_blob()
            return True

    def buried(self) -> Sequence[Key]:
        """See ImageCatalog.buried."""
        query = select(images.c.digest, images.c.extension).where(images.c.removed_at.is_not(None))
        with reading(self._engine) as connection:
            return [Key(row.digest, row.extension) for row in connection.execute(query)]

    def _find(self, condition: ColumnElement[bool]) -> Image | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(images).where(condition, images.c.removed_at.is_(None))).one_or_none()
        return None if row is None else _image(row)


def _add(connection: Connection, image: Image, digests: Digests) -> Image:
    row = connection.execute(select(images).where(images.c.digest == image.key.digest)).one_or_none()
    if row is None:
        values = {
            "digest": image.key.digest,
            "extension": image.key.extension,
            "sha256": image.sha256,
            "size": image.size,
            "width": image.width,
            "height": image.height,
            "name": image.name,
            "created_at": image.created_at,
        }
        row = connection.execute(insert(images).values(values).returning(*images.c)).one()
    elif row.sha256 != image.sha256:
        raise Collision
    elif row.removed_at is not None:
        connection.execute(update(images).where(images.c.id == row.id).values(removed_at=None))
    seen = upsert(received).values(sha256=digests.sha256, md5=digests.md5, image_id=row.id)
    connection.execute(seen.on_conflict_do_update(index_elements=["sha256"], set_={"image_id": row.id}))
    return _image(row)


def _is_key(key: Key) -> ColumnElement[bool]:
    return (images.c.digest == key.digest) & (images.c.extension == key.extension)


def _image(row: Row[*tuple[object, ...]]) -> Image:
    return Image(
        key=Key(row.digest, row.extension),
        sha256=row.sha256,
        size=row.size,
        width=row.width,
        height=row.height,
        name=row.name,
        created_at=row.created_at,
    )
