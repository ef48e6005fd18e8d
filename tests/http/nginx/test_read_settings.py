"""Reading under settings that are not the defaults."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nginx.wire import Headers, Wire
from tests.support.pictures import picture
from tests.support.stack import AUTHSVC, Stack, free_port, wait_until

HOTLINK = picture("JPEG", seed=1)
MISSING = picture("GIF", seed=2)
CONTENT = picture("PNG", seed=3)
ABSENT = "/00/000000000000000000000000000000.png"
HIDING: Headers = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")]
STRANGER: Headers = [("Referer", "http://stranger.example/")]
OWN_PAGE: Headers = [("Referer", "https://img.example.com/")]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with the opposite of every default, and its own placeholders."""
    folder = tmp_path_factory.mktemp("placeholders")
    (folder / "hot link.jpg").write_bytes(HOTLINK)
    (folder / "missing").write_bytes(MISSING)
    with Stack(
        empty_referer="deny",
        hidden_referer="allow",
        hotlink_placeholder=folder / "hot link.jpg",
        missing_placeholder=folder / "missing",
        hotlink_status=200,
        missing_status=200,
        shared_caches=True,
        ipv6=True,
        public_url="https://img.example.com:8443",
        extra_hosts=["cdn.example.net", "[2001:db8::7]"],
        editor_agents=["Inkwell/", "Quill*Desktop$"],
        trusted_proxies=["192.0.2.0/24"],
        upload_rate=1,
        upload_burst=1,
    ) as running:
        running.upload(CONTENT)
        yield running


@pytest.fixture(scope="module")
def shown(other: Stack) -> str:
    """The address of `CONTENT` there."""
    blob = next(file for file in (other.data_dir / "blobs").rglob("*.png") if file.read_bytes() == CONTENT)
    return f"/{blob.parent.name}/{blob.name}"


@pytest.fixture
def far(other: Stack) -> Iterator[Wire]:
    """A connection to that stack."""
    with Wire(other.port) as connection:
        yield connection


VERDICTS: dict[str, tuple[Headers, bytes]] = {
    "no referer is denied": ([], HOTLINK),
    "an empty referer is denied": ([("Referer", "")], HOTLINK),
    "a hidden referer is allowed": (HIDING, CONTENT),
    "an opaque origin is allowed": ([("Origin", "null")], CONTENT),
    "an editor counts as no referer": ([("Origin", "null"), ("User-Agent", "Inkwell/3")], HOTLINK),
    "an editor's pattern has gaps": ([("Origin", "null"), ("User-Agent", "Quill 4 Desktop")], HOTLINK),
    "an editor's pattern ends": ([("Origin", "null"), ("User-Agent", "Quill 4 Desktop 5")], CONTENT),
    "a default editor is none any more": ([("Origin", "null"), ("User-Agent", "Typora/1.9")], CONTENT),
    "the public base is an own host": (OWN_PAGE, CONTENT),
    "on any port": ([("Referer", "http://img.example.com:1/")], CONTENT),
    "a further host is an own host": ([("Referer", "https://cdn.example.net/a")], CONTENT),
    "a further address is an own host": ([("Referer", "https://[2001:db8::7]/a")], CONTENT),
    "a host below an own host is a stranger": ([("Referer", "https://a.img.example.com/")], HOTLINK),
    "a local site is on the list": ([("Referer", "http://localhost/")], CONTENT),
    "a stranger is denied": (STRANGER, HOTLINK),
    "nonsense is denied": ([("Referer", "nonsense")], HOTLINK),
}


@pytest.mark.parametrize(("headers", "expected"), VERDICTS.values(), ids=VERDICTS.keys())
def test_verdict_follows_the_settings(far: Wire, shown: str, headers: Headers, expected: bytes) -> None:
    for target in (shown, f"/?path={shown}", f"/?path={shown.replace('/', '%2F')}"):
        answer = far.ask(target, headers)
        assert (answer.status, answer.body) == (200, expected)


def test_configured_placeholders_have_their_own_types(far: Wire, shown: str) -> None:
    assert far.ask(shown, STRANGER)["Content-Type"] == "image/jpeg"
    assert far.ask(ABSENT, OWN_PAGE)["Content-Type"] == "image/gif"
    assert far.ask("/nothing", OWN_PAGE).body == MISSING


PROBES: dict[str, Headers] = {
    "a range": [("Range", "bytes=0-3")],
    "several ranges": [("Range", "bytes=0-3,5-6")],
    "a range beyond the end": [("Range", "bytes=999999-")],
    "an etag": [("If-None-Match", '"5e9f7b1a-14c"')],
    "a far date": [("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT")],
    "a range with a date": [("Range", "bytes=0-3"), ("If-Range", "Fri, 31 Dec 2100 23:59:59 GMT")],
    "compression": [("Accept-Encoding", "gzip, br")],
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_placeholder_with_status_200_is_whole_and_not_cacheable(far: Wire, shown: str, probe: Headers) -> None:
    for target, page, placeholder in (
        (shown, STRANGER, HOTLINK),
        (ABSENT, STRANGER, HOTLINK),
        (ABSENT, OWN_PAGE, MISSING),
    ):
        answer = far.ask(target, [*page, *probe])
        assert (answer.status, answer.body, answer["Cache-Control"]) == (200, placeholder, "no-store")
        for name in ("ETag", "Last-Modified", "Accept-Ranges", "Content-Range"):
            assert name not in answer


def test_denied_answer_with_status_200_does_not_tell_whether_the_picture_exists(far: Wire, shown: str) -> None:
    assert far.ask(shown, STRANGER).facts == far.ask(ABSENT, STRANGER).facts


def test_shared_caches_may_keep_allowed_answers_alone(far: Wire, shown: str) -> None:
    assert far.ask(shown, OWN_PAGE)["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Referer" in far.ask(shown, OWN_PAGE)["Vary"]
    assert far.ask(shown, STRANGER)["Cache-Control"] == "no-store"


def test_refused_range_is_not_kept_by_shared_caches(far: Wire, shown: str) -> None:
    # Otherwise one invalid range would be the answer for every reader for a year.
    answer = far.ask(shown, [*OWN_PAGE, ("Range", "bytes=999999-")])
    assert answer.status == 416
    assert not [value for value in answer.all("Cache-Control") if "public" in value]


def test_ipv6_is_listened_on(other: Stack, shown: str) -> None:
    with Wire(other.port, host="::1") as wire:
        assert wire.ask(shown, OWN_PAGE).body == CONTENT
        assert wire.ask(shown, STRANGER).body == HOTLINK


def test_only_this_machine_is_listened_to_by_default(stack: Stack) -> None:
    with pytest.raises(ConnectionRefusedError), Wire(stack.port, host="127.0.0.2") as wire:
        wire.ask("/robots.txt")


def test_forwarded_address_of_an_untrusted_client_does_not_count(far: Wire) -> None:
    found = {
        far.ask(
            "/api/v1/upimg", [("X-Forwarded-For", f"198.51.100.{n}"), ("Content-Length", "0")], method="POST"
        ).status
        for n in range(8)
    }
    assert found == {401, 429}


@pytest.fixture(scope="module")
def proxied() -> Iterator[Stack]:
    """A stack that trusts the proxy from which the tests connect."""
    with Stack(trusted_proxies=["127.0.0.0/8", "2001:db8::/32"], upload_rate=1, upload_burst=1) as running:
        yield running


def test_each_client_behind_a_trusted_proxy_has_a_limit_of_its_own(proxied: Stack) -> None:
    def statuses(address: str, count: int) -> set[int]:
        with Wire(proxied.port) as wire:
            headers = [("X-Forwarded-For", address), ("Content-Length", "0")]
            return {wire.ask("/api/v1/upimg", headers, method="POST").status for _ in range(count)}

    assert statuses("198.51.100.1", 8) == {401, 429}
    assert statuses("198.51.100.2", 1) == {401}
    # What the client claims comes before what the proxy adds.
    assert 429 in statuses("203.0.113.9, 198.51.100.3", 8)
    statuses("203.0.113.10, 198.51.100.4, 127.0.0.2", 1)
    log = proxied.data_dir / "log" / "access.log"
    wait_until(lambda: "198.51.100.4 [" in log.read_text(), "it is named past both proxies")
    assert statuses("203.0.113.9", 1) == {401}


WRONG = {
    "missing file": (None, "No such file or directory"),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG, PNG, GIF, WebP or AVIF picture"),
    "empty file": (b"", "not a JPEG, PNG, GIF, WebP or AVIF picture"),
    "too large": (picture() + bytes(2**20), "at most 1048576"),
}


@pytest.mark.parametrize("setting", ["hotlink_placeholder", "missing_placeholder"])
@pytest.mark.parametrize(("bytes_", "reason"), WRONG.values(), ids=WRONG.keys())
def test_placeholder_that_is_no_picture_stops_the_start(
    tmp_path: Path, setting: str, bytes_: bytes | None, reason: str
) -> None:
    chosen = tmp_path / "chosen.png"
    if bytes_ is not None:
        chosen.write_bytes(bytes_)
    with tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # otherwise the workers' user would be a second error
        config = Path(folder, "authsvc.toml")
        config.write_text(f'{setting} = "{chosen}"\n')
        command = [AUTHSVC, "--data-dir", folder, "up", "--port", str(free_port())]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    said = run.stderr.splitlines()
    assert len(said) == 1, run.stderr
    assert said[0].startswith(f"authsvc: setting {setting} = '{chosen}': ")
    assert reason in said[0]
