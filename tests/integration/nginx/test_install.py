"""authsvc installed into an nginx that a server already has, and removed again."""

import os
import re
import stat
import subprocess
from dataclasses import replace

import pytest

from authsvc.errors import BadSetting, Broken
from authsvc.nginx.install import Installed, install_server, render_target, stale_files
from authsvc.nginx.paths import install_paths
from authsvc.nginx.release import files_in
from authsvc.nginx.uninstall import remove_server
from authsvc.system.conffile import Outcome
from tests.support.own_nginx import CONF_D_ONLY, DEBIAN_HTTP, DOMAIN, PICTURE, SITES, OwnNginx
from tests.support.tls import make_pair

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
BLOG = "server { listen 80; server_name blog.test; return 200 $blog_word; }\n"
BLOG_MAP = 'map $host $blog_word { blog.test "blog"; default "stranger"; }\n'


def _install(nginx: OwnNginx) -> Installed:
    return install_server(nginx.settings, SITES, str(nginx.program), nginx.main_file)


def _remove(nginx: OwnNginx) -> Installed:
    return remove_server(str(nginx.program), nginx.main_file)


def _conf(nginx: OwnNginx, name: str) -> str:
    return (nginx.conf / "authsvc" / name).read_text()


def test_site_is_enabled_by_a_link_where_debian_has_its_sites(nginx: OwnNginx) -> None:
    installed = _install(nginx)
    link = nginx.conf / "sites-enabled" / "zz-authsvc.conf"
    assert link.readlink() == nginx.conf / "sites-available" / "authsvc.conf"
    assert installed.site is Outcome.WRITTEN
    assert {link, link.readlink(), nginx.conf / "modules-enabled" / "zz-authsvc.conf"} < set(installed.changed)
    assert nginx.test() == ""
    assert stale_files(nginx.settings, SITES, nginx.read()) == []


def test_site_is_a_file_where_only_conf_d_is_included(nginx: OwnNginx) -> None:
    nginx.configure(http=CONF_D_ONLY, top="")
    _install(nginx)
    assert (nginx.conf / "conf.d" / "zz-authsvc.conf").is_file()
    assert not any((nginx.conf / "sites-enabled").iterdir())
    assert not any((nginx.conf / "modules-enabled").iterdir())
    assert nginx.test() == ""


def test_nginx_without_a_folder_of_sites_gets_the_line_to_add(nginx: OwnNginx) -> None:
    nginx.configure(http="include conf.d/other.txt;")
    nginx.put("conf.d/other.txt", "")
    before = nginx.state()
    with pytest.raises(Broken, match=rf"add to its http block: include {nginx.conf}/conf\.d/\*\.conf;"):
        _install(nginx)
    assert nginx.state() == before


@pytest.mark.parametrize("http", [DEBIAN_HTTP, CONF_D_ONLY], ids=["Debian's folders", "conf.d only"])
def test_second_installation_changes_nothing(nginx: OwnNginx, http: str) -> None:
    nginx.configure(http=http)
    _install(nginx)
    before = nginx.state()
    again = _install(nginx)
    assert (again.changed, again.site) == ((), Outcome.UNCHANGED)
    assert nginx.state() == before


@pytest.mark.parametrize("http", [DEBIAN_HTTP, CONF_D_ONLY], ids=["Debian's folders", "conf.d only"])
def test_removal_leaves_nginx_as_it_was_before_the_installation(nginx: OwnNginx, http: str) -> None:
    nginx.configure(http=http)
    before = nginx.state()
    _install(nginx)
    removed = _remove(nginx)
    assert removed.site is Outcome.WRITTEN
    assert nginx.state() == before
    assert _remove(nginx).changed == ()


@pytest.mark.parametrize("http", [DEBIAN_HTTP, CONF_D_ONLY], ids=["Debian's folders", "conf.d only"])
def test_edited_site_file_is_kept_and_its_default_follows(nginx: OwnNginx, http: str) -> None:
    nginx.configure(http=http)
    site = install_paths(nginx.read()).site
    _install(nginx)
    edited = site.read_text() + "# mine\n"
    site.write_text(edited)
    nginx.settings = nginx.settings.model_copy(update={"extra_hosts": ("pics.example.org",)})
    assert stale_files(nginx.settings, SITES, nginx.read())
    kept = _install(nginx)
    assert kept.site is Outcome.KEPT
    assert site.read_text() == edited
    assert "pics.example.org;" in _conf(nginx, "site.default")
    assert nginx.test() == ""


@pytest.mark.parametrize(
    "http",
    [DEBIAN_HTTP, CONF_D_ONLY, "include conf.d/*;"],
    ids=["Debian's folders", "conf.d only", "every file of conf.d"],
)
def test_removal_keeps_an_edited_site_file_switched_off(nginx: OwnNginx, http: str) -> None:
    nginx.configure(http=http)
    _install(nginx)
    site = install_paths(nginx.read()).site
    edited = site.read_text() + "# mine\n"
    site.write_text(edited)
    assert _remove(nginx).site is Outcome.KEPT
    assert nginx.test() == ""
    kept = [path for path in nginx.conf.rglob("*") if path.is_file() and path.read_text() == edited]
    assert len(kept) == 1
    assert not nginx.read().named("server")


@pytest.mark.parametrize("is_first", [True, False], ids=["before the first installation", "over an earlier one"])
def test_refused_installation_leaves_everything_as_before(nginx: OwnNginx, *, is_first: bool) -> None:
    if not is_first:
        _install(nginx)
        site = nginx.conf / "sites-available" / "authsvc.conf"
        site.chmod(0o640)
        os.chown(site, 4242, 4243)
    # It is an error only together with ours: names of log formats are global.
    before = nginx.state()
    server = nginx.read()
    nginx.put("conf.d/later.conf", "log_format authsvc x;\n")
    with pytest.raises(Broken, match=r"nginx refuses its configuration: .*duplicate"):
        install_server(
            nginx.settings.model_copy(update={"extra_hosts": ("new.example.com",)}),
            SITES,
            server.program,
            server.main_file,
        )
    (nginx.conf / "conf.d" / "later.conf").unlink()
    assert nginx.state() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"text", "not a JPEG, PNG"), (PNG_HEAD + bytes(2**20), "1048584 bytes; at most")],
    ids=["that is missing", "that is no picture", "that is too large"],
)
def test_placeholder_leaves_everything_as_before(nginx: OwnNginx, content: bytes | None, reason: str) -> None:
    path = nginx.folder / "own.png"
    if content is not None:
        path.write_bytes(content)
    nginx.settings = nginx.settings.model_copy(update={"hotlink_placeholder": path})
    before = nginx.state()
    with pytest.raises(BadSetting, match=rf"setting hotlink_placeholder = .*{reason}"):
        _install(nginx)
    assert nginx.state() == before


def test_refused_removal_leaves_everything_as_before(nginx: OwnNginx) -> None:
    _install(nginx)
    # It uses our log format, so nginx refuses what would be left.
    nginx.put("sites-enabled/zzz-leans.conf", "server { listen 81; access_log /dev/null authsvc; }\n")
    before = nginx.state()
    with pytest.raises(Broken, match="unknown log format"):
        _remove(nginx)
    assert nginx.state() == before


BROKEN = {
    "a snippet is missing": "rm authsvc/snippets/verdict/auth-request.conf",
    "a file is cut off": "truncate -s 300 authsvc/authsvc-http.conf",
}


def _break(nginx: OwnNginx, how: str) -> None:
    subprocess.run(["sh", "-ec", BROKEN[how]], cwd=nginx.conf, check=True)
    assert "[emerg]" in nginx.test()


def _around_releases(state: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    return {name: entry for name, entry in state.items() if not re.match(r"authsvc(-releases/.*)?$", name)}


@pytest.mark.parametrize("how", BROKEN)
def test_installation_repairs_damaged_files(nginx: OwnNginx, how: str) -> None:
    _install(nginx)
    before = nginx.state()
    installed = files_in(nginx.conf / "authsvc")
    _break(nginx, how)
    _install(nginx)
    assert nginx.test() == ""
    assert files_in(nginx.conf / "authsvc") == installed
    assert _around_releases(nginx.state()) == _around_releases(before)


def test_removed_certificate_ends_only_https(nginx: OwnNginx) -> None:
    pair = make_pair(nginx.folder / "pair", DOMAIN)
    nginx.settings = nginx.settings.model_copy(update={"certificate": pair.certificate, "certificate_key": pair.key})
    _install(nginx)
    assert _conf(nginx, "snippets/security/tls.conf")
    pair.certificate.unlink()
    assert "[emerg]" in nginx.test()
    _install(nginx)
    assert nginx.test() == ""
    with nginx.running():
        nginx.keep_picture()
        assert nginx.ask([(DOMAIN, PICTURE, {})]) == [(200, "bytes")]


def test_removal_works_with_damaged_files(nginx: OwnNginx) -> None:
    before = nginx.state()
    _install(nginx)
    _break(nginx, "a snippet is missing")
    _remove(nginx)
    assert nginx.state() == before


@pytest.mark.parametrize("name", ["sites-available/authsvc.conf", "conf.d/zz-authsvc.conf"])
def test_edited_site_outlives_the_repair(nginx: OwnNginx, name: str) -> None:
    if name.startswith("conf.d"):
        nginx.configure(http=CONF_D_ONLY)
    _install(nginx)
    site = nginx.conf / name
    edited = site.read_text() + "# mine\n"
    site.write_text(edited)
    _break(nginx, "a snippet is missing")
    assert _install(nginx).site is Outcome.KEPT
    assert site.read_text() == edited
    assert nginx.test() == ""


@pytest.mark.parametrize(
    ("listen", "is_overlooked"),
    [("80", False), ("*:80", False), ("127.0.0.1:80", False), ("192.0.2.7:80", True), ("192.0.2.7:81", False)],
    ids=["a port", "every address", "the loopback", "an address", "another port of an address"],
)
def test_other_server_that_listens_on_one_address_is_noted(
    nginx: OwnNginx, listen: str, *, is_overlooked: bool
) -> None:
    subprocess.run([*nginx.network.entrance, "ip", "address", "replace", "192.0.2.7/32", "dev", "lo"], check=True)
    nginx.put("conf.d/theirs.conf", f"server {{ listen {listen}; server_name theirs.test; }}")
    notes = [line for line in _install(nginx).warnings if f"listens on {listen}, so requests" in line]
    assert len(notes) == is_overlooked
    if is_overlooked:
        site = nginx.conf / "sites-available" / "authsvc.conf"
        site.write_text(site.read_text().replace("    listen 80;", f"    listen 80;\n    listen {listen};", 1))
        assert nginx.test() == ""


@pytest.mark.parametrize("name", [DOMAIN, "pics.example.org"], ids=["the first name", "another name"])
def test_name_that_another_server_has_is_refused(nginx: OwnNginx, name: str) -> None:
    nginx.settings = nginx.settings.model_copy(update={"extra_hosts": ("pics.example.org",)})
    nginx.put("conf.d/theirs.conf", f"server {{ listen 80; server_name x.test {name}; }}\n")
    before = nginx.state()
    with pytest.raises(Broken, match=rf"another server of this nginx is called {name} already"):
        _install(nginx)
    assert nginx.state() == before


def test_name_conflict_between_other_servers_is_only_a_warning(nginx: OwnNginx) -> None:
    for name in ("a", "b"):
        nginx.put(f"conf.d/{name}.conf", "server { listen 80; server_name twice.test; }\n")
    installed = _install(nginx)
    assert any("twice.test" in line for line in installed.warnings)


@pytest.mark.parametrize(
    "http",
    [
        f"{DEBIAN_HTTP}",
        "include sites-enabled/*;\ninclude conf.d/*.conf;",
        f"{CONF_D_ONLY}",
    ],
    ids=["Debian's order", "conf.d behind sites-enabled", "conf.d only"],
)
def test_other_server_still_answers_for_unknown_hosts(nginx: OwnNginx, http: str) -> None:
    nginx.configure(http=http)
    nginx.put("conf.d/blog.conf", BLOG_MAP + BLOG)
    nginx.keep_picture()
    with nginx.running():
        before = nginx.ask([("blog.test", "/", {}), ("nobody.test", "/", {})])
        assert before == [(200, "blog"), (200, "stranger")]
        assert "nginx: reloaded" in nginx.command("install")
        nginx.wait_for_answer((DOMAIN, PICTURE, {"Referer": "http://localhost/"}), (200, "bytes"))
        assert nginx.ask([("blog.test", "/", {}), ("nobody.test", "/", {})]) == before


@pytest.mark.parametrize(
    ("theirs", "has_sizes", "has_jit"),
    [
        ("", True, True),
        ("map_hash_bucket_size 64;", False, True),
        ("map_hash_bucket_size 128;", False, True),
        ("map_hash_bucket_size 32;", False, True),
        ("map_hash_max_size 4096;", False, True),
        (BLOG_MAP, False, True),
        ("#map_hash_bucket_size 64;", True, True),
    ],
    ids=["nothing", "64", "128", "32", "only the other size", "a map of somebody else's", "a comment"],
)
def test_hash_sizes_are_set_only_if_no_other_file_fixes_them(
    nginx: OwnNginx, theirs: str, *, has_sizes: bool, has_jit: bool
) -> None:
    nginx.put("conf.d/theirs.conf", theirs)
    installed = _install(nginx)
    assert ("map_hash_bucket_size 512;" in _conf(nginx, "snippets/verdict/hash-sizes.conf")) is has_sizes
    assert ("\npcre_jit on;" in _conf(nginx, "authsvc-jit.conf")) is has_jit
    assert (nginx.conf / "modules-enabled" / "zz-authsvc.conf").samefile(installed.paths.conf / "authsvc-jit.conf")
    assert nginx.test() == ""


def test_jit_that_another_file_sets_is_not_set_twice(nginx: OwnNginx) -> None:
    _install(nginx)
    jit = nginx.conf / "modules-enabled" / "zz-authsvc.conf"
    assert "\npcre_jit on;" in jit.read_text()
    jit.unlink()
    nginx.configure(top="pcre_jit off;\ninclude modules-enabled/*.conf;")
    assert set(_install(nginx).changed) == {jit, nginx.conf / "authsvc" / "authsvc-jit.conf"}
    assert "\npcre_jit on;" not in jit.read_text()
    assert nginx.test() == ""
    assert _install(nginx).changed == ()


@pytest.mark.parametrize(
    "http",
    ["access_log off;", "access_log syslog:server=unix:/dev/log;", "access_log /dev/stdout;"],
    ids=["off", "to syslog", "to the console"],
)
def test_own_access_log_is_a_file_beside_nginx_own_where_it_has_none(nginx: OwnNginx, http: str) -> None:
    nginx.main_file.write_text(
        f"pid {nginx.folder}/nginx.pid;\nevents {{ }}\nhttp {{ {http} include conf.d/*.conf; }}\n"
    )
    server = nginx.read()
    target = render_target(server, install_paths(server))
    assert target.access_log == server.default_access_log.parent / "authsvc.log"


def test_http2_is_written_in_the_form_that_this_nginx_knows(nginx: OwnNginx) -> None:
    server = nginx.read()
    paths = install_paths(server)
    assert not render_target(replace(server, version=(1, 25, 0)), paths).has_http2_directive
    assert render_target(replace(server, version=(1, 25, 1)), paths).has_http2_directive


def test_written_files_are_readable_for_every_user(nginx: OwnNginx) -> None:
    mask = os.umask(0o077)
    try:
        installed = _install(nginx)
    finally:
        os.umask(mask)
    assert {stat.S_IMODE(path.stat().st_mode) for path in installed.changed} == {0o644}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in installed.changed} == {0o755}
