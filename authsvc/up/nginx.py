"""nginx under `authsvc up`. When it ends, everything ends."""

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

from authsvc.errors import Broken
from authsvc.settings import Settings
from authsvc.up.child import Child


@dataclass
class SupervisedNginx:
    """One nginx, which runs `program` with the configuration `main_file`."""

    settings: Settings
    program: str
    main_file: Path
    child: Child | None = None

    async def start(self) -> None:
        """Start it. Raises OSError."""
        self.child = await Child.start(self.program, "-e", "stderr", "-c", str(self.main_file))

    def reload(self) -> None:
        """Let it read its configuration again."""
        if self.child is not None:
            self.child.send(signal.SIGHUP)

    async def watch(self) -> None:
        """Raise Broken when it ends."""
        assert self.child is not None  # noqa: S101 — it was started before
        how = await self.child.end()
        log = self.settings.log_dir / "error.log"
        raise Broken(reason=f"nginx {how}, so everything is stopped; see {log} for the reason")

    async def is_ready(self) -> bool:
        """Return whether it accepts connections."""
        host = "127.0.0.1" if self.settings.listen in {"*", "0.0.0.0"} else self.settings.listen  # noqa: S104 — compared
        try:
            _, writer = await asyncio.open_connection(host, self.settings.port)
        except OSError:
            return False
        writer.close()
        return True
