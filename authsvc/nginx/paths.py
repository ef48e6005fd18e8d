"""Where authsvc's files are in the nginx that a server has."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.errors import Broken
from authsvc.nginx.existing import ServerNginx, read_server
from authsvc.nginx.release import SITE_DEFAULT, Releases
from authsvc.system.atomic import LEFTOVERS
from authsvc.system.conffile import is_edited

CONF_FOLDER: Final = "authsvc"
LINK_NAME: Final = "zz-authsvc.conf"
"""Sorts last: nginx's first server answers for unknown hosts, and our `map` must not come before another file's."""

_ASIDE: Final = ".aside"


@dataclass(frozen=True, slots=True)
class InstallPaths:
    """Where authsvc's files are in one nginx's configuration.

    `conf` is the link to the release in use. `link` enables `site`; it is None
    where nginx includes only `conf.d`. `jit` is None where nginx includes no
    folder outside of its blocks.
    """

    conf: Path
    site: Path
    link: Path | None
    jit: Path | None

    @property
    def releases(self) -> Releases:
        """The releases that `conf` chooses from."""
        return Releases(self.conf)

    @property
    def default_site(self) -> Path:
        """What we have last written as the site file."""
        return self.conf / SITE_DEFAULT

    @property
    def edited_site(self) -> Path:
        """Where an edited site file is kept for the next installation; nginx does not include it."""
        return self.site if self.link is not None else self.site.with_name(f".{self.site.name}.edited")

    @property
    def is_site_edited(self) -> bool:
        """Whether a person has changed the site file since we wrote it."""
        return is_edited(self.site, self.releases.versions_of(SITE_DEFAULT))


def install_paths(server: ServerNginx) -> InstallPaths:
    """Find the folders that this nginx includes. Raises Broken when there are none."""
    base = server.main_file.parent
    sites = server.included_folders("http")
    if not sites:
        raise Broken(
            reason=f"{server.main_file} includes no folder of sites; "
            f"add to its http block: include {base}/conf.d/*.conf;"
        )
    modules = server.included_folders()
    jit = modules[0] / LINK_NAME if modules else None
    # The last folder, for the same reason as the last name in it.
    enabled = sites[-1]
    if enabled.name != "sites-enabled":
        return InstallPaths(base / CONF_FOLDER, enabled / LINK_NAME, None, jit)
    available = enabled.with_name("sites-available")
    return InstallPaths(base / CONF_FOLDER, available / "authsvc.conf", enabled / LINK_NAME, jit)


def read_without_ours(program: str, main_file: Path) -> tuple[ServerNginx, bool]:
    """Read nginx's configuration; if nginx refuses it, read it with our files left out.

    Our files may be what it refuses: an installation was killed, the
    certificate was removed, or somebody has since set a directive that may
    be set only once. The next installation repairs that. Returns also whether
    they were left out. Raises Broken when nginx refuses the rest, too.
    """
    _restore(main_file)
    try:
        return read_server(program, main_file), False
    except Broken:
        with _aside(main_file):
            return read_server(program, main_file), True


@contextmanager
def _aside(main_file: Path) -> Iterator[None]:
    """Hide from nginx what includes our files, within the block."""
    found = [path for path in main_file.parent.glob(f"*/{LINK_NAME}") if path.is_symlink() or path.is_file()]
    try:
        for path in found:
            path.rename(path.with_name(f".{LINK_NAME}{_ASIDE}"))
        yield
    finally:
        _restore(main_file)


def _restore(main_file: Path) -> None:
    """Restore the files that are hidden from nginx, and remove other leftovers of a killed command."""
    base = main_file.parent
    for hidden in base.glob(f"*/.{LINK_NAME}{_ASIDE}"):
        hidden.rename(hidden.with_name(LINK_NAME))
    for hidden in (*base.glob(f".{CONF_FOLDER}.*"), *base.glob(f"*/.*{CONF_FOLDER}.conf.*")):
        if hidden.suffix in LEFTOVERS:
            hidden.unlink()
