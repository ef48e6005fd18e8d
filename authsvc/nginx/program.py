"""nginx's program: where it is, what it was built with, and what it says."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.errors import Broken
from authsvc.settings import Settings

# Debian keeps it in /usr/sbin, which is not on an ordinary user's PATH.
_MORE_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Build:
    """What `nginx -V` tells: version, and the paths it was built with."""

    version: tuple[int, ...]
    main_file: Path
    prefix: Path
    """What relative paths of logs and the pid file are counted from."""
    pid_file: Path
    access_log: Path


def nginx_program(settings: Settings) -> str:
    """Return the path of nginx's program. Raises Broken when there is none."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_FOLDERS])
    program = shutil.which(settings.nginx, path=search)
    if program is None:
        raise Broken(reason=f"there is no program {settings.nginx!r}; install it: apt-get install nginx")
    return program


def read_build(program: str) -> Build:
    """Ask nginx how it was built. Raises Broken when the answer is no nginx's."""
    said = _run(program, "-V").stderr
    version = re.search(r"^nginx version: \S+/([0-9.]+)", said, re.MULTILINE)
    if version is None:
        raise Broken(reason=f"{program!r} does not say that it is nginx; set `nginx` to its path")
    return Build(
        version=tuple(map(int, version[1].split("."))),
        main_file=_built_in(said, "conf-path", "/etc/nginx/nginx.conf"),
        prefix=_built_in(said, "prefix", "/usr/share/nginx"),
        pid_file=_built_in(said, "pid-path", "/run/nginx.pid"),
        access_log=_built_in(said, "http-log-path", "/var/log/nginx/access.log"),
    )


def check_config(program: str, main_file: Path) -> str:
    """Let nginx test its configuration; return its warnings.

    Raises Broken with nginx's own words.
    """
    # Its own errors go to the terminal of whoever asked, not to the log yet.
    run = _run(program, "-t", "-q", "-e", "stderr", "-c", str(main_file))
    if run.returncode != 0:
        raise Broken(reason=f"nginx refuses its configuration: {run.stderr.strip()}")
    return run.stderr.strip()


def dump_config(program: str, main_file: Path) -> str:
    """Return `nginx -T`: every file of the configuration, each behind its name.

    Raises Broken when nginx refuses it.
    """
    run = _run(program, "-T", "-q", "-e", "stderr", "-c", str(main_file))
    if run.returncode != 0:
        raise Broken(reason=f"nginx refuses its configuration: {run.stderr.strip()}")
    return run.stdout


def is_running(pid_file: Path) -> bool:
    """Return whether the process that wrote `pid_file` is there."""
    try:
        number = int(pid_file.read_text())
    except (OSError, ValueError):
        return False
    return Path(f"/proc/{number}").is_dir()


def reload(program: str, main_file: Path) -> None:
    """Have the running nginx read its configuration again. Raises Broken."""
    run = _run(program, "-s", "reload", "-e", "stderr", "-c", str(main_file))
    if run.returncode != 0:
        raise Broken(reason=f"nginx cannot be reloaded: {run.stderr.strip()}")


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 — nginx_program's result


def _built_in(said: str, option: str, default: str) -> Path:
    found = re.search(rf"--{option}=(\S+)", said)
    return Path(found[1] if found else default)
