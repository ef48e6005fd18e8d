"""`authsvc nginx`, as an administrator and the units run it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc.model import SiteList
from authsvc.nginx import program
from tests.support.own_nginx import DOMAIN, PICTURE, SITES, Network, OwnNginx, real_program
from tests.support.stack import wait_until
from tests.support.tls import make_pair

LATER = SiteList(8, ("blog.example.net", *SITES.patterns))
NONSENSE = "this is nonsense;"
_LISTEN = """
import socket, sys
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("listens", flush=True)
listener.accept()
"""
NO_CERTIFICATE = {name: f"/etc/letsencrypt/live/nowhere.test/{name}" for name in ("certificate", "certificate_key")}
CERTBOT = "certbot certonly --webroot"


def test_nginx_that_runs_serves_pictures_from_the_installation_to_the_removal(nginx: OwnNginx) -> None:
    nginx.keep_picture()
    nginx.put("conf.d/theirs.conf", "server { listen 80; return 200 theirs; }")
    nginx.flags |= {"public_url": f"https://{DOMAIN}", **NO_CERTIFICATE}
    before = nginx.state()
    with nginx.running():
        said = nginx.command("install")
        assert f"nginx: wrote {nginx.conf}/sites-enabled/zz-authsvc.conf" in said
        assert f"files below {nginx.conf}/authsvc" in said
        assert "nginx: reloaded" in said
        assert f"{CERTBOT} -w {nginx.settings.acme_dir} -d {DOMAIN}" in said
        nginx.wait_for_answer((DOMAIN, PICTURE, {"Referer": "http://localhost/"}), (200, "bytes"))
        installed = nginx.state()
        assert "nginx: everything is in place already" in nginx.command("install")
        assert "nginx: reloaded" in nginx.command("install", "--reload")
        assert nginx.state() == installed
        said = nginx.command("uninstall")
        assert f"nginx: removed {nginx.conf}/sites-enabled/zz-authsvc.conf" in said
        assert "nginx: reloaded" in said
        nginx.wait_for_answer((DOMAIN, PICTURE, {}), (200, "theirs"))
        assert "nginx: everything is in place already" in nginx.command("uninstall")
    assert nginx.state() == before


@contextmanager
def taken_port(network: Network, port: int) -> Iterator[None]:
    """Run another program that listens on this port."""
    command = ["/usr/bin/python3", "-c", _LISTEN, str(port)]
    with subprocess.Popen([*network.entrance, *command], stdout=subprocess.PIPE, text=True) as listener:
        try:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "listens\n"
            yield
        finally:
            listener.kill()


def test_reload_that_failed_after_the_test_is_reported_and_done_by_the_next_command(
    nginx: OwnNginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "RELOAD_SECONDS", 2.0)
    with nginx.running():
        nginx.command("install")
        nginx.put("conf.d/theirs.conf", "server { listen 8081; }")
        with taken_port(nginx.network, 8081):
            said = nginx.command("install", "--reload", status=1)
            assert "nginx still uses its former configuration; its error log has the reason" in said
            assert "8081 failed (98: Address already in use)" in (nginx.folder / "log" / "error.log").read_text()
        assert "nginx: reloaded" in nginx.command("install")
        assert "nginx: everything is in place already" in nginx.command("install")


def test_warnings_of_nginx_are_passed_on(nginx: OwnNginx) -> None:
    for name in ("a", "b"):
        nginx.put(f"conf.d/{name}.conf", "server { listen 80; server_name twice.test; }")
    assert 'conflicting server name "twice.test"' in nginx.command("install")


def test_folder_without_data_is_refused_and_nothing_is_written(nginx: OwnNginx) -> None:
    nginx.flags["data_dir"] = nginx.folder / "elsewhere"
    before = nginx.state()
    said = nginx.command("install", status=1)
    assert f"'{nginx.folder}/elsewhere' is not a data folder of authsvc" in said
    assert nginx.state() == before


def test_certificate_is_advised_only_for_https(nginx: OwnNginx) -> None:
    assert CERTBOT not in nginx.command("install")
    nginx.flags["public_url"] = f"https://{DOMAIN}"
    assert CERTBOT not in nginx.command("install")


def test_nginx_that_does_not_run_is_not_started_and_that_is_reported(nginx: OwnNginx) -> None:
    assert "nginx: not running; start it: systemctl start nginx" in nginx.command("install")
    assert not (nginx.folder / "nginx.pid").exists() or not (nginx.folder / "nginx.pid").read_text()


def test_failed_reload_is_reported_and_everything_is_as_before(nginx: OwnNginx) -> None:
    before = nginx.state()
    with subprocess.Popen(["bash", "-c", "exec -a 'nginx: master process' sleep infinity"]) as process:
        try:
            title = Path(f"/proc/{process.pid}/cmdline")
            wait_until(lambda: title.read_bytes().startswith(b"nginx"), "it looks like nginx")
            # nginx does not accept this as a number.
            (nginx.folder / "nginx.pid").write_text(f" {process.pid}")
            said = nginx.command("install", status=1)
        finally:
            process.kill()
    assert "nginx cannot be reloaded: " in said
    assert "nothing was changed" in said
    assert nginx.state() == before


@pytest.mark.parametrize("text", ["1", "no number", ""], ids=["another process", "no number", "nothing"])
def test_process_that_is_not_nginx_gets_no_signal(nginx: OwnNginx, text: str) -> None:
    (nginx.folder / "nginx.pid").write_text(text)
    assert "nginx: not running" in nginx.command("install")


def test_port_in_use_undoes_the_installation(nginx: OwnNginx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "RELOAD_SECONDS", 2.0)
    # Its socket accepts IPv4, too, which nginx's test does not notice.
    nginx.put("conf.d/theirs.conf", "server { listen [::]:80 ipv6only=off; return 200 theirs; }")
    before = nginx.state()
    with nginx.running():
        said = nginx.command("install", status=1)
        assert "nginx still uses its former configuration" in said
        assert nginx.state() == before
        assert nginx.ask([(DOMAIN, "/", {})]) == [(200, "theirs")]
    with nginx.running():
        assert nginx.ask([(DOMAIN, "/", {})]) == [(200, "theirs")]


def test_certificate_switches_to_https(nginx: OwnNginx) -> None:
    pair = make_pair(nginx.folder / "pair", DOMAIN)
    nginx.flags |= {"certificate": pair.certificate, "certificate_key": pair.key}
    nginx.command("install")
    assert nginx.test() == ""
    with nginx.running():
        assert [status for status, _ in nginx.ask([(DOMAIN, PICTURE, {})])] == [301]


@pytest.mark.parametrize(
    ("word", "is_installed"),
    [("install", False), ("install", True), ("uninstall", True), ("apply-sites", True)],
    ids=["the first installation", "a later one", "the removal", "a change of sites"],
)
def test_error_in_another_file_stops_the_command_and_nothing_changes(
    nginx: OwnNginx, word: str, *, is_installed: bool
) -> None:
    if is_installed:
        nginx.command("install")
    nginx.put("conf.d/theirs.conf", NONSENSE)
    nginx.publish(LATER)
    before = nginx.state()
    said = nginx.command(word, status=1)
    assert "nginx refuses its configuration: " in said
    assert 'unknown directive "this"' in said
    assert "conf.d/theirs.conf:1" in said
    assert said.rstrip().endswith("nothing was changed")
    assert nginx.state() == before


@pytest.mark.parametrize(
    ("top", "theirs"),
    [
        ("pcre_jit on;", ""),
        ("", "map_hash_bucket_size 128;"),
        ("pcre_jit off;", 'map $host $their_word { default "x"; }'),
    ],
    ids=["pcre_jit", "the size of buckets", "a map, and pcre_jit"],
)
def test_directive_that_another_file_sets_later_is_dropped_by_the_next_installation(
    nginx: OwnNginx, top: str, theirs: str
) -> None:
    nginx.publish(SiteList(7, (f"{'l' * 63}.example", "localhost")))
    nginx.command("install")
    nginx.configure(top=f"{top}\ninclude modules-enabled/*.conf;")
    nginx.put("conf.d/theirs.conf", theirs)
    assert "directive is duplicate" in nginx.test()
    nginx.command("install")
    assert nginx.test() == ""
    assert "everything is in place already" in nginx.command("install")


def test_refusal_after_a_duplicate_directive_leaves_everything_as_before(nginx: OwnNginx) -> None:
    nginx.command("install")
    nginx.configure(top="pcre_jit on;\ninclude modules-enabled/*.conf;")
    nginx.put("conf.d/theirs.conf", f"map_hash_bucket_size 128; server {{ listen 80; server_name {DOMAIN}; }}")
    before = nginx.state()
    assert f"another server of this nginx is called {DOMAIN} already" in nginx.command("install", status=1)
    assert nginx.state() == before


def test_user_without_rights_is_advised_to_use_sudo(nginx: OwnNginx) -> None:
    nginx.flags["nginx"] = real_program()
    for folder in (nginx.conf, nginx.folder):
        folder.chmod(0o555)
    before = nginx.state()
    # No rights, but this Python can still be read.
    command = ["unshare", "--user", *nginx.command_line("install")]
    environment = {**os.environ, **nginx.environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "sudo" in done.stderr
    assert nginx.state() == before


def test_edited_site_file_is_kept_by_both_and_they_say_so(nginx: OwnNginx) -> None:
    nginx.command("install")
    site = nginx.conf / "sites-available" / "authsvc.conf"
    site.write_text(site.read_text() + "# mine\n")
    nginx.flags["extra_hosts"] = "pics.example.org"
    default = nginx.conf / "authsvc" / "site.default"
    assert f"nginx: {site} was edited and is kept; the default is now in {default}" in nginx.command("install")
    said = nginx.command("uninstall")
    assert str(site) in said
    assert "was edited, so it is kept" in said
    assert site.read_text().endswith("# mine\n")


def test_changed_list_becomes_the_map(nginx: OwnNginx) -> None:
    nginx.keep_picture()
    nginx.command("install")
    with nginx.running():
        assert nginx.pages(["localhost", "blog.example.net"]) == [200, 403]
        nginx.publish(LATER)
        said = nginx.command("apply-sites")
        assert "nginx: the map of sites is at revision 8\n" in said
        assert "nginx: reloaded" in said
        nginx.wait_for_answer((DOMAIN, PICTURE, {"Referer": "http://blog.example.net/"}), (200, "bytes"))
        assert not nginx.settings.site_change_path.exists()
        before = nginx.state()
        said = nginx.command("apply-sites")
        assert "nginx: the map of sites is at revision 8 already" in said
        assert "nginx: everything is in place already" in said
    assert nginx.state() == before


@pytest.mark.parametrize("word", ["install", "apply-sites"])
def test_command_without_changes_touches_no_file(nginx: OwnNginx, word: str) -> None:
    nginx.command("install")
    before = {path: path.lstat() for path in nginx.conf.rglob("*")}
    nginx.command(word)
    after = {path: path.lstat() for path in nginx.conf.rglob("*")}
    assert [path for path in {*before, *after} if _touched(before, path) != _touched(after, path)] == []


def _touched(found: dict[Path, os.stat_result], path: Path) -> tuple[int, int] | None:
    status = found.get(path)
    return status and (status.st_ino, status.st_mtime_ns)


def test_map_is_not_made_where_nothing_is_installed(nginx: OwnNginx) -> None:
    before = nginx.state()
    assert "nginx: authsvc is not installed in it yet; run: authsvc nginx install" in nginx.command("apply-sites")
    assert not nginx.settings.site_change_path.exists()
    assert nginx.state() == before


@pytest.mark.parametrize("kind", ["a line that is no pattern", "no list", "a link"])
def test_list_that_cannot_be_trusted_leaves_the_map(nginx: OwnNginx, kind: str) -> None:
    nginx.command("install")
    before = nginx.state()
    published = nginx.settings.site_list_path
    published.unlink()
    if kind == "a link":
        published.symlink_to("/etc/shadow")
    elif kind == "a line that is no pattern":
        published.write_text("# authsvc sites, revision 8\nx.example 1; } include /etc/passwd\n")
    said = nginx.command("apply-sites", status=1)
    assert str(nginx.settings.site_list_path) in said
    assert "root:" not in said
    assert nginx.state() == before


def test_map_that_nginx_refuses_is_put_back(nginx: OwnNginx) -> None:
    nginx.command("install")
    # It wrongly looks as if every host fits.
    sizes = nginx.conf / "authsvc" / "snippets" / "verdict" / "hash-sizes.conf"
    sizes.write_text("# map_hash_bucket_size 512;\nmap_hash_bucket_size 64;\n")
    before = nginx.state()
    nginx.publish(SiteList(9, (f"{'a' * 63}.example",)))
    said = nginx.command("apply-sites", status=1)
    assert "could not build map_hash, you should increase map_hash_bucket_size: 64" in said
    assert nginx.state() == before


@pytest.mark.parametrize("is_named", [True, False], ids=["a folder that is named", "the data folder"])
def test_files_are_rendered_for_an_nginx_that_is_managed_by_hand(nginx: OwnNginx, *, is_named: bool) -> None:
    folder = nginx.folder / "rendered" if is_named else nginx.settings.nginx_dir / "rendered"
    said = nginx.cli("nginx", "render", *([str(folder)] if is_named else []), "--user", "www-data")
    assert sorted(said.split()) == sorted(str(path) for path in folder.rglob("*") if path.is_file())
    assert (folder / "placeholders" / "hotlink.png").is_file()
    main = (folder / "nginx.conf").read_text()
    assert "user www-data;" in main
    assert str(folder / "authsvc-http.conf") in main


def test_own_error_that_a_new_installation_does_not_fix_is_reported(nginx: OwnNginx) -> None:
    one, other = (make_pair(nginx.folder / name, DOMAIN) for name in ("one", "other"))
    nginx.flags |= {"certificate": one.certificate, "certificate_key": other.key}
    before = nginx.state()
    assert "key values mismatch" in nginx.command("install", status=1)
    assert nginx.state() == before
    nginx.flags["certificate_key"] = one.key
    nginx.command("install")
    before = nginx.state()
    shutil.copy(other.key, one.key)
    for more in ((), ("--reload",)):
        assert "key values mismatch" in nginx.command("install", *more, status=1)
        assert nginx.state() == before
