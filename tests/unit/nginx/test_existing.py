"""Facts that are read from the configuration of a real nginx."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from authsvc.errors import Broken
from authsvc.nginx.existing import Directive, ServerNginx, read_server
from authsvc.nginx.program import read_build
from tests.support.own_nginx import real_program

pytestmark = pytest.mark.needs_nginx
Read = Callable[..., ServerNginx]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Let nginx test a main file with this text in its http block, and read it."""

    def _read(http: str = "", *, top: str = "", log: str = "access_log off;", pid: str | None = None) -> ServerNginx:
        main_file = tmp_path / "nginx.conf"
        pid = pid or f"pid {tmp_path}/nginx.pid;"
        main_file.write_text(f"{pid}\n{top}\nevents {{ }}\nhttp {{\n{log}\n{http}\n}}\n")
        return read_server(real_program(), main_file)

    return _read


def _server(tmp_path: Path, text: str) -> str:
    """Return a server that needs no port."""
    return f"server {{ listen unix:{tmp_path}/s; {text} }}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("location /x { return 200 plain; }", ("return", "200", "plain")),
        ("location /x { return 200 'single ; { } # quoted'; }", ("return", "200", "single ; { } # quoted")),
        ('location /x { return 200 "two\nlines"; }', ("return", "200", "two\nlines")),
        ("location /x { return 200 ''; }", ("return", "200", "")),
        ('location /x { return 200 "it\'s"; }', ("return", "200", "it's")),
        (r'location /x { return 200 "a \" b"; }', ("return", "200", r"a \" b")),
        ("location /x { return 200 it's; }", ("return", "200", "it's")),
        ("location /x { return 200 a#b; }", ("return", "200", "a#b")),
        ("location /x { return 200 ${host}y; }", ("return", "200", "${host}y")),
        ("location /x { return 200 x${host}; }", ("return", "200", "x${host}")),
        (r"location /x { return 200 a\;b; }", ("return", "200", r"a\;b")),
        ("location /x { return 200 a}b; }", ("return", "200", "a}b")),
        ("location /x { return\n\t200 # a comment; with { marks\n x; }", ("return", "200", "x")),
        ("location /x { #}\n return 200 x; }", ("return", "200", "x")),
        ("location /x{return 200 x;}", ("return", "200", "x")),
        ('location ~ "^/[0-9a-f]{2}/x$" { return 200 x; }', ("return", "200", "x")),
        (r"location ~ ^/[0-9]\{2\}$ { return 200 x; }", ("return", "200", "x")),
        ("location /x { return 200 x; # bücher\n}", ("return", "200", "x")),
    ],
    ids=[
        "words",
        "marks in single quotes",
        "two lines in double quotes",
        "an empty string",
        "a quote in other quotes",
        "an escaped quote",
        "a quote within a word",
        "a hash within a word",
        "a variable in braces",
        "a variable in braces at the end",
        "an escaped semicolon",
        "a closing brace within a word",
        "a comment between words",
        "a brace in a comment",
        "no spaces",
        "braces in a quoted expression",
        "escaped braces in an expression",
        "a comment that is not ASCII",
    ],
)
def test_directive_is_split_as_nginx_splits_it(read: Read, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    server = read(f"{_server(tmp_path, text)} map_hash_max_size 1024;")
    (found,) = server.named("return")
    assert (found.words, found.blocks) == (words, ("http", "server", "location"))
    # Every block is closed again, so the directives after it are in the outer block.
    (after,) = server.named("map_hash_max_size")
    assert after.blocks == ("http",)


def test_comments_and_strings_are_not_directives(read: Read, tmp_path: Path) -> None:
    server = read(_server(tmp_path, 'return 200 "\n# configuration of;\npcre_jit on;\n";') + "\n#pcre_jit on;\n")
    assert server.named("pcre_jit") == []


def test_directives_have_the_file_and_the_blocks_they_are_in(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(_server(tmp_path, "include b.inc;"))
    (tmp_path / "b.inc").write_text("location / { expires off; }")
    server = read("include a.conf;")
    main = tmp_path / "nginx.conf"
    assert server.named("include") == [
        Directive(main, ("include", "a.conf"), ("http",)),
        Directive(tmp_path / "a.conf", ("include", "b.inc"), ("server",)),
    ]
    assert server.named("expires") == [Directive(tmp_path / "b.inc", ("expires", "off"), ("location",))]


@pytest.mark.parametrize(
    ("http", "top", "sites", "modules"),
    [
        ("include conf.d/*.conf;\ninclude sites/*;", "", ["conf.d", "sites"], []),
        ("include '{0}/conf.d/*.conf';", "include {0}/sites/*.conf;", ["conf.d"], ["sites"]),
        ("include conf.d/one.conf;", "", [], []),
        ("include conf.d/*.vhost;", "", [], []),
        ("include */*.conf;", "", [], []),
        ("include more.inc;", "", [], []),
        ("#include conf.d/*.conf;", "", [], []),
        ("server {{ listen unix:{0}/s; include conf.d/*.conf; }}", "", [], []),
    ],
    ids=[
        "relative ones",
        "absolute ones, and outside of blocks",
        "a single file",
        "other endings",
        "many folders at once",
        "only in an included file",
        "in a comment",
        "within a server",
    ],
)
def test_folders_are_those_whose_conf_files_the_main_file_includes(
    read: Read, tmp_path: Path, http: str, top: str, sites: list[str], modules: list[str]
) -> None:
    for name in ("conf.d", "sites"):
        (tmp_path / name).mkdir()
    (tmp_path / "conf.d" / "one.conf").touch()
    (tmp_path / "more.inc").write_text("include conf.d/*.conf;")
    server = read(http.format(tmp_path), top=top.format(tmp_path))
    assert server.included_folders("http") == [tmp_path / name for name in sites]
    assert server.included_folders() == [tmp_path / name for name in modules]


def test_places_that_the_configuration_names_are_used(read: Read, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    server = read(log=f"access_log off;\naccess_log {tmp_path}/log/all.log combined;", top="user www-data adm;")
    assert server.log_dir == tmp_path / "log"
    assert server.pid_file == tmp_path / "nginx.pid"
    assert server.worker_user == "www-data"


def test_places_that_the_configuration_leaves_open_are_those_it_was_built_with(read: Read) -> None:
    build = read_build(real_program())
    # Not with a file without `pid`: the test would create the pid file of the system.
    server = replace(read(), directives=())
    assert server.log_dir == build.access_log.parent
    assert server.pid_file == build.pid_file
    assert server.version == build.version
    assert server.worker_user == ""


def test_log_of_one_server_is_not_that_of_all(read: Read, tmp_path: Path) -> None:
    server = read(_server(tmp_path, f"access_log {tmp_path}/one.log;"))
    assert server.log_dir == read_build(real_program()).access_log.parent


def test_relative_path_refers_to_the_prefix_as_in_nginx(read: Read, tmp_path: Path) -> None:
    found = re.search(
        r"--prefix=(\S+)", subprocess.run([real_program(), "-V"], capture_output=True, text=True, check=True).stderr
    )
    assert found
    server = read(pid=f"pid {os.path.relpath(tmp_path / 'relative.pid', found[1])};")
    assert (tmp_path / "relative.pid").exists()
    assert server.pid_file.resolve() == tmp_path / "relative.pid"


def test_refused_configuration_is_reported_with_nginx_own_message(read: Read) -> None:
    with pytest.raises(Broken, match=r'nginx refuses its configuration: .*unknown directive "nonsense"'):
        read("nonsense;")


def test_program_that_is_not_nginx_is_refused() -> None:
    with pytest.raises(Broken, match="'/bin/true' is not nginx"):
        read_server("/bin/true")


def test_main_file_is_the_one_it_was_built_with_unless_another_is_named(tmp_path: Path) -> None:
    main_file = tmp_path / "built-in.conf"
    main_file.write_text(f"pid {tmp_path}/nginx.pid; events {{ }}")
    program = tmp_path / "nginx"
    options = f"--conf-path={main_file}"
    program.write_text(
        f'#!/bin/sh\n[ "$1" != -V ] || exec echo "nginx version: nginx/1.2.3\n{options}" >&2\n'
        f'exec {real_program()} "$@"\n'
    )
    program.chmod(0o755)
    server = read_server(str(program))
    assert (server.main_file, server.version) == (main_file, (1, 2, 3))
    assert server.default_pid_file == Path("/run/nginx.pid")
