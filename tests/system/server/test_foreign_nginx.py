"""authsvc on a server whose nginx already serves other sites, with and without errors of their own."""

import pytest

from authsvc.nginx.lock import LOCK_NAME
from tests.support.server.checkout import PLACE
from tests.support.server.installed import DOMAIN
from tests.support.server.machine import Machine
from tests.support.server.visits import INSTALL_SECONDS, findings, install, prepare, read, upload
from tests.support.stack import wait_until

EFFECT_SECONDS = 60
BLOG = """\
map $host $blog_word { blog.test "the blog"; default "a stranger"; }
server { listen 80; server_name blog.test; return 200 "$blog_word\\n"; }
"""
CONFIG = "/etc/authsvc/authsvc.toml"
SERVICE_PYTHON = "/usr/local/lib/authsvc/current/bin/python"
# In one Python process: the command would start one for each of thousands of sites.
ADD_SITES = """
import sys
from authsvc.backends import opened
from authsvc.data_folder import become_owner
from authsvc.settings import load
from authsvc.access.site_list_file import publish_sites
settings = load().settings
become_owner(settings.data_dir)
with opened(settings) as backends:
    for pattern in sys.stdin.read().split():
        backends.catalog.access.add_site(pattern, now=1)
    publish_sites(backends.catalog.access, settings)
"""
NGINX_CONF = "/etc/nginx/nginx.conf"
CONF_D = "/etc/nginx/conf.d"


def _curl(machine: Machine, host: str, path: str = "/", *more: str) -> str:
    return machine.run(
        "curl", "-sS", "--max-time", "30", "-H", f"Host: {host}", *more, f"http://127.0.0.1{path}"
    ).stdout


def _refusal(machine: Machine) -> str:
    """Run `make install`, which must fail; return its output."""
    done = machine.run("make", "install", DOMAIN, cwd=PLACE, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def _edit(machine: Machine, name: str, old: str, new: str) -> None:
    path = machine.path(name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _files(machine: Machine) -> dict[str, tuple[object, ...]]:
    """Return the state of nginx's files; for folders without size, content and time."""
    found = machine.listing("/etc/nginx")
    found.pop(f"/etc/nginx/{LOCK_NAME}", None)
    return {name: entry[:4] if entry.kind == "folder" else tuple(entry) for name, entry in found.items()}


def _has_all_well(machine: Machine) -> bool:
    """Return whether the doctor finds no error, except the certificate, which these tests do not have."""
    found = findings(machine)
    found.pop("certificate", None)
    return "error" not in {state for states in found.values() for state, _ in states}


@pytest.fixture
def other(server: Machine) -> Machine:
    """A running server with authsvc but without its files in nginx; faster than a new installation."""
    server.shell("authsvc nginx uninstall")
    return server


def _assert_nginx_alone_knows_many_sites(machine: Machine, path: str) -> None:
    """Add many more sites than nginx's 2,048 by default, and names longer than its buckets."""
    long = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}"
    many = [long, f"*.{long[64:]}", "travel.example", *(f"blog-{number}.example" for number in range(1, 2201))]
    machine.run(SERVICE_PYTHON, "-I", "-c", ADD_SITES, stdin="\n".join(many), env={"AUTHSVC_CONFIG": CONFIG})
    sites = machine.path("/etc/nginx/authsvc/authsvc-sites.conf")
    wait_until(lambda: "blog-2200.example" in sites.read_text(), "the map has all sites", seconds=EFFECT_SECONDS)
    wait_until(lambda: _has_all_well(machine), "all is well", seconds=EFFECT_SECONDS)
    machine.shell("systemctl stop authsvc.socket authsvc.service")
    pages = [long, f"x.{long[64:]}", "travel.example", "blog-1.example", "blog-2200.example"]
    wait_until(lambda: read(machine, path, pages[-1]) == "200", "the last site is known", seconds=EFFECT_SECONDS)
    assert [read(machine, path, page) for page in pages] == ["200"] * len(pages)
    strangers = [f"e{long[1:63]}.example", long[64:], "blog-2201.example"]
    assert [read(machine, path, page) for page in strangers] == ["403"] * len(strangers)


def test_installation_keeps_the_servers_own_nginx_settings(fresh_with_release: Machine) -> None:
    fresh = fresh_with_release
    fresh.shell("useradd --system web && mkdir /var/log/web")
    _edit(fresh, NGINX_CONF, "user www-data;", "user web;\npcre_jit on;")
    _edit(fresh, NGINX_CONF, "access_log /var/log/nginx/access.log;", "access_log /var/log/web/access.log;")
    _edit(fresh, NGINX_CONF, "sendfile on;", "sendfile on;\nmap_hash_bucket_size 64;")
    fresh.path(f"{CONF_D}/blog.conf").write_text(BLOG)
    fresh.shell("systemctl restart nginx")
    before = [_curl(fresh, host) for host in ("blog.test", "nobody.test")]
    theirs = fresh.listing(NGINX_CONF, CONF_D)
    assert "nginx: reloaded" in install(fresh, DOMAIN)
    assert fresh.listing(NGINX_CONF, CONF_D) == theirs
    prepare(fresh)
    _assert_nginx_alone_knows_many_sites(fresh, upload(fresh))
    assert [_curl(fresh, host) for host in ("blog.test", "nobody.test")] == before
    assert fresh.path("/var/log/web/authsvc.log").is_file()


def test_installation_keeps_larger_map_buckets(other: Machine) -> None:
    _edit(other, NGINX_CONF, "sendfile on;", "sendfile on;\nmap_hash_bucket_size 128;")
    install(other, DOMAIN)
    _assert_nginx_alone_knows_many_sites(other, upload(other))


def test_nginx_with_only_conf_d_serves_its_sites_as_before(other: Machine) -> None:
    _edit(other, NGINX_CONF, "include /etc/nginx/modules-enabled/*.conf;", "")
    _edit(other, NGINX_CONF, "include /etc/nginx/sites-enabled/*;", "")
    other.shell("rm -r /etc/nginx/sites-* /etc/nginx/modules-*")
    other.path(f"{CONF_D}/blog.conf").write_text(BLOG)
    other.shell("systemctl restart nginx")
    answers = [_curl(other, host) for host in ("blog.test", "nobody.test")]
    assert answers == ["the blog\n", "a stranger\n"]
    before = _files(other)
    install(other, DOMAIN)
    path = upload(other)
    other.shell("authsvc site add news.example")
    wait_until(lambda: read(other, path, "news.example") == "200", "the site may embed", seconds=EFFECT_SECONDS)
    assert [_curl(other, host) for host in ("blog.test", "nobody.test")] == answers
    assert not [name for name in _files(other) if "-enabled" in name]
    other.run("make", "uninstall", cwd=PLACE)
    assert [_curl(other, host) for host in ("blog.test", "nobody.test", "img.example.com")] == [*answers, answers[1]]
    assert _files(other) == before


def test_invalid_nginx_configuration_stops_the_installation(fresh: Machine) -> None:
    fresh.path(f"{CONF_D}/blog.conf").write_text(BLOG)
    fresh.shell("systemctl reload nginx")
    wait_until(lambda: _curl(fresh, "blog.test") == "the blog\n", "the blog is there")
    fresh.path(f"{CONF_D}/theirs.conf").write_text("this is nonsense;\n")
    folders = ("/etc", "/usr/local", "/var/lib", "/opt", "/root", "/home")
    before = fresh.listing(*folders)
    said = _refusal(fresh)
    assert 'unknown directive "this" in /etc/nginx/conf.d/theirs.conf:1' in said
    assert "fix that first, nothing was changed" in said
    assert fresh.listing(*folders) == before
    assert fresh.run("id", "authsvc", check=False).returncode != 0
    assert _curl(fresh, "blog.test") == "the blog\n"


def test_domain_of_another_server_block_is_refused_and_nginx_is_not_changed(other: Machine) -> None:
    other.path(f"{CONF_D}/theirs.conf").write_text(
        'server { listen 80; server_name pics.example.org; return 200 "theirs\\n"; }\n'
    )
    other.shell("systemctl restart nginx")
    before = _files(other)
    said = _refusal(other)
    assert "another server of this nginx is called pics.example.org already" in said
    assert _files(other) == before
    assert _curl(other, "pics.example.org") == "theirs\n"
    # Without that server block the same command succeeds.
    other.path(f"{CONF_D}/theirs.conf").unlink()
    install(other, DOMAIN)
    assert _curl(other, "pics.example.org", "/robots.txt").startswith("User-agent")


def _wait_for_a_refusal(machine: Machine) -> None:
    """Wait until a change of sites has failed and the journal has the reason."""
    command = ("journalctl", "-u", "authsvc-sites.service", "--no-pager")
    wait_until(
        lambda: "nginx refuses its configuration" in machine.run(*command).stdout,
        "the journal has the reason",
        seconds=EFFECT_SECONDS,
    )


def test_error_in_another_configuration_file_only_delays_a_change_of_sites(server: Machine) -> None:
    path = upload(server)
    sites = server.path("/etc/nginx/authsvc/authsvc-sites.conf")
    assert read(server, path, "blog.example.com") == "200"
    theirs = server.path(f"{CONF_D}/theirs.conf")
    theirs.write_text("this is nonsense;\n")
    before = sites.read_text()
    server.shell("authsvc site add later.example && authsvc site remove blog.example.com")
    _wait_for_a_refusal(server)
    assert sites.read_text() == before
    assert read(server, path, "localhost") == "200"
    said = server.run("authsvc", "doctor", check=False).stdout
    assert 'unknown directive "this" in /etc/nginx/conf.d/theirs.conf:1' in said
    theirs.unlink()
    wait_until(lambda: "later.example" in sites.read_text(), "the delayed change is made", seconds=EFFECT_SECONDS)
    wait_until(
        lambda: [read(server, path, page) for page in ("later.example", "blog.example.com")] == ["200", "403"],
        "nginx uses it",
        seconds=EFFECT_SECONDS,
    )
    wait_until(lambda: _has_all_well(server), "the doctor finds nothing wrong", seconds=EFFECT_SECONDS)


def test_delayed_change_is_made_after_a_reboot(server: Machine) -> None:
    sites = server.path("/etc/nginx/authsvc/authsvc-sites.conf")
    theirs = server.path(f"{CONF_D}/theirs.conf")
    theirs.write_text("this is nonsense;\n")
    server.shell("authsvc site remove blog.example.com")
    _wait_for_a_refusal(server)
    server.reboot()
    server.path(f"{CONF_D}/theirs.conf").unlink()
    server.shell("systemctl start nginx")
    sites = server.path("/etc/nginx/authsvc/authsvc-sites.conf")
    wait_until(lambda: "blog.example.com" not in sites.read_text(), "the removal is in the map", seconds=EFFECT_SECONDS)


@pytest.mark.parametrize(
    "theirs",
    ["map_hash_bucket_size 128;", 'map $host $their_word { default "x"; }'],
    ids=["the size of buckets", "a map"],
)
def test_nginx_install_drops_a_directive_that_another_file_now_sets(server: Machine, theirs: str) -> None:
    path = upload(server)
    server.path(f"{CONF_D}/theirs.conf").write_text(f"{theirs}\n")
    _edit(server, NGINX_CONF, "worker_processes", "pcre_jit on;\nworker_processes")
    assert "duplicate" in server.run("nginx", "-t", check=False).stderr
    refused = server.run("make", "install", cwd=PLACE, check=False)
    assert refused.returncode != 0
    assert "if a file of authsvc is the cause: sudo authsvc nginx install" in refused.stderr
    server.run("authsvc", "nginx", "install")
    assert "successful" in server.run("nginx", "-t").stderr
    assert read(server, path, "blog.example.com") == "200"
