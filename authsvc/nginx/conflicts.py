"""Find settings in other nginx files that conflict with authsvc."""

import re
from collections.abc import Iterator
from typing import Final

from authsvc.errors import Broken
from authsvc.nginx.existing import ServerNginx
from authsvc.nginx.paths import InstallPaths
from authsvc.settings import Settings

_HTTP_ADDRESS: Final = re.compile(r"(\d+(\.\d+){3}|\[[0-9a-f:]+\])(:(80|443))?")
_NOT_AN_ADDRESS: Final = ("127.", "0.0.0.0", "[::]", "[::1]")  # noqa: S104 — compared
_LISTEN_WORDS: Final = 2


def are_hash_sizes_set(server: ServerNginx, paths: InstallPaths) -> bool:
    """Return whether we may not set the hash sizes: they are set elsewhere, or another file has a map.

    nginx fixes both sizes when it reads the first `map`; a later directive is a
    duplicate.
    """
    return any(
        d.words[0] in {"map", "map_hash_bucket_size", "map_hash_max_size"}
        for d in server.directives
        if paths.conf not in d.file.parents and d.file not in {paths.site, paths.link}
    )


def is_jit_set(server: ServerNginx, paths: InstallPaths) -> bool:
    """Return whether another file has `pcre_jit`, which may be set once."""
    return any(d.file != paths.jit and paths.conf not in d.file.parents for d in server.named("pcre_jit"))


def shadowed_listens(server: ServerNginx, paths: InstallPaths) -> Iterator[str]:
    """Yield a note for each server that listens on one address; nginx sends no requests for that address to authsvc."""
    for directive in server.named("listen"):
        if directive.file in {paths.site, paths.link} or len(directive.words) < _LISTEN_WORDS:
            continue
        where = directive.words[1]
        if _HTTP_ADDRESS.fullmatch(where) and not where.startswith(_NOT_AN_ADDRESS):
            yield (
                f"note: a server in {directive.file} listens on {where}, so requests to that address do not reach "
                f"authsvc; add `listen {where}` to {paths.site}, with `ssl` if the other has it"
            )


def refuse_conflict(warnings: str, settings: Settings) -> None:
    """Raise Broken when another server has one of our names: nginx only warns, and ignores ours."""
    for name in re.findall(r'conflicting server name "([^"]+)"', warnings):
        if name in settings.own_hosts:
            raise Broken(
                reason=f"another server of this nginx is called {name} already; "
                f"find it with `grep -rn {name} /etc/nginx`, and remove the name there or choose another"
            )
