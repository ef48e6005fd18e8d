"""Bring the database to the schema that the code needs.

The migrations run in a separate process, under a lock: loading Alembic costs
20 MB, which the service would never use again.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from authsvc.catalog.schema import SCHEMA_REVISION
from authsvc.catalog.sqlite import sqlite_engine
from authsvc.catalog.transactions import WRITING, reading
from authsvc.errors import Broken


def ensure_schema(path: Path) -> None:
    """Create the SQLite file at `path`, or upgrade it, if necessary.

    Raises Broken when that fails, or when a newer version of authsvc has used the file.
    """
    if _is_up_to_date(path):
        return
    with path.with_name("migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "authsvc.catalog.migrate", str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — our own module
    if run.returncode != 0:
        last_line = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Broken(reason=f"the catalog {str(path)!r} could not be brought up to date: {last_line}")


def _is_up_to_date(path: Path) -> bool:
    found = _revision_at(path) if path.exists() else None
    # Revisions are numbers with the same number of digits, so they can be compared as text.
    if found is not None and found > SCHEMA_REVISION:
        raise Broken(
            reason=f"the catalog {str(path)!r} is at schema {found}, this version of authsvc needs "
            f"{SCHEMA_REVISION}: a newer version has used it, run that one"
        )
    return found == SCHEMA_REVISION


def upgrade(engine: Engine) -> None:
    """Run the missing migrations in this process."""
    # Imported here, because the service loads this module and must not load Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.execution_options(**WRITING).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision_at(path: Path) -> str | None:
    engine = sqlite_engine(path)
    try:
        with reading(engine) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    finally:
        engine.dispose()


if __name__ == "__main__":
    try:
        upgrade(sqlite_engine(Path(sys.argv[1])))
    except DatabaseError as error:
        # Without the rest of SQLAlchemy's text, which is the statement and a link.
        sys.exit(str(error.orig))
