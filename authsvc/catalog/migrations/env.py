"""Alembic's entry point; `catalog.migrate.upgrade` hands it the connection."""

from alembic import context

from authsvc.catalog.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
