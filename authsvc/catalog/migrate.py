"""Bring the database to the schema that the code needs.

The migrations run in a process of their own, under a lock: Alembic would cost
every service process 20 MB that it never needs again.
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
    """Make the SQLite file at `path`, or bring it up to date, where needed.

    Raises Broken when that fails, or when a newer version has made the file.
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
    # Revisions are numbers of one width, so their order is that of text.
    if found is not None and found > SCHEMA_REVISION:
        raise Broken(
            reason=f"the catalog {str(path)!r} is at schema {found}, this version of authsvc needs "
            f"{SCHEMA_REVISION}: a newer version has used it, run that one"
        )
    return found == SCHEMA_REVISION


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database lacks, in this process."""
    # Here and not above: the service imports this module and must stay small.
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
        # The rest of SQLAlchemy's text is the statement and an address.
        sys.exit(str(error.orig))
