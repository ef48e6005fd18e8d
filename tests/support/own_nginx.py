"""An nginx as a server has it, with a folder and a network of its own.

Its network has port 80 to itself: the site of a server listens there.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from click.testing import CliRunner

from authsvc.cli.root import authsvc
from authsvc.data_folder import make_folders
from authsvc.errors import AuthsvcError
from authsvc.model import SiteList
from authsvc.nginx.existing import ServerNginx, read_server
from authsvc.nginx.lock import LOCK_NAME
from authsvc.nginx.program import is_running, nginx_program
from authsvc.settings import Settings, load
from tests.support.stack import AUTHSVC, wait_until

DOMAIN = "img.example.com"
PICTURE = f"/7b/{'0' * 30}.png"
SITES = SiteList(7, ("localhost", "*.example.org"))
DEBIAN_HTTP = "include conf.d/*.conf;\ninclude sites-enabled/*;"
CONF_D_ONLY = "include conf.d/*.conf;"
FOLDERS = ("conf.d", "sites-available", "sites-enabled", "modules-enabled")
DEADLINE_SECONDS = 60

# Asks on kept connections, one answer's status for each question.
_ASK = """
import http.client, json, sys
link = http.client.HTTPConnection("127.0.0.1", 80, timeout=30)
found = []
for host, path, headers in json.load(sys.stdin):
    link.request("GET", path, headers={"Host": host, **headers})
    answer = link.getresponse()
    found.append([answer.status, answer.read().decode("latin-1")])
json.dump(found, sys.stdout)
"""

Question = tuple[str, str, Mapping[str, str]]


class Network:
    """A network with nothing but its loopback. A context manager."""

    def __enter__(self) -> Self:
        command = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if not self._holder.stdout.readline():
            message = f"a network of one's own needs root and `ip`: {self._holder.stderr.read()}"
            raise AssertionError(message)
        return self

    def __exit__(self, *_: object) -> None:
        with self._holder:
            self._holder.kill()

    @property
    def entrance(self) -> list[str]:
        """The words before a command that run it in this network."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--"]


class OwnNginx:
    """nginx's folder below /tmp, laid out as Debian does, and authsvc's data beside it."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder = folder
        self.network = network
        self.conf = folder / "nginx"
        self.main_file = self.conf / "nginx.conf"
        self.program = folder / "program"
        entrance = " ".join(network.entrance)
        self.program.write_text(f'#!/bin/sh\nexec {entrance} {real_program()} "$@"\n')
        self.program.chmod(0o755)
        for name in FOLDERS:
            (self.conf / name).mkdir(parents=True)
        (folder / "log").mkdir()
        self.configure()
        self.flags: dict[str, object] = {
            "data_dir": folder / "data",
            "public_url": f"http://{DOMAIN}",
            "nginx": str(self.program),
        }
        self.settings = load(flags=self.flags).settings
        make_folders(self.settings)
        (self.settings.blobs_dir / "7b").mkdir(parents=True)
        self.publish(SITES)

    def configure(self, *, http: str = DEBIAN_HTTP, top: str = "include modules-enabled/*.conf;") -> None:
        """Write its main file, with `http` in its http block and `top` above it."""
        self.main_file.write_text(
            "user www-data;\nworker_processes 1;\n"
            f"pid {self.folder}/nginx.pid;\nerror_log {self.folder}/log/error.log;\n"
            f"{top}\nevents {{ }}\nhttp {{\naccess_log {self.folder}/log/access.log;\n{http}\n}}\n"
        )

    def put(self, name: str, text: str) -> Path:
        """Write a file of another package, named relative to the main file."""
        path = self.conf / name
        path.write_text(text)
        return path

    def publish(self, site_list: SiteList) -> None:
        """Put a list of sites where the service would."""
        path = self.settings.site_list_path
        lines = (f"# authsvc sites, revision {site_list.revision}", *site_list.patterns)
        fresh = path.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n")
        fresh.replace(path)
        self.settings.site_change_path.touch()

    def read(self) -> ServerNginx:
        """Read its configuration as it is now."""
        return read_server(str(self.program), self.main_file)

    @property
    def environment(self) -> dict[str, str]:
        """The settings, as commands get them."""
        return {f"AUTHSVC_{name.upper()}": str(value) for name, value in self.flags.items()}

    def cli(self, *arguments: str, status: int = 0) -> str:
        """Run an `authsvc` command on it; return all that it prints. It must end with `status`."""
        # In this process: a Python of its own for every command would take most of the time.
        done = CliRunner().invoke(authsvc, arguments, env=self.environment)
        said = done.output
        if isinstance(done.exception, AuthsvcError):
            said += done.exception.text
        elif done.exception is not None:
            raise done.exception
        assert done.exit_code == status, said
        return said

    def command(self, word: str, *more: str, status: int = 0) -> str:
        """Run `authsvc nginx WORD` on it."""
        return self.cli("nginx", word, "--nginx-conf", str(self.main_file), *more, status=status)

    def command_line(self, word: str) -> list[str]:
        """Return the same as a command for a process of its own, which needs `environment`."""
        return [AUTHSVC, "nginx", word, "--nginx-conf", str(self.main_file)]

    def test(self) -> str:
        """Let nginx test its configuration as an administrator does; return its words, "" when all is well."""
        command = [str(self.program), "-t", "-q", "-e", "stderr", "-c", str(self.main_file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in {0, 1}, done.stderr
        return done.stderr

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it, as on a server without authsvc."""
        pid_file = self.folder / "nginx.pid"
        subprocess.run([self.program, "-e", "stderr", "-c", self.main_file], check=True)
        wait_until(lambda: is_running(pid_file), "nginx runs")
        pid = int(pid_file.read_text())
        try:
            yield
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not is_running(pid_file), "nginx has ended", seconds=DEADLINE_SECONDS)

    def ask(self, questions: Iterable[Question]) -> list[tuple[int, str]]:
        """Ask it for (host, path, headers) each; return statuses and bodies."""
        # Python as it is, for it starts ten times for every test.
        command = [*self.network.entrance, "/usr/bin/python3", "-I", "-S", "-c", _ASK]
        asked = json.dumps(list(questions))
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env={})
        assert done.returncode == 0, done.stderr
        return [(status, body) for status, body in json.loads(done.stdout)]

    def wait_for_answer(self, question: Question, answer: tuple[int, str]) -> None:
        """Wait until the workers that answer are those of the last reload."""
        wait_until(lambda: self.ask([question]) == [answer], f"{answer} to {question}", seconds=DEADLINE_SECONDS)

    def pages(self, hosts: Iterable[str]) -> list[int]:
        """Return how a page of each host gets the picture."""
        return [status for status, _ in self.ask((DOMAIN, PICTURE, {"Referer": f"https://{h}/"}) for h in hosts)]

    def keep_picture(self) -> None:
        """Put the one picture into the store, readable to nginx's workers."""
        for folder in (self.settings.data_dir, self.settings.blobs_dir, self.settings.blobs_dir / "7b"):
            folder.chmod(0o755)
        (self.settings.blobs_dir / PICTURE.removeprefix("/")).write_bytes(b"bytes")

    def state(self) -> dict[str, tuple[object, ...]]:
        """Return all that can be seen of nginx's folder: kinds, owners, modes, contents and links.

        The lock of those who take turns is not of nginx's configuration.
        """
        found = {str(path.relative_to(self.conf)): _seen(path) for path in sorted(self.conf.rglob("*"))}
        found.pop(LOCK_NAME, None)
        return found


@contextmanager
def own_nginx(network: Network) -> Iterator[OwnNginx]:
    """Make one, not running, and take it away in the end."""
    folder = Path(tempfile.mkdtemp(prefix="asn-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield OwnNginx(folder, network)
    finally:
        shutil.rmtree(folder)


def real_program() -> str:
    """Return the path of nginx itself."""
    return nginx_program(Settings())


def _seen(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return status.st_mode, status.st_uid, status.st_gid, content
