"""The image catalog in SQL."""

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Engine, Row, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from authsvc.catalog.port import ImageCatalog
from authsvc.catalog.schema import images, received
from authsvc.catalog.transactions import reading, writing
from authsvc.catalog.writer import GroupWriter
from authsvc.errors import Collision, NoSuchObject
from authsvc.model import Digests, Image, Key

# Built once: SQLAlchemy needs longer to build and cache a statement than SQLite needs to run it.
_DIGESTS: Final[BindParameter[Sequence[str]]] = bindparam("digests", expanding=True)
_BY_DIGEST: Final = select(images).where(images.c.digest.in_(_DIGESTS))
_FIND: Final = _BY_DIGEST.where(images.c.removed_at.is_(None))
_FIND_RECEIVED: Final = (
    select(images, received.c.sha256.label("received_sha256"))
    .join_from(received, images)
    .where(received.c.sha256.in_(_DIGESTS), images.c.removed_at.is_(None))
)
_INSERT: Final = insert(images)
_LIFT: Final = update(images).where(images.c.digest.in_(_DIGESTS)).values(removed_at=None)
_NEW_LINK: Final = upsert(received).from_select(
    ["sha256", "md5", "image_id"],
    select(bindparam("received_sha256"), bindparam("received_md5"), images.c.id).where(
        images.c.digest == bindparam("image_digest")
    ),
)
_LINK: Final = _NEW_LINK.on_conflict_do_update(
    index_elements=["sha256"], set_={"image_id": _NEW_LINK.excluded.image_id}
)


class SqlImageCatalog(ImageCatalog):
    """See ImageCatalog."""

    def __init__(self, engine: Engine, writer: GroupWriter) -> None:
        self._engine = engine
        self._writer = writer

    def add_all(self, entries: Sequence[tuple[Image, Digests]]) -> Future[list[Image | Collision]]:
        """See ImageCatalog.add_all."""
        return self._writer.submit(lambda connection: _add_all(connection, entries))

    def add(self, image: Image, received: Digests) -> Future[Image]:
        """See ImageCatalog.add."""
        return self._writer.submit(lambda connection: _add(connection, image, received))

    def find_all(self, digests: Collection[str]) -> dict[str, Image]:
        """See ImageCatalog.find_all."""
        with reading(self._engine) as connection:
            return {row.digest: _image(row) for row in connection.execute(_FIND, {"digests": list(digests)})}

    def find_all_received(self, sha256s: Collection[str]) -> dict[str, Image]:
        """See ImageCatalog.find_all_received."""
        with reading(self._engine) as connection:
            rows = connection.execute(_FIND_RECEIVED, {"digests": list(sha256s)})
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


def _add(connection: Connection, image: Image, digests: Digests) -> Image:
    (result,) = _add_all(connection, [(image, digests)])
    if isinstance(result, Collision):
        raise result
    return result


def _add_all(connection: Connection, entries: Sequence[tuple[Image, Digests]]) -> list[Image | Collision]:
    rows = connection.execute(_BY_DIGEST, {"digests": list({image.key.digest for image, _ in entries})}).all()
    known = {row.digest: _image(row) for row in rows}
    buried = {row.digest for row in rows if row.removed_at is not None}
    new: list[Image] = []
    lifted: set[str] = set()
    links: list[dict[str, str]] = []
    results: list[Image | Collision] = []
    for image, digests in entries:
        first = known.setdefault(image.key.digest, image)
        if first.sha256 != image.sha256:
            results.append(Collision())
            continue
        if first is image:
            new.append(image)
        lifted |= buried & {image.key.digest}
        links.append({"received_sha256": digests.sha256, "received_md5": digests.md5, "image_digest": image.key.digest})
        results.append(first)
    if lifted:
        connection.execute(_LIFT, {"digests": list(lifted)})
    if new:
        connection.execute(_INSERT, [_values(image) for image in new])
    if links:
        connection.execute(_LINK, links)
    return results


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
