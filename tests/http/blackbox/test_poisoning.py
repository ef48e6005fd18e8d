"""What one request leaves in the cache of verdicts gives no access to another."""

import contextlib
import os
import re
import signal
import socket
import uuid
from collections.abc import Iterator

import pytest

from tests.support.experiments import promised, report
from tests.support.nginx.site_list import access_of, map_of
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import PATIENT, shortened

GOOD = "https://localhost/"

# {evil} is a stranger of the attempt's own, {path} a picture. None is to be shown one.
ATTEMPTS: dict[str, str] = {
    "two headers, stranger first": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nReferer: " + GOOD,
    "two headers in two cases": "GET {path} HTTP/1.1\r\nreferer: https://{evil}/\r\nREFERER: " + GOOD,
    "two headers with others between": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nX: y\r\nReferer: " + GOOD,
    "three headers": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nReferer: -none\r\nReferer: " + GOOD,
    "a folded line": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\n Referer: " + GOOD,
    "a folded line behind a tab": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\n\t" + GOOD,
    "a bare line feed": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\nX-Embedder: localhost",
    "a bare carriage return": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\rX-Embedder: localhost",
    "a carriage return in the host": "GET {path} HTTP/1.1\r\nReferer: https://{evil}\r.localhost/",
    "a vertical tab": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\x0bReferer: " + GOOD,
    "a NUL": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\0" + GOOD,
    "a next line of Latin-1": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\x85X-Embedder: localhost",
    "escaped line ends in the value": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/%0d%0aX-Embedder:%20localhost",
    "escaped line ends in the host": "GET {path} HTTP/1.1\r\nReferer: https://{evil}%0d%0alocalhost/",
    "escaped line ends in the address": "GET {path}%0d%0aReferer:%20" + GOOD + " HTTP/1.1\r\nReferer: https://{evil}/",
    "escaped line ends in the old address": "GET /?path={path}%0d%0aX-Embedder:%20localhost HTTP/1.1\r\n"
    "Referer: https://{evil}/",
    "a space in the address": "GET {path} HTTP/1.1\r\nX: y HTTP/1.1\r\nReferer: https://{evil}/",
    "a space before the colon": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nReferer : " + GOOD,
    "a space in front of the name": "GET {path} HTTP/1.1\r\nX: y\r\n Referer: " + GOOD + "\r\nReferer: https://{evil}/",
    "another key's separator in the host": "GET {path} HTTP/1.1\r\nReferer: https://{evil} localhost/",
    "another revision in front of the host": "GET {path} HTTP/1.1\r\nReferer: https://999 {evil}/",
    "a forged revision": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nX-Sites-Revision: 0",
    "a forged embedder": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nX-Embedder: localhost",
    "nginx's variables": "GET {path} HTTP/1.1\r\nReferer: https://{evil}$host/",
    "a host beside a header of its own": "GET https://localhost{path} HTTP/1.1\r\nReferer: https://{evil}/",
    "a refreshed cache": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nCache-Control: no-cache, no-store",
    "the words of other requests": "GET {path} HTTP/1.1\r\nReferer: -none\r\nOrigin: https://{evil}",
    "the Origin twice": "GET {path} HTTP/1.1\r\nOrigin: https://{evil}\r\nOrigin: https://localhost",
    "an Origin list": "GET {path} HTTP/1.1\r\nOrigin: https://{evil} https://localhost",
    "a part of the answer": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nRange: bytes=0-0",
    "no body of the answer": "HEAD {path} HTTP/1.1\r\nReferer: https://{evil}/",
    "another method": "POST {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nContent-Length: 0",
    "a body that is a request": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nContent-Length: 37\r\n\r\n"
    "GET / HTTP/1.1\r\nReferer: https://{evil}",
    "chunks that are a request": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\nGET {path} HTTP/1.1\r\nReferer: https://{evil}/",
    "two lengths": "GET {path} HTTP/1.1\r\nReferer: https://{evil}/\r\nContent-Length: 0\r\nContent-Length: 9",
}  # fmt: skip


def all_answers(port: int, attempt: str, **values: str) -> bytes:
    """Send an attempt as it is, and return everything that is ever answered to it."""
    filled = attempt.replace("{evil}", values["evil"]).replace("{path}", values["path"])
    start, _, rest = filled.partition("\r\n")
    request = f"{start}\r\nHost: img.example.net\r\n{rest}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


@pytest.mark.parametrize("number", range(len(ATTEMPTS)), ids=ATTEMPTS.keys())
def test_attempt_shows_no_picture_and_leaves_nothing_behind(
    guarded: Stack, number: int, shown_to_nobody: tuple[str, bytes]
) -> None:
    path, content = shown_to_nobody
    evil = f"evil{number}.example"
    attempt = list(ATTEMPTS.values())[number]
    with Wire(guarded.port) as wire:
        for _ in range(2):
            answer = all_answers(guarded.port, attempt, evil=evil, path=path)
            assert answer.startswith(b"HTTP/1.1 4")
            assert content not in answer
            assert not re.search(rb"^HTTP/1\.1 (2|3|5)", answer, re.MULTILINE), answer[:80]
            assert wire.ask(path, {"Referer": f"https://{evil}/"}).status == 403
            assert wire.ask(path, {"Referer": GOOD}).body == content
            assert wire.ask(path).body == content


@pytest.fixture(scope="module")
def shown_to_nobody(guarded: Stack) -> tuple[str, bytes]:
    """A picture's address and bytes."""
    content = picture(seed=5)
    return guarded.upload(content), content


def kept_verdicts(stack: Stack) -> dict[str, int]:
    """Return the keys in nginx's cache of verdicts, and the status kept under each."""
    kept = {}
    for file in (stack.data_dir / "nginx" / "verdicts").rglob("*"):
        if not file.is_file():
            continue
        found = re.search(rb"\nKEY: ([^\n]*)\nHTTP/1\.1 (\d+) ", file.read_bytes())
        assert found, file
        kept[found[1].decode("latin-1")] = int(found[2])
    return kept


def test_keys_of_kept_verdicts_are_a_revision_and_a_host(
    guarded: Stack, wire: Wire, shown_to_nobody: tuple[str, bytes]
) -> None:
    path, _ = shown_to_nobody
    assert wire.ask(path, {"Referer": "https://kept.example/"}).status == 403
    for number, attempt in enumerate(ATTEMPTS.values()):
        all_answers(guarded.port, attempt, evil=f"kept{number}.example", path=path)
    kept = kept_verdicts(guarded)
    permissions = [key for key, status in kept.items() if status != 403]
    report("poisoning: attempts", attempts=len(ATTEMPTS), verdicts_kept=len(kept), permissions=len(permissions))
    assert permissions == []
    for key in kept:
        revision, _, host = key.partition(" ")
        assert revision.isdigit(), key
        assert re.fullmatch(r"[a-z0-9_.-]+|\[[0-9a-f:]+\]", host), key
    assert "kept.example" in {key.partition(" ")[2] for key in kept}


class Behind:
    """A product whose nginx does not know the newest site, so that only the service allows it."""

    def __init__(self, stack: Stack, host: str) -> None:
        self.stack = stack
        self.host = host
        self.content = picture(seed=6)
        self.path = stack.upload(self.content)

    def status_of(self, referer: str, **more: str) -> int:
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        with Wire(self.stack.port) as wire:
            return wire.ask(self.path, {"Referer": referer, **headers}).status


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A product whose parent may be stopped for a while."""
    with Stack(times=shortened("verdict_kept", of=PATIENT), upload_rate=1000, upload_burst=1000) as running:
        yield running


def knows_the_newest(stack: Stack) -> bool:
    with access_of(stack) as access:
        return f'default "{access.revision().sites}";' in map_of(stack)


@pytest.fixture
def behind(own: Stack) -> Iterator[Behind]:
    # A name that only this test uses, so that no verdict on it is cached.
    state = Behind(own, f"newest{uuid.uuid4().hex}.example")
    parent = own.process.pid
    wait_until(lambda: knows_the_newest(own), "what the test before has changed is in nginx's map")
    os.kill(parent, signal.SIGSTOP)
    try:
        with access_of(own) as access:
            access.add_site(state.host, now=0)
        # Asked through nginx too early, its refusal would be kept.
        question = {"X-Embedder": state.host}
        wait_until(lambda: own.ask_service("/verdict", question).status_code == 204, "the service allows it")
        assert state.status_of(f"https://{state.host}/") == 200
        assert state.host not in map_of(own)
        yield state
    finally:
        os.kill(parent, signal.SIGCONT)


def test_cached_permission_applies_only_to_its_host(behind: Behind) -> None:
    assert 204 in kept_verdicts(behind.stack).values()
    host = behind.host
    near = (
        f"https://{host}.evil.example/", f"https://evil-{host}/", f"https://x.{host}/", f"https://{host}../",
        f"https://{host.upper()}/", f"https://{host}@evil.example/", f"https://evil.example/{host}",
        f"https://evil.example#{host}", f"https://{host} /", f"https://{host}, https://evil.example/",
        f"https://{host}:65536/", f"https://{host}%2eevil.example/", host, f"-{host}", f"https://{host}\t/",
    )  # fmt: skip
    assert {referer: behind.status_of(referer) for referer in near} == dict.fromkeys(near, 403)
    for name in ("X-Embedder", "Origin", "X-Forwarded-Host", "Host"):
        value = f"https://{host}" if name == "Origin" else host
        assert behind.status_of("https://evil.example/", **{name: value}) == 403
    assert behind.status_of(f"https://{host}/") == 200


def test_cached_refusal_does_not_exclude_a_known_host(behind: Behind) -> None:
    for known in ("localhost", "127.0.0.1", behind.host):
        near = (f"x.{known}", f"{known}.evil.example", f"evil-{known}")
        assert {behind.status_of(f"https://{host}/") for host in near} == {403}
        assert behind.status_of(f"https://{known}/") == 200


def test_permission_is_not_kept_beyond_the_removal(behind: Behind) -> None:
    assert behind.status_of(f"https://{behind.host}/") == 200
    with access_of(behind.stack) as access:
        access.remove_site(behind.host)
    os.kill(behind.stack.process.pid, signal.SIGCONT)
    wait_until(lambda: behind.status_of(f"https://{behind.host}/") == 403, "it is refused again")


def test_refusal_is_kept_for_seconds_only(behind: Behind) -> None:
    """Also while nginx does not know the change: CloudFlare-ImgBed kept its refusals for a day."""
    late = "https://late.example/"
    assert behind.status_of(late) == 403
    with access_of(behind.stack) as access:
        access.add_site("late.example", now=0)
    wait_until(lambda: behind.status_of(late) == 200, "the kept refusal is outdated", seconds=promised(20))
