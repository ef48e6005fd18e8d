"""Make the tables of images, received digests, tokens, sites and revisions."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# For previews of a blog on one's own machine; they can be removed.
FIRST_SITES = ("localhost", "127.0.0.1", "[::1]")


def upgrade() -> None:
    """Make the tables, the revision counters and the first sites."""
    op.create_table(
        "images",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("extension", sa.String(4), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("removed_at", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("digest", name="uq_images_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_images_removed_at", "images", ["removed_at"], sqlite_where=sa.text("removed_at IS NOT NULL"))
    op.create_table(
        "received",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("md5", sa.String(32), nullable=False),
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_received"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_received_image_id", ondelete="CASCADE"),
    )
    op.create_index("ix_received_image_id", "received", ["image_id"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=True),
        sa.Column("revoked_at", sa.Integer, nullable=True),
        sa.Column("last_used_at", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("name", name="uq_tokens_name"),
        sa.UniqueConstraint("fingerprint", name="uq_tokens_fingerprint"),
        sqlite_autoincrement=True,
    )
    sites = op.create_table(
        "sites",
        sa.Column("pattern", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("pattern", name="pk_sites"),
    )
    revisions = op.create_table(
        "revisions",
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_revisions"),
    )
    now = int(time.time())
    op.bulk_insert(sites, [{"pattern": pattern, "created_at": now} for pattern in FIRST_SITES])
    op.bulk_insert(revisions, [{"scope": "tokens", "number": 1}, {"scope": "sites", "number": 1}])
