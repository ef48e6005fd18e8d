"""A denied answer is the same, byte for byte, whether or not there is a picture."""

import itertools

import pytest

from tests.support.blackbox.matrix import HIDING, Scene
from tests.support.blackbox.pipeline import Reply, ask_all, over_tcp
from tests.support.experiments import report
from tests.support.nginx.wire import Wire

NEVER = "https://refused.example"
DENIALS: dict[str, tuple[tuple[str, str], ...]] = {
    "a stranger": (("Referer", f"{NEVER}/post"),),
    "a stranger's origin": (("Origin", NEVER),),
    "a stranger who looks like a site": (("Referer", "https://evilexample.org/"),),
    "an invalid Referer": (("Referer", "nonsense"),),
    "two dots behind a site": (("Referer", "https://blog.example.com../"),),
    "an opaque origin": (("Origin", "null"),),
    "a hidden Referer": tuple(HIDING.items()),
}
PROBES: dict[str, tuple[tuple[str, str], ...]] = {
    "nothing else": (),
    "a range": (("Range", "bytes=0-3"),),
    "several ranges": (("Range", "bytes=0-3,7-9"),),
    "a range from the end": (("Range", "bytes=-1"),),
    "a range beyond the end": (("Range", "bytes=99999999-"),),
    "a range for its version": (("Range", "bytes=0-3"), ("If-Range", "{etag}")),
    "a range for its date": (("Range", "bytes=0-3"), ("If-Range", "{modified}")),
    "its version": (("If-None-Match", "{etag}"),),
    "its version, weak": (("If-None-Match", "W/{etag}"),),
    "any version": (("If-None-Match", "*"),),
    "any version must exist": (("If-Match", "*"),),
    "another version must exist": (("If-Match", '"x"'),),
    "its date": (("If-Modified-Since", "{modified}"),),
    "a far date": (("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT"),),
    "an old date must hold": (("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),),
    "another length": (("Accept-Encoding", "gzip, br, zstd"),),
    "another type": (("Accept", "text/html"),),
    "a body": (("Content-Length", "4"), ("X", "y")),
}
SHORT = (PROBES["nothing else"], PROBES["a range"], PROBES["its version"], PROBES["its date"])

# The same digest with another extension, one digit more or less: what an attacker may guess.
THERE = ("{path}", "/?path={path}", "/?path={shard}/{rest}.png", "/?path={escaped}", "/?path={all_escaped}")
ABSENT = "/00/000000000000000000000000000000.png"
NEIGHBOURS = ("/{shard}/{rest}.jpg", ABSENT, "/ff/ffffffffffffffffffffffffffffff.avif")
MISSING = (*NEIGHBOURS, *(f"/?path={target}" for target in NEIGHBOURS), "/?path=%2F{shard}/{rest}.jpg",
           f"/?path={ABSENT.replace('/', '%2F')}")  # fmt: skip


def asked(scene: Scene, method: str, target: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = "".join(f"{name}: {scene.fill(value)}\r\n" for name, value in headers)
    body = "body" if any(name == "Content-Length" for name, _ in headers) else ""
    return f"{method} {scene.fill(target)} HTTP/1.1\r\nHost: img.example.net\r\n{lines}\r\n{body}".encode()


def facts(reply: Reply | None) -> tuple[list[bytes], bytes]:
    """Return the lines of an answer in their order, without the date, and its body."""
    assert reply is not None
    lines = reply.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [line for line in lines if not line.startswith(b"Date: ")], reply.body


@pytest.mark.parametrize("name", DENIALS)
def test_denied_answers_are_one_answer(scene: Scene, name: str) -> None:
    situations = list(itertools.product((*THERE, *MISSING), PROBES.values()))
    requests = [asked(scene, "GET", target, DENIALS[name] + probe) for target, probe in situations]
    answers = [facts(reply) for reply in ask_all(over_tcp(scene.stack.port), requests)]
    different = [situation for situation, answer in zip(situations, answers, strict=True) if answer != answers[0]]
    report(f"denied alike: {name}", compared=len(answers), different=len(different))
    assert different == []
    assert answers[0][0][0] == b"HTTP/1.1 403 Forbidden"
    assert answers[0][1] == scene.hotlink


def test_every_denial_has_the_same_answer(scene: Scene) -> None:
    requests = [asked(scene, "GET", "{path}", denial) for denial in DENIALS.values()]
    answers = [facts(reply) for reply in ask_all(over_tcp(scene.stack.port), requests)]
    assert answers == [answers[0]] * len(DENIALS)


@pytest.mark.parametrize("denial", DENIALS.values(), ids=DENIALS.keys())
def test_denied_heads_are_one_answer(scene: Scene, wire: Wire, denial: tuple[tuple[str, str], ...]) -> None:
    targets = (*THERE, *MISSING)
    answers = [wire.send(asked(scene, "HEAD", target, denial + probe)) for target in targets for probe in SHORT]
    assert {answer.status for answer in answers} == {403}
    assert [answer.facts for answer in answers] == [answers[0].facts] * len(answers)


def test_picture_that_comes_and_goes_is_denied_all_the_while(scene: Scene) -> None:
    blob = scene.stack.data_dir / "blobs" / "ee" / f"{'e' * 30}.png"

    def denied() -> tuple[list[bytes], bytes]:
        request = asked(scene, "GET", f"/ee/{blob.name}", DENIALS["a stranger"])
        (reply,) = ask_all(over_tcp(scene.stack.port), [request])
        return facts(reply)

    before = denied()
    blob.write_bytes(scene.content)
    there = denied()
    blob.unlink()
    assert before == there == denied()


def test_answers_that_are_not_denied_do_differ(scene: Scene) -> None:
    """The comparison above finds differences."""
    requests = [asked(scene, "GET", target, ()) for target in ("{path}", ABSENT)]
    there, missing = [facts(reply) for reply in ask_all(over_tcp(scene.stack.port), requests)]
    assert there != missing
