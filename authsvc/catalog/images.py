"""The image catalog in SQL."""

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Row,
    bindparam,
    case,
    delete,
    null,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from authsvc.catalog.port import ImageCatalog
from authsvc.catalog.schema import images, received
from authsvc.catalog.transactions import reading, writing
from authsvc.catalog.writer import GroupWriter
from authsvc.errors import Collision, NoSuchObject
from authsvc.model import Digests, Image, Key

# Built once: SQLAlchemy needs longer to build and cache a statement than SQLite needs to run it.
_SHA256S: Final[BindParameter[Sequence[str]]] = bindparam("sha256s", expanding=True)
_FIND: Final = select(images).where(images.c.digest == bindparam("digest"), images.c.removed_at.is_(None))
_FIND_RECEIVED: Final = (
    select(images, received.c.sha256.label("received_sha256"))
    .join_from(received, images)
    .where(received.c.sha256.in_(_SHA256S), images.c.removed_at.is_(None))
)
_NEW: Final = upsert(images)
# The same bytes again lift a tombstone; other bytes with the same md5 change nothing.
_ADD: Final = _NEW.on_conflict_do_update(
    index_elements=["digest"],
    set_={"removed_at": case((images.c.sha256 == _NEW.excluded.sha256, null()), else_=images.c.removed_at)},
).returning(images)
_NEW_LINK: Final = upsert(received)
_LINK: Final = _NEW_LINK.on_conflict_do_update(
    index_elements=["sha256"], set_={"image_id": _NEW_LINK.excluded.image_id}
)


class SqlImageCatalog(ImageCatalog):
    """See ImageCatalog."""

    def __init__(self, engine: Engine, writer: GroupWriter) -> None:
        self._engine = engine
        self._writer = writer

    def add(self, image: Image, received: Digests) -> Future[Image | Collision]:
        """See ImageCatalog.add."""
        return self._writer.submit(lambda connection: _add(connection, image, received))

    def find(self, digest: str) -> Image | None:
        """See ImageCatalog.find."""
        with reading(self._engine) as connection:
            row = connection.execute(_FIND, {"digest": digest}).one_or_none()
        return None if row is None else _image(row)

    def find_all_received(self, sha256s: Collection[str]) -> dict[str, Image]:
        """See ImageCatalog.find_all_received."""
        with reading(self._engine) as connection:
            rows = connection.execute(_FIND_RECEIVED, {"sha256s": list(sha256s)})
            return {row.received_sha256: _image(row) for row in rows}

    def page(self, *, after: Key | None, limit: int) -> Sequence[Image]:
        """See ImageCatalog.page."""
        query = select(images).where(images.c.removed_at.is_(None)).order_by(images.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            if after is not None:
                start = connection.scalar(select(images.c.id).where(_is_key(after)))
                if start is None:
                    raise NoSuchObject(
                        reason=f"there is no picture {after} to continue after; `authsvc image list` shows them"
                    )
                query = query.where(images.c.id < start)
            return [_image(row) for row in connection.execute(query)]

    def bury(self, key: Key, *, now: int) -> bool:
        """See ImageCatalog.bury."""
        with writing(self._engine) as connection:
            return connection.execute(update(images).where(_is_key(key)).values(removed_at=now)).rowcount > 0

    def forget(self, key: Key) -> Image | None:
        """See ImageCatalog.forget."""
        with reading(self._engine) as connection:
            row = connection.execute(select(images).where(_is_key(key))).one_or_none()
        if row is not None and row.removed_at is not None:
            with writing(self._engine) as connection:
                connection.execute(delete(images).where(_is_key(key), images.c.removed_at.is_not(None)))
                row = connection.execute(select(images).where(_is_key(key))).one_or_none()
        return None if row is None else _image(row)

    def buried(self) -> Sequence[Key]:
        """See ImageCatalog.buried."""
        query = select(images.c.digest, images.c.extension).where(images.c.removed_at.is_not(None))
        with reading(self._engine) as connection:
            return [Key(row.digest, row.extension) for row in connection.execute(query)]


def _add(connection: Connection, image: Image, received: Digests) -> Image | Collision:
    row = connection.execute(_ADD, _values(image)).one()
    if row.sha256 != image.sha256:
        return Collision()
    connection.execute(_LINK, {"sha256": received.sha256, "md5": received.md5, "image_id": row.id})
    return _image(row)


def _values(image: Image) -> dict[str, object]:
    return {
        "digest": image.key.digest,
        "extension": image.key.extension,
        "sha256": image.sha256,
        "size": image.size,
        "width": image.width,
        "height": image.height,
        "name": image.name,
        "created_at": image.created_at,
    }


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
