"""Keep service and nginx running under one parent, in the foreground."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authsvc.access.site_list_file import read_site_list
from authsvc.errors import AuthsvcError, Broken
from authsvc.nginx.render import MAIN_FILE
from authsvc.nginx.site_map import install_sites, render_sites
from authsvc.settings import Settings
from authsvc.system.atomic import write_file
from authsvc.system.sockets import LISTEN_FD_OPTION, SERVICE_ARGUMENTS
from authsvc.times import TIMES

MAX_DEATHS: Final = 5
FIRST_BACKOFF_SECONDS: Final = 0.1
READY_SECONDS: Final = 30.0
LAST_GRACE_SECONDS: Final = 0.7
_SITES_POLL_SECONDS: Final = 0.25
_READY_POLL_SECONDS: Final = 0.01

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
# Loaded here, because a child between fork and exec must not load anything.
_libc: Final = ctypes.CDLL(None)


@dataclass
class Supervisor:
    """One service and one nginx. `run` returns when both are gone.

    `environment` is the service's; `announce` is called with each thing worth
    telling, `ready` once, when both answer.
    """

    settings: Settings
    conf_dir: Path
    nginx: str
    listener: socket.socket
    environment: Mapping[str, str]
    announce: Callable[[str], None]
    ready: Callable[[], None]
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _service: Process | None = None
    _nginx: Process | None = None

    async def run(self) -> None:
        """Start both, watch them, end them. Raises Broken when one cannot be kept."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            self._nginx = await self._start_nginx()
            await self._start_service()
            await self._watch()
        finally:
            await self._end_all()

    async def _watch(self) -> None:
        """Return when told to stop; raise when a part of the whole has ended."""
        tasks = [
            asyncio.create_task(part)
            for part in (self._stop.wait(), self._keep_service(), self._watch_nginx(), self._follow_sites())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_nginx(self) -> Process:
        return await _spawn(self.nginx, "-e", "stderr", "-c", str(self.conf_dir / MAIN_FILE))

    async def _start_service(self) -> None:
        descriptor = self.listener.fileno()
        self._service = await _spawn(
            sys.executable,
            *SERVICE_ARGUMENTS,
            LISTEN_FD_OPTION,
            str(descriptor),
            environment=self.environment,
            keep=descriptor,
        )
        write_file(self.settings.run_dir / "service.pid", f"{self._service.pid}\n".encode())

    async def _keep_service(self) -> None:
        """Restart a service that dies; raise Broken when it keeps dying."""
        deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        announced = asyncio.create_task(self._announce_ready())
        try:
            while True:
                assert self._service is not None  # noqa: S101 — run() has started it
                how = _how_it_ended(await self._service.wait())
                now = time.monotonic()
                deaths.append(now)
                if len(deaths) == MAX_DEATHS and now - deaths[0] < TIMES.death_window:
                    raise Broken(
                        reason=f"the service {how}; that was the {MAX_DEATHS}th time within "
                        f"{TIMES.death_window:.0f} s, so everything is stopped"
                    )
                recent = sum(now - death < TIMES.death_window for death in deaths)
                pause = FIRST_BACKOFF_SECONDS * 2 ** (recent - 1)
                self.announce(f"the service {how}; starting it again in {pause:.1f} s")
                await asyncio.sleep(pause)
                await self._start_service()
        finally:
            announced.cancel()

    async def _announce_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if await self._service_answers() and await self._nginx_answers():
                try:
                    self.ready()
                except (AuthsvcError, OSError) as error:
                    self.announce(f"everything runs, but its greeting failed: {error}")
                return
            await asyncio.sleep(_READY_POLL_SECONDS)
        self.announce(f"service or nginx does not answer after {READY_SECONDS:.0f} s; see {self.settings.log_dir}")

    async def _service_answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(self.settings.socket_path)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
        except OSError:
            return False
        return b" 200 " in status

    async def _nginx_answers(self) -> bool:
        host = "127.0.0.1" if self.settings.listen in {"*", "0.0.0.0"} else self.settings.listen  # noqa: S104 — compared
        try:
            _, writer = await asyncio.open_connection(host, self.settings.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _watch_nginx(self) -> None:
        assert self._nginx is not None  # noqa: S101 — run() has started it
        how = _how_it_ended(await self._nginx.wait())
        raise Broken(reason=f"nginx {how}, so everything is stopped; {self.settings.log_dir / 'error.log'} may say why")

    async def _follow_sites(self) -> None:
        """Bring every published list of sites into nginx's map."""
        # Nothing seen yet: the list may have changed since nginx's files were written.
        seen: tuple[int, int] | None = None
        told = ""
        while True:
            await asyncio.sleep(_SITES_POLL_SECONDS)
            found = _version(self.settings.site_list_path)
            if found == seen and found is not None:
                continue
            seen = found
            try:
                site_list = read_site_list(self.settings.site_list_path)
                text = render_sites(self.settings, site_list)
                main_file = self.conf_dir / MAIN_FILE
                is_new = await asyncio.to_thread(
                    install_sites, self.conf_dir, text, program=self.nginx, main_file=main_file
                )
            except (AuthsvcError, OSError) as error:
                if str(error) != told:
                    told = str(error)
                    self.announce(f"the sites that nginx knows stay as they are: {error}")
                # What failed may work a moment later: a full disk, a list half-way.
                seen = None
                await asyncio.sleep(TIMES.reload_pause)
                continue
            told = ""
            if is_new and self._nginx is not None:
                self._nginx.send_signal(signal.SIGHUP)
                await asyncio.sleep(TIMES.reload_pause)

    async def _end_all(self) -> None:
        """End both: politely, then firmly."""
        for process, number in ((self._nginx, signal.SIGQUIT), (self._service, signal.SIGTERM)):
            _signal(process, number)
        processes = [process for process in (self._nginx, self._service) if process is not None]
        for number, patience in ((signal.SIGTERM, TIMES.up_grace), (signal.SIGKILL, LAST_GRACE_SECONDS)):
            if await _all_ended(processes, patience):
                break
            for process in processes:
                _signal_group(process, number)
        for process in processes:
            # Workers outlive a master that was killed, and hold the port.
            _signal_group(process, signal.SIGKILL)
        await _all_ended(processes, LAST_GRACE_SECONDS)
        for name in ("service.pid", "nginx.pid"):
            (self.settings.run_dir / name).unlink(missing_ok=True)
        self.settings.socket_path.unlink(missing_ok=True)


async def _spawn(*command: str, environment: Mapping[str, str] | None = None, keep: int | None = None) -> Process:
    """Start a process that the terminal's Ctrl-C does not reach, but our end does."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        env=environment,
        pass_fds=() if keep is None else (keep,),
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent dies (prctl(2))."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _all_ended(processes: list[Process], seconds: float) -> bool:
    try:
        await asyncio.wait_for(asyncio.gather(*(process.wait() for process in processes)), seconds)
    except TimeoutError:
        return False
    return True


def _signal(process: Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        process.send_signal(number)


def _signal_group(process: Process, number: signal.Signals) -> None:
    """Also reach nginx's workers, which a killed master would leave behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _how_it_ended(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
