"""The Containerfile without a container engine: its steps run on a machine's disk, its command as process 1."""

import json
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.support.server.checkout import SOURCE
from tests.support.server.disk import Layers
from tests.support.server.entered import ENVIRONMENT
from tests.support.server.machine import COMMAND_SECONDS, Machine

RECIPE = SOURCE / "Containerfile"
IGNORED = SOURCE / ".containerignore"
BUILD_SECONDS = 300
APT_GET = """\
#!/bin/sh -e
# Every package is already installed.
[ "$1" = install ] || exit 0
shift
for word; do
    case "$word" in -*) ;; *) dpkg-query -W "$word" ;; esac
done
"""
LEAVE_ONLY = """\
export DEBIAN_FRONTEND=noninteractive
apt-mark auto '.*' >/dev/null
apt-mark manual "$@" >/dev/null
apt-get -qq -y -o APT::AutoRemove::RecommendsImportant=false autoremove --purge >/dev/null
"""


@dataclass(frozen=True)
class Step:
    """An instruction of the Containerfile and its arguments, on one line."""

    instruction: str
    text: str


def steps() -> list[Step]:
    """Return the Containerfile's instructions."""
    lines = [line for line in RECIPE.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [Step(*line.split(maxsplit=1)) for line in text.splitlines() if line]


def only(instruction: str) -> str:
    """Return the arguments of the only instruction of that name."""
    (text,) = [step.text for step in steps() if step.instruction == instruction]
    return text


def usage(beginning: str) -> list[str]:
    """Return the words of the command that begins like this in the Containerfile's first comment."""
    (line,) = re.findall(rf"^#   ({beginning} .*)$", RECIPE.read_text("utf-8"), re.MULTILINE)
    return shlex.split(line)


def is_ignored(name: str) -> bool:
    """Return whether a file or folder at the top of the checkout is not sent to the build."""
    patterns = [line for line in IGNORED.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert not any(set(pattern) & set("/!") for pattern in patterns), (
        "only patterns for the top folder are supported here"
    )
    return any(fnmatch(name, pattern) for pattern in patterns)


def leave_only(machine: Machine, packages: list[str]) -> None:
    """Remove every package that is needed neither by these nor by a minimal Debian."""
    machine.chroot("sh", "-ec", LEAVE_ONLY, "sh", *packages)


class Container(Machine):
    """A machine that is built from a minimal Debian as in the Containerfile. A context manager.

    `base` is the disk of a container that was built before; without it, call `build`.
    """

    def __init__(self, *, base: Layers | None = None) -> None:
        super().__init__(base=base)
        variables = [shlex.split(step.text) for step in steps() if step.instruction == "ENV"]
        self.environment = dict(word.split("=", 1) for words in variables for word in words)

    def build(self, context: Path) -> None:
        """Run every step of the Containerfile; `context` is the checkout to build from."""
        for step in steps():
            match step.instruction:
                case "RUN":
                    self._run_step(step.text)
                case "COPY":
                    *sources, target = step.text.split()
                    for source in sources:
                        self._copy(context, source, target)
                case "FROM" | "ENV" | "USER" | "WORKDIR" | "VOLUME" | "EXPOSE" | "STOPSIGNAL" | "HEALTHCHECK":
                    pass
                case instruction:
                    assert instruction in {"ENTRYPOINT", "CMD"}, f"{instruction} is not supported here"

    def launch(self, env: Mapping[str, str]) -> None:
        """Start the Containerfile's command as process 1, as its user."""
        self.environment |= env
        command = [*json.loads(only("ENTRYPOINT")), *json.loads(only("CMD"))]
        inside = self._inside(tuple(command), self.environment, only("USER"), only("WORKDIR"))
        self._switch_on("--pipe", *inside)

    @property
    def has_ended(self) -> bool:
        """Whether process 1 ended by itself."""
        return self._nspawn is not None and self._nspawn.poll() is not None

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the running container, as an engine does; it may fail."""
        return self.run(*command, env=self.environment, user=only("USER"), cwd=only("WORKDIR"), check=False)

    def curl(self, *arguments: str) -> str:
        """Run this computer's curl in the container's network."""
        command = ["nsenter", f"--target={self._leader}", "--net", "--", "curl", "--silent", "--show-error", *arguments]
        done = subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == 0, f"{done.stderr}\n{self.console}"
        return done.stdout

    def stop(self, *, seconds: float) -> int:
        """Stop it as an engine does, within `seconds`; return the exit status of process 1."""
        assert self._nspawn
        nspawn = self._nspawn
        self._end_started()
        self._signal(signal.Signals[only("STOPSIGNAL")])
        status = nspawn.wait(seconds)
        self._await_off()
        return status

    def signal_first(self, number: int) -> None:
        """Send a signal to process 1, which cannot block a signal from outside."""
        self._signal(number)

    def _run_step(self, text: str) -> None:
        if packages := re.findall(r"apt-get install ([^&]+)", text):
            leave_only(self, [word for word in packages[0].split() if not word.startswith("-")])
        apt_get = self.path("/usr/local/sbin/apt-get")
        apt_get.write_text(APT_GET, "ascii")
        apt_get.chmod(0o755)
        self.chroot("/bin/sh", "-c", text, env=self.environment, timeout=BUILD_SECONDS)
        apt_get.unlink()

    def _copy(self, context: Path, source: str, target: str) -> None:
        assert not is_ignored(source), source
        if (context / source).is_dir():
            shutil.copytree(context / source, self.path(target), symlinks=True)
        else:
            assert target.endswith("/"), f"{target}: only folders are supported here"
            self.path(target).mkdir(parents=True, exist_ok=True)
            shutil.copy(context / source, self.path(target))
