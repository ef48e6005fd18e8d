"""Run the commands of docs/operations.md in a machine, chosen by their headings."""

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import PurePosixPath
from types import ModuleType

from tests.support.docs.markdown import DOCS, blocks, section
from tests.support.server.acme import DIRECTORY
from tests.support.server.checkout import PLACE, copy_files
from tests.support.server.machine import Machine

PAGE = DOCS / "operations.md"
SETTINGS = "/etc/authsvc/authsvc.toml"
FOLLOW_SECONDS = 300
ORIGIN = "/root/origin"
IDENTITY = "-c user.name=Somebody -c user.email=somebody@example.com"
CLONE = f"""\
cd {ORIGIN}
git init --quiet --initial-branch=main
git add --all
git {IDENTITY} commit --quiet --message=first
git clone --quiet {ORIGIN} {PLACE}
"""
UNATTENDED = f"""\
server = {DIRECTORY}
email = owner@example.com
agree-tos = true
non-interactive = true
"""


def take(heading: str, beginning: str = "", *, language: str = "sh") -> str:
    """Return the only block below a heading that begins like this."""
    there = section(PAGE, heading)
    found = [block.text for block in blocks(PAGE, language) if f"```{language}\n{block.text}```" in there]
    found = [text for text in found if text.startswith(beginning)]
    assert len(found) == 1, f"{len(found)} blocks below {heading} begin with {beginning!r}"
    return found[0]


def untaken(*modules: ModuleType) -> list[str]:
    """Return the shell blocks of the page that are not a constant in any of these modules."""
    taken = [value for module in modules for value in vars(module).values() if isinstance(value, str)]
    return [block.text for block in blocks(PAGE, "sh") if block.text not in taken]


def places() -> dict[str, str]:
    """Return the table of places: what happens to a path, or a pattern, when authsvc is uninstalled."""
    row = re.compile(r"^\| `(/[^`]+)` \| .* \| ([^|]+) \|$", re.MULTILINE)
    return dict(row.findall(section(PAGE, "## What is where")))


def is_there(machine: Machine, pattern: str) -> bool:
    """Return whether a file, folder or link in the machine matches. A link may lead to a place in the machine."""
    path = PurePosixPath(pattern)
    parent = machine.path(str(path.parent))
    return parent.is_dir() and any(fnmatch(child.name, path.name) for child in parent.iterdir())


def follow(machine: Machine, commands: str, *, cwd: str = PLACE) -> str:
    """Run a block as root in the clone, which must succeed; return its output."""
    done = machine.run("sh", "-euc", f"exec 2>&1\n{commands}", cwd=cwd, timeout=FOLLOW_SECONDS)
    return done.stdout


def edit(machine: Machine, path: str, old: str, new: str) -> str:
    """Replace the first `old` in a file, as in an editor; return the new text."""
    file = machine.path(path)
    text = file.read_text("utf-8")
    assert old in text, text
    text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")
    return text


def clone(machine: Machine, names: Iterable[str]) -> None:
    """Clone some files of the checkout, as they are now, from a repository that is also in the machine."""
    copy_files(machine.path(ORIGIN), names)
    machine.shell(CLONE)


def answer_certbot(machine: Machine) -> None:
    """Answer certbot's questions in its settings, and set the test authority instead of Let's Encrypt."""
    with machine.path("/etc/letsencrypt/cli.ini").open("a", encoding="ascii") as settings:
        settings.write(UNATTENDED)
