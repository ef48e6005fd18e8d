"""Read the configuration of the nginx that a server already has.

Only what an installation needs: the folders that it includes, and the
directives that may be set only once. `nginx -t` checks everything else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.nginx.program import dump_config, read_build

# One token of nginx's syntax: a quoted string, a word, `;`, `{` or `}`. A comment
# matches without a group. `${name}` in a word does not begin a block.
_TOKEN: Final = re.compile(
    r"""
    \#[^\n]*
    | "((?:[^"\\]|\\.)*)"
    | '((?:[^'\\]|\\.)*)'
    | ([;{}])
    | ((?:\\.|\$\{[^}]*\}|[^\s;{}"'\\]) (?:\\.|\$\{[^}]*\}|[^\s;{\\])*)
    """,
    re.VERBOSE | re.DOTALL,
)
_FILE_HEAD: Final = re.compile(r"^# configuration file (.+):$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive: its words, and the names of the blocks around it in its file."""

    file: Path
    words: tuple[str, ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerNginx:
    """The nginx of a server: its program, its files, and their directives."""

    program: str
    version: tuple[int, ...]
    main_file: Path
    prefix: Path
    directives: tuple[Directive, ...]
    default_pid_file: Path
    default_access_log: Path
    warnings: str
    """What nginx warns about in this configuration."""

    @property
    def pid_file(self) -> Path:
        """The file with the process number of its master."""
        return self._path_of("pid", ()) or self.default_pid_file

    @property
    def log_dir(self) -> Path:
        """The folder of its access logs."""
        return (self._path_of("access_log", ("http",)) or self.default_access_log).parent

    @property
    def worker_user(self) -> str:
        """The user of its workers; "" if its configuration does not set one."""
        return next((d.words[1] for d in self.named("user") if not d.blocks and len(d.words) > 1), "")

    def named(self, name: str) -> list[Directive]:
        """Return the directives of that name, in all files."""
        return [directive for directive in self.directives if directive.words[0] == name]

    def included_folders(self, *blocks: str) -> list[Path]:
        """Return the folders whose `*.conf` the main file includes in `blocks`."""
        patterns = [
            self.main_file.parent / d.words[1]
            for d in self.named("include")
            if d.file == self.main_file and d.blocks == blocks and len(d.words) > 1
        ]
        return [
            pattern.parent
            for pattern in patterns
            if pattern.name in {"*", "*.conf"} and not re.search(r"[*?\[]", str(pattern.parent))
        ]

    def _path_of(self, name: str, blocks: tuple[str, ...]) -> Path | None:
        for directive in self.named(name):
            if directive.file == self.main_file and directive.blocks == blocks and _is_file(directive.words[1:]):
                return self.prefix / directive.words[1]
        return None


def read_server(program: str, main_file: Path | None = None) -> ServerNginx:
    """Read the configuration that nginx would load now.

    `main_file` is the built-in one if None. Raises Broken, with nginx's message,
    if nginx refuses the configuration.
    """
    build = read_build(program)
    main_file = main_file or build.main_file
    text, warnings = dump_config(program, main_file)
    return ServerNginx(
        program=program,
        version=build.version,
        main_file=main_file,
        prefix=build.prefix,
        directives=tuple(_directives(text)),
        default_pid_file=build.pid_file,
        default_access_log=build.access_log,
        warnings=warnings,
    )


def _is_file(words: tuple[str, ...]) -> bool:
    """Return whether a log is written to a file, and not to syslog, to a device or nowhere."""
    return bool(words) and words[0] != "off" and not words[0].startswith(("syslog:", "/dev/"))


def _directives(dump: str) -> Iterator[Directive]:
    """Yield the directives in the output of `nginx -T`, which has one file after the other, each after its name."""
    _, *parts = _FILE_HEAD.split(dump)
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        yield from _file_directives(Path(name), text)


def _file_directives(file: Path, text: str) -> Iterator[Directive]:
    words: list[str] = []
    blocks: list[str] = []
    for token in _TOKEN.finditer(text):
        double, single, mark, word = token.groups()
        if mark is None:
            words += [part for part in (double, single, word) if part is not None]
            continue
        if words:
            yield Directive(file, tuple(words), tuple(blocks))
        if mark == "{":
            blocks.append(words[0] if words else "")
        elif mark == "}" and blocks:
            blocks.pop()
        words = []
