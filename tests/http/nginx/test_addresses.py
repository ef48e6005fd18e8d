"""Which addresses give the picture; all others give none."""

import hashlib

import pytest

from tests.support.nginx.wire import Wire
from tests.support.pictures import FORMATS, picture
from tests.support.stack import Stack

PICTURE, MISSING = 200, 404

# Placeholders are filled in from a stored picture's address /SS/REST.png.
CASES = {
    "canonical address": ("/{shard}/{rest}.png", PICTURE),
    "old address": ("/?path=/{shard}/{rest}.png", PICTURE),
    "old address without the leading slash": ("/?path={shard}/{rest}.png", PICTURE),
    "old address with its slashes escaped": ("/?path=%2F{shard}%2F{rest}.png", PICTURE),
    "old address with its slashes escaped in lower case": ("/?path=%2f{shard}%2f{rest}.png", PICTURE),
    "old address with its dot escaped": ("/?path=/{shard}/{rest}%2Epng", PICTURE),
    "old address without the leading slash, escaped": ("/?path={shard}%2F{rest}.png", PICTURE),
    "absolute form of the request line": ("http://img.example.net/{shard}/{rest}.png", PICTURE),
    "two slashes at the front": ("//{shard}/{rest}.png", MISSING),
    "two slashes in the middle": ("/{shard}//{rest}.png", MISSING),
    "a dot segment": ("/./{shard}/{rest}.png", MISSING),
    "a dot segment in the middle": ("/{shard}/./{rest}.png", MISSING),
    "up and down again": ("/x/../{shard}/{rest}.png", MISSING),
    "an escaped digit": ("/%3{first}{second}/{rest}.png", MISSING),
    "an escaped slash": ("/{shard}%2F{rest}.png", MISSING),
    "an escaped dot": ("/{shard}/{rest}%2Epng", MISSING),
    "a trailing newline": ("/{shard}/{rest}.png%0a", MISSING),
    "a trailing carriage return and newline": ("/{shard}/{rest}.png%0d%0a", MISSING),
    "a trailing space": ("/{shard}/{rest}.png%20", MISSING),
    "a trailing slash": ("/{shard}/{rest}.png/", MISSING),
    "a trailing dot": ("/{shard}/{rest}.png.", MISSING),
    "a fragment": ("/{shard}/{rest}.png#x", MISSING),
    "a path parameter": ("/{shard}/{rest}.png;x=1", MISSING),
    "something before it": ("/x/{shard}/{rest}.png", MISSING),
    "the digest without a shard": ("/{shard}{rest}.png", MISSING),
    "upper case": ("/{SHARD}/{REST}.png", MISSING),
    "an extension in upper case": ("/{shard}/{rest}.PNG", MISSING),
    "another accepted extension": ("/{shard}/{rest}.jpg", MISSING),
    "an extension that is never accepted": ("/{shard}/{rest}.svg", MISSING),
    "no extension": ("/{shard}/{rest}", MISSING),
    "an empty query": ("/{shard}/{rest}.png?", MISSING),
    "a query string": ("/{shard}/{rest}.png?x=1", MISSING),
    "a width that is not offered": ("/{shard}/{rest}.png?w=99", MISSING),
    "a download parameter": ("/{shard}/{rest}.png?path=/{shard}/{rest}.png", MISSING),
    "old address with a parameter behind": ("/?path=/{shard}/{rest}.png&x=1", MISSING),
    "old address with a parameter before": ("/?x=1&path=/{shard}/{rest}.png", MISSING),
    "old address twice": ("/?path=/{shard}/{rest}.png&path=/{shard}/{rest}.png", MISSING),
    "old address with an escaped digit of another case": ("/?path=/{SHARD}/{REST}.png", MISSING),
    "old address with a newline behind": ("/?path=/{shard}/{rest}.png%0a", MISSING),
    "old address with a NUL behind": ("/?path=/{shard}/{rest}.png%00", MISSING),
    "old address with a bad escape": ("/?path=/{shard}/{rest}.png%zz", MISSING),
    "old address with a space before": ("/?path=+/{shard}/{rest}.png", MISSING),
    "old address with two slashes": ("/?path=//{shard}/{rest}.png", MISSING),
    "old address escaped twice": ("/?path=%252F{shard}%252F{rest}.png", MISSING),
    "old address in another case": ("/?PATH=/{shard}/{rest}.png", MISSING),
    "old address below a file name": ("/index.php?path=/{shard}/{rest}.png", MISSING),
    "old address behind two slashes": ("//?path=/{shard}/{rest}.png", MISSING),
    "old address without a value": ("/?path=", MISSING),
    "old address without an equals sign": ("/?path", MISSING),
    "climbing out": ("/?path=../../../../etc/passwd", MISSING),
    "climbing out, escaped": ("/?path=..%2f..%2f..%2f..%2fetc%2fpasswd", MISSING),
    "climbing out behind a shard": ("/?path=/{shard}/../../catalog/catalog.sqlite3", MISSING),
    "climbing out behind an escaped shard": ("/?path=%2F{shard}%2F..%2F..%2Fcatalog%2Fcatalog.sqlite3", MISSING),
    "an absolute file": ("/?path=/etc/passwd", MISSING),
    "another server": ("/?path=http://127.0.0.1/", MISSING),
    "a picture that does not exist": ("/00/000000000000000000000000000000.png", MISSING),
    "an old address that does not exist": ("/?path=/00/000000000000000000000000000000.png", MISSING),
    "an escaped old address that does not exist": ("/?path=%2F00/000000000000000000000000000000.png", MISSING),
    "the root": ("/", MISSING),
    "a page": ("/index.html", MISSING),
    "the web page that does not exist yet": ("/admin/", MISSING),
    "a dot file": ("/.git/config", MISSING),
    "the verdict's location": ("/_auth", MISSING),
    "the verdict of the service": ("/verdict", MISSING),
    "the token's location": ("/_token/native", MISSING),
    "the token of the service": ("/token", MISSING),
    "the preflight's location": ("/_preflight/native", MISSING),
    "the internal pictures": ("/_picture/{shard}/{rest}.png", MISSING),
    "the internal pictures' folder": ("/_picture/", MISSING),
    "the pictures of hosts that are asked about": ("/_asked/{shard}/{rest}.png", MISSING),
    "the hotlink placeholder": ("/_placeholder/hotlink", MISSING),
    "the missing placeholder": ("/_placeholder/missing", MISSING),
    "an error's location": ("/_error/native/rate", MISSING),
    "the read error's location": ("/_error/read_only", MISSING),
    "the old address of the service": ("/legacy?path=/{shard}/{rest}.png", MISSING),
    "the metrics": ("/metrics", MISSING),
    "the health": ("/healthz", MISSING),
    "the readiness": ("/readyz", MISSING),
}


@pytest.mark.parametrize(("template", "expected"), CASES.values(), ids=CASES.keys())
def test_address_gives_the_picture_or_the_missing_placeholder(
    stack: Stack, wire: Wire, path: str, content: bytes, template: str, expected: int
) -> None:
    shard, rest = path[1:3], path[4:].removesuffix(".png")
    target = template.format(
        shard=shard, rest=rest, SHARD=shard.upper(), REST=rest.upper(), first=shard[0], second=shard[1]
    )
    answer = wire.ask(target)
    missing = stack.placeholder("missing.png")
    assert (answer.status, answer.body) == (expected, content if expected == PICTURE else missing)


def test_shard_of_the_escaped_digit_case_begins_with_a_digit(path: str) -> None:
    assert path[1].isdigit()


@pytest.mark.parametrize(("kind", "extension"), FORMATS.items(), ids=FORMATS.values())
def test_every_type_is_served_byte_for_byte_under_its_own_media_type(
    stack: Stack, wire: Wire, kind: str, extension: str
) -> None:
    content = picture(kind)
    path = stack.upload(content)
    for target in (path, f"/?path={path}", f"/?path={path.replace('/', '%2F')}"):
        answer = wire.ask(target)
        assert (answer.status, answer.body) == (200, content), target
        assert answer["Content-Type"] == ("image/jpeg" if kind == "JPEG" else f"image/{extension}")


def test_moved_in_jpeg_extension_is_served(stack: Stack, wire: Wire) -> None:
    content = picture("JPEG")
    digest = hashlib.md5(content).hexdigest()
    blob = stack.data_dir / "blobs" / digest[:2] / f"{digest[2:]}.jpeg"
    blob.write_bytes(content)
    answer = wire.ask(f"/{digest[:2]}/{digest[2:]}.jpeg")
    assert (answer.status, answer["Content-Type"], answer.body) == (200, "image/jpeg", content)


def test_picture_is_served_under_any_host_name(wire: Wire, path: str) -> None:
    assert [wire.ask(path, {"Host": host}).status for host in ("a.example", "127.0.0.1:80", "[::1]")] == [200] * 3


def test_robots_are_excluded_from_everything_but_pictures(wire: Wire) -> None:
    answer = wire.ask("/robots.txt")
    assert (answer.status, answer["Content-Type"]) == (200, "text/plain")
    assert answer.body.decode().splitlines() == ["User-agent: *", "Disallow: /api/", "Disallow: /admin/"]


def test_favicon_is_not_an_error(wire: Wire) -> None:
    answer = wire.ask("/favicon.ico")
    assert (answer.status, answer.body) == (204, b"")


def test_certificate_challenge_is_served_to_anybody(stack: Stack, wire: Wire) -> None:
    challenges = stack.data_dir / "acme" / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True, exist_ok=True)
    (challenges / "Zm9v_-bar").write_text("Zm9v_-bar.thumbprint")
    answer = wire.ask("/.well-known/acme-challenge/Zm9v_-bar", {"Referer": "http://stranger.example/"})
    assert (answer.status, answer["Content-Type"], answer.body) == (200, "text/plain", b"Zm9v_-bar.thumbprint")


@pytest.mark.parametrize(
    "target",
    [
        "/.well-known/acme-challenge/nothing",
        "/.well-known/acme-challenge/../../log/error.log",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/inner/",
        "/.well-known/",
    ],
    ids=["unknown challenge", "climbing out", "their folder", "their folder's name", "a folder in it", "its parent"],
)
def test_certificate_challenges_show_nothing_else(stack: Stack, wire: Wire, target: str) -> None:
    (stack.data_dir / "acme" / ".well-known" / "acme-challenge" / "inner").mkdir(parents=True, exist_ok=True)
    assert wire.ask(target).status == 404
