"""The catalog's tables. The migrations create them; a test checks that both agree."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table

SCHEMA_REVISION: Final = "0001"
"""The migration that the database must be at for this code."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

images: Final = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),
    Column("extension", String(4), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("name", String(255), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("removed_at", Integer, nullable=True),
    sqlite_autoincrement=True,
)
"""`removed_at` is the tombstone."""
Index(None, images.c.removed_at, sqlite_where=images.c.removed_at.is_not(None))

received: Final = Table(
    "received",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("md5", String(32), nullable=False),
    Column("image_id", Integer, ForeignKey("images.id", ondelete="CASCADE"), nullable=False, index=True),
)
"""Digests of files as they were received. Several received files may be one
image, because they are the same without their metadata."""

tokens: Final = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("scope", String(16), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=True),
    Column("revoked_at", Integer, nullable=True),
    Column("last_used_at", Integer, nullable=True),
    sqlite_autoincrement=True,
)

sites: Final = Table(
    "sites",
    metadata,
    Column("pattern", String(255), primary_key=True),
    Column("created_at", Integer, nullable=False),
)

revisions: Final = Table(
    "revisions",
    metadata,
    Column("scope", String(16), primary_key=True),
    Column("number", Integer, nullable=False),
)
"""One row each for `tokens` and `sites`, which the first migration adds."""
