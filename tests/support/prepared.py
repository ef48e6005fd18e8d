"""A data folder whose catalog is made already, so that a start does not have to run the migrations."""

import time
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from authsvc.access.tokens import fingerprint, new_token
from authsvc.catalog.migrate import ensure_schema
from authsvc.catalog.sqlite import open_catalog
from authsvc.model import Scope, Token


def put_catalog(data_dir: Path) -> str:
    """Put a catalog with one token into an empty data folder; return the token.

    Returns "" where there is no data folder yet, or has a catalog already.
    """
    catalog = data_dir / "catalog" / "catalog.sqlite3"
    if catalog.parent.exists() or not data_dir.is_dir():
        return ""
    catalog.parent.mkdir(0o700)
    content, token = _prepared()
    catalog.write_bytes(content)
    catalog.chmod(0o640)
    return token


@cache
def _prepared() -> tuple[bytes, str]:
    """Return a catalog's file as the migrations leave it, but with one token, and that token."""
    token = new_token()
    with TemporaryDirectory(prefix="asv-") as folder:
        path = Path(folder, "catalog.sqlite3")
        ensure_schema(path)
        with closing(open_catalog(path)) as catalog:
            catalog.access.add_token(Token("tests", fingerprint(token), Scope.UPLOAD, int(time.time())))
        return path.read_bytes(), token
