"""The map of sites in a real nginx."""

import http.client
import socket
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from authsvc.errors import BadSite, Broken
from authsvc.model import SiteList
from authsvc.nginx.site_map import (
    FOREIGN_BUCKET_BYTES,
    OWN_BUCKET_BYTES,
    SITES_FILE,
    bucket_bytes_of,
    install_sites,
    render_sites,
)
from authsvc.settings import Settings
from authsvc.verdict.embedder import HIDDEN, INVALID, NONE
from authsvc.verdict.policy import Rules, decide
from authsvc.verdict.sites import SiteSet, canonical_site
from tests.support.own_nginx import real_program
from tests.support.stack import wait_until

SETTINGS = Settings(public_url="http://img.example.com")
pytestmark = pytest.mark.needs_nginx
END_SECONDS = 60
LONGEST = f"{'a' * 61}.{'b' * 63}.{'c' * 63}.{'d' * 63}"
WORDS = {"1": True, "refused": False, "": None}

_labels = st.text("ab-_0", min_size=1, max_size=63) | st.sampled_from(("default", "include", "hostnames", "volatile"))
_hosts = st.lists(_labels, min_size=1, max_size=9).map(".".join)
_patterns = st.builds(str.__add__, st.sampled_from(("", "*.")), _hosts | st.just(LONGEST) | st.just("[2001:db8::1]"))


def _is_pattern(text: str) -> bool:
    try:
        return canonical_site(text) == text
    except BadSite:
        return False


class UnixConnection(http.client.HTTPConnection):
    """A connection to nginx on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("nginx", timeout=END_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(END_SECONDS)
        self.sock.connect(str(self._path))

    def word(self, embedder: str) -> str:
        """Return the map's word for an embedder."""
        self.request("GET", "/", headers={"X-Embedder": embedder})
        return self.getresponse().read().decode()


@contextmanager
def _nginx_with(folder: Path, map_text: str, *, bucket_bytes: int) -> Iterator[UnixConnection]:
    """Run an nginx that answers with the map's word for the header X-Embedder."""
    (folder / "map").write_text(map_text)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\nevents {{ }}\n"
        f"http {{ access_log off; map_hash_bucket_size {bucket_bytes};\n"
        "map $http_x_embedder $authsvc_embedder { default $http_x_embedder; }\n"
        f"include {folder}/map;\n"
        f"server {{ listen unix:{folder}/socket; keepalive_requests 1000000; return 200 $authsvc_known; }} }}\n"
    )
    with ExitStack() as undo:
        command = [real_program(), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        process = undo.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        undo.callback(process.kill)
        connection = UnixConnection(folder / "socket")

        def answers() -> bool:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            try:
                connection.connect()
            except OSError:
                connection.close()
                return False
            return True

        wait_until(answers, "nginx answers", seconds=END_SECONDS)
        undo.callback(connection.close)
        yield connection


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="asn-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def answers_of(folder: Path) -> Callable[..., dict[str, str]]:
    """Return what the map of these sites answers for each embedder, in an nginx with that bucket size."""

    def _ask(patterns: Collection[str], embedders: Collection[str], bucket_bytes: int, **flags: str) -> dict[str, str]:
        text = render_sites(SETTINGS.model_copy(update=flags), SiteList(7, tuple(patterns)), bucket_bytes=bucket_bytes)
        (folder / "socket").unlink(missing_ok=True)
        with _nginx_with(folder, text, bucket_bytes=bucket_bytes) as connection:
            return {embedder: connection.word(embedder) for embedder in embedders}

    return _ask


def _neighbours(pattern: str) -> Iterator[str]:
    """Yield hosts that a careless map would confuse with those of a pattern."""
    host = pattern.removeprefix("*.")
    yield from (host, f"x.{host}", f"x.y.{host}", f"x{host}", f"{host}x", f"{host}.x", host[1:], host[:-1])
    yield from (host.replace(".", "x", 1), host.partition(".")[2], host.replace("-", "_"))


@pytest.mark.parametrize("bucket_bytes", [FOREIGN_BUCKET_BYTES, OWN_BUCKET_BYTES], ids=["nginx's own", "ours"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patterns=st.sets(_patterns.filter(_is_pattern), max_size=40))
@example(patterns={LONGEST, f"*.{LONGEST[2:]}", f"*.{'l' * 63}.example", "*.b", "b", "a.b", "*.a.b"})
@example(patterns={"l" * 46, "m" * 47, f"*.{'l' * 46}.x", f"*.{'m' * 47}.x", "n" * 63})
def test_map_answers_for_the_hosts_that_the_policy_allows(
    answers_of: Callable[..., dict[str, str]], bucket_bytes: int, patterns: set[str]
) -> None:
    rules = Rules(SiteSet.of(frozenset(patterns)), SETTINGS.own_hosts, allows_empty=True, allows_hidden=False)
    asked = {host for pattern in patterns for host in _neighbours(pattern)} | {"img.example.com", "example.com"}
    # nginx strips spaces around a header's value, and the grammar a dot at its end: see embedder.REFERER_PATTERN.
    asked = {host for host in asked if host and not host.endswith(".") and len(host) <= 253}
    found = answers_of(patterns, sorted(asked), bucket_bytes)
    assert {host for host, word in found.items() if word == "1"} == {h for h in asked if decide(h, rules).allowed}
    assert set(found.values()) <= {"1", ""}


@pytest.mark.parametrize("choice", ["allow", "deny"])
def test_words_for_no_host_follow_the_settings(answers_of: Callable[..., dict[str, str]], choice: str) -> None:
    found = answers_of([], [NONE, HIDDEN, INVALID], OWN_BUCKET_BYTES, empty_referer=choice, hidden_referer=choice)
    word = {"allow": "1", "deny": "refused"}[choice]
    assert found == {NONE: word, HIDDEN: word, INVALID: "refused"}


def test_more_sites_than_nginx_plans_for_are_all_known(answers_of: Callable[..., dict[str, str]]) -> None:
    hosts = [f"blog-{number}.example" for number in range(5000)] + [f"*.wild-{number}.example" for number in range(500)]
    asked = {*hosts[::7], "blog-5000.example", "x.wild-7.example", "wild-7.example"}
    found = answers_of(hosts, {host.removeprefix("*.") for host in asked}, FOREIGN_BUCKET_BYTES)
    assert {host for host, word in found.items() if not word} == {
        "blog-5000.example",
        *(host.removeprefix("*.") for host in asked if host.startswith("*.")),
        "wild-7.example",
    }


def test_own_host_that_is_on_the_list_too_is_in_the_map_once() -> None:
    text = render_sites(SETTINGS, SiteList(1, ("img.example.com", "localhost")))
    assert text.count("img.example.com") == 1


def test_revision_of_the_list_is_in_the_map() -> None:
    assert 'default "4711";' in render_sites(SETTINGS, SiteList(4711, ()))


@pytest.fixture
def main_file(folder: Path) -> Path:
    """An nginx that includes a map of sites."""
    path = folder / "nginx.conf"
    path.write_text(
        f"pid {folder}/pid;\nevents {{ }}\n"
        f"http {{ access_log off; map a $authsvc_embedder {{ }}\ninclude conf/{SITES_FILE}; }}\n"
    )
    (folder / "conf").mkdir()
    (folder / "conf" / SITES_FILE).write_text("")
    return path


def test_map_is_replaced_once(folder: Path, main_file: Path) -> None:
    text = render_sites(SETTINGS, SiteList(1, ("example.com",)), bucket_bytes=FOREIGN_BUCKET_BYTES)
    conf = folder / "conf"
    assert install_sites(conf, text, program=real_program(), main_file=main_file) is True
    assert (conf / SITES_FILE).read_text() == text
    assert install_sites(conf, text, program=real_program(), main_file=main_file) is False


def test_map_that_nginx_refuses_leaves_the_old_one(folder: Path, main_file: Path) -> None:
    text = render_sites(SETTINGS, SiteList(1, (LONGEST,)), bucket_bytes=OWN_BUCKET_BYTES)
    with pytest.raises(Broken, match="could not build map_hash, you should increase map_hash_bucket_size: 64"):
        install_sites(folder / "conf", text, program=real_program(), main_file=main_file)
    assert (folder / "conf" / SITES_FILE).read_text() == ""


@pytest.mark.parametrize(
    ("text", "bucket_bytes"),
    [("# map_hash_bucket_size 512;\n", FOREIGN_BUCKET_BYTES), ("\nmap_hash_bucket_size 512;\n", OWN_BUCKET_BYTES)],
    ids=["not set by us", "set by us"],
)
def test_bucket_size_is_found_in_the_installed_files(folder: Path, text: str, bucket_bytes: int) -> None:
    (folder / "snippets").mkdir()
    (folder / "snippets" / "any.conf").write_text(text)
    assert bucket_bytes_of(folder) == bucket_bytes
