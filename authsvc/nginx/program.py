"""nginx's program: where it is, how it was built, and how to test and reload its configuration."""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.errors import Broken
from authsvc.settings import Settings
from authsvc.system.durable import read_distrusted

# Debian keeps it in /usr/sbin, which is not on an ordinary user's PATH.
_MORE_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")

RELOAD_SECONDS: Final = 20.0
"""How long new workers may take to start: each reads the whole configuration, on a machine that may be busy."""
_RELOAD_POLL_SECONDS: Final = 0.02
_PID_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Build:
    """What `nginx -V` reports: the version, and the paths it was built with."""

    version: tuple[int, ...]
    main_file: Path
    prefix: Path
    """The folder to which relative paths of logs and of the pid file refer."""
    pid_file: Path
    access_log: Path


def nginx_program(settings: Settings) -> str:
    """Return the path of nginx's program. Raises Broken if there is none."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_FOLDERS])
    program = shutil.which(settings.nginx, path=search)
    if program is None:
        raise Broken(reason=f"there is no program {settings.nginx!r}; install it: apt-get install nginx")
    return program


def read_build(program: str) -> Build:
    """Return how nginx was built. Raises Broken if the program is not nginx."""
    said = _run(program, "-V").stderr
    version = re.search(r"^nginx version: \S+/([0-9.]+)", said, re.MULTILINE)
    if version is None:
        raise Broken(reason=f"{program!r} is not nginx; set `nginx` to the path of nginx")
    return Build(
        version=tuple(map(int, version[1].split("."))),
        main_file=_built_in(said, "conf-path", "/etc/nginx/nginx.conf"),
        prefix=_built_in(said, "prefix", "/usr/share/nginx"),
        pid_file=_built_in(said, "pid-path", "/run/nginx.pid"),
        access_log=_built_in(said, "http-log-path", "/var/log/nginx/access.log"),
    )


def check_config(program: str, main_file: Path) -> str:
    """Have nginx test its configuration; return its warnings.

    Raises Broken with nginx's own message.
    """
    return _tested(program, main_file, "-t")[1]


def dump_config(program: str, main_file: Path) -> tuple[str, str]:
    """Return the output of `nginx -T`, every file of the configuration after its name, and the warnings.

    Raises Broken with nginx's own message.
    """
    return _tested(program, main_file, "-T")


def is_running(pid_file: Path, *, main_file: Path | None = None) -> bool:
    """Return whether the process in `pid_file` is an nginx that was started with `main_file` (None: with any).

    After a power cut, the number may belong to another program.
    """
    try:
        title = Path(f"/proc/{_number_in(pid_file)}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return b": master process" in title and (main_file is None or os.fsencode(main_file) in title)


def reload(program: str, main_file: Path, pid_file: Path) -> None:
    """Have the running nginx read its configuration again; return when it uses it.

    Raises Broken if it does not: errors after nginx's test, such as a port that is
    in use, are only in its log.
    """
    before = _workers(pid_file)
    run = _run(program, "-s", "reload", "-e", "stderr", "-c", str(main_file))
    if run.returncode != 0:
        raise Broken(reason=f"nginx cannot be reloaded: {run.stderr.strip()}")
    deadline = time.monotonic() + RELOAD_SECONDS
    while any(map(_takes_requests, before)):
        if time.monotonic() > deadline:
            raise Broken(reason="nginx still uses its former configuration; its error log has the reason")
        time.sleep(_RELOAD_POLL_SECONDS)


def _workers(pid_file: Path) -> list[str]:
    """Return the numbers of the processes that nginx has started."""
    try:
        number = _number_in(pid_file)
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except (OSError, ValueError):
        return []


def _number_in(pid_file: Path) -> int:
    """Return the process number in a file that the service may be able to write. Raises OSError, ValueError."""
    return int(read_distrusted(pid_file, _PID_BYTES))


def _takes_requests(process: str) -> bool:
    """Return whether it is a worker that still listens, by its process title."""
    try:
        title = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return b"worker process" in title and b"shutting down" not in title


def _tested(program: str, main_file: Path, option: str) -> tuple[str, str]:
    # Errors go to the caller and not to the log.
    run = _run(program, option, "-q", "-e", "stderr", "-c", str(main_file))
    if run.returncode != 0:
        raise Broken(reason=f"nginx refuses its configuration: {run.stderr.strip()}")
    return run.stdout, run.stderr.strip()


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 — nginx_program's result


def _built_in(said: str, option: str, default: str) -> Path:
    found = re.search(rf"--{option}=(\S+)", said)
    return Path(found[1] if found else default)
