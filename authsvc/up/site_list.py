"""Bring each published list of sites into the map of the nginx under `authsvc up`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.access.site_list_file import read_site_list
from authsvc.errors import AuthsvcError
from authsvc.nginx.site_map import install_sites, render_sites
from authsvc.times import TIMES
from authsvc.up.nginx import SupervisedNginx

_POLL_SECONDS: Final = 0.25


@dataclass
class SiteListFollower:
    """Follows the published list. `announce` gets each message for the operator."""

    nginx: SupervisedNginx
    announce: Callable[[str], None]

    async def follow(self) -> None:
        """Check the list four times a second, and never return."""
        path = self.nginx.settings.site_list_path
        # None: the list may have changed since nginx's files were written.
        seen: tuple[int, int] | None = None
        announced = ""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            found = _version(path)
            if found == seen and found is not None:
                continue
            seen = found
            try:
                is_new = await asyncio.to_thread(self._install, path)
            except (AuthsvcError, OSError) as error:
                if str(error) != announced:
                    announced = str(error)
                    self.announce(f"nginx keeps the former list of sites: {error}")
                # It may work a moment later: the disk was full, or the list was half written.
                seen = None
                await asyncio.sleep(TIMES.reload_pause)
                continue
            announced = ""
            if is_new:
                self.nginx.reload()
                await asyncio.sleep(TIMES.reload_pause)

    def _install(self, path: Path) -> bool:
        nginx = self.nginx
        text = render_sites(nginx.settings, read_site_list(path))
        return install_sites(nginx.main_file.parent, text, program=nginx.program, main_file=nginx.main_file)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
