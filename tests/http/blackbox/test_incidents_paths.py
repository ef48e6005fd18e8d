"""Each test is named after a way by which others served files beside the pictures."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.blackbox.matrix import UPLOAD, Scene, form
from tests.support.nginx.wire import Wire

SECRET = b"beside-the-pictures-4b1d"
NAME = "0b" * 15 + ".png"
KEY = f"0b/{NAME}"


@pytest.fixture(scope="module")
def beside(scene: Scene) -> Iterator[Path]:
    """A folder beside the store whose name begins like the store's, with a file that is called like a picture."""
    folder = scene.stack.data_dir / "blobs-secret"
    (folder / "0b").mkdir(parents=True)
    for target in (folder / KEY, folder / NAME, scene.stack.data_dir / NAME):
        target.write_bytes(SECRET)
    for path in (folder, folder / "0b"):
        path.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
    (scene.stack.data_dir / NAME).unlink()


def assert_nothing(wire: Wire, targets: list[str]) -> None:
    for target in targets:
        answer = wire.ask(target)
        assert answer.status in {400, 404}, target
        assert SECRET not in answer.body, target
        assert b"root:" not in answer.body, target


def everywhere(climb: str, file: str) -> list[str]:
    """Return the addresses below which a path may be looked for, with a path that climbs."""
    starts = (
        "/",
        "/00/",
        "/?path=",
        "/?path=/",
        "/?path=00/",
        "/_picture/",
        "/_picture/00/",
        "/_asked/",
        "/_asked/00/",
        "/.well-known/acme-challenge/",
    )
    return [f"{start}{climb * number}{file}" for start in starts for number in range(1, 9)]


def test_thumbor_dots_that_are_escaped(wire: Wire, beside: Path) -> None:
    """GHSA-cj54-hpcc-gj6h: the file loader unescaped `%2e%2e` after it had checked the path."""
    for climb in ("%2e%2e/", "%2E%2E/", ".%2e/", "%2e./", "%2e%2e%2f", "..%2f", "%252e%252e/", "%252e%252e%252f"):
        assert_nothing(wire, everywhere(climb, "etc/passwd"))
        assert_nothing(wire, everywhere(climb, f"{beside.name}/{KEY}"))


def test_thumbor_sibling_whose_name_begins_alike(wire: Wire, beside: Path) -> None:
    """The same loader: `startswith(root)` without a slash; so did zanllp/infinite-image-browsing (issue 968)."""
    for sibling in (beside.name, f"../{beside.name}", f"blobs/../{beside.name}", f"00/../../{beside.name}", "-secret"):
        starts = ("/", "/_picture", "/_picture/", "/_picture..", "/?path=", "/?path=/", "/?path=..%2f", "/00/..")
        assert_nothing(wire, [f"{start}{sibling}/{KEY}" for start in starts])
        assert_nothing(wire, [f"{start}{sibling}%2f{KEY.replace('/', '%2f')}" for start in starts])


def test_webp_server_go_escaped_backslashes(wire: Wire, beside: Path) -> None:
    """An escaped backslash, which becomes a separator after the check."""
    for climb in ("..%5C", "..%5c", "..\\", "%2e%2e%5c", "..%255c", "..%5C/", "..\\/"):
        assert_nothing(wire, everywhere(climb, "etc%5Cpasswd"))
        assert_nothing(wire, everywhere(climb, f"{beside.name}%5C0b%5C{NAME}"))


def test_webp_server_go_escaped_twice(wire: Wire, beside: Path) -> None:
    """CVE-2021-46104, webp-sh/webp_server_go pull request 93: a cleaned path was unescaped a second time."""
    climb = "".join(f"%25{byte:02x}" for byte in b"../")
    assert_nothing(wire, everywhere(climb, "etc%252fpasswd"))
    assert_nothing(wire, everywhere("%25%32%65%25%32%65%25%32%66", f"{beside.name}%25%32%66{KEY}"))


def test_webp_server_go_address_without_its_slash(wire: Wire, beside: Path) -> None:
    """webp-sh/webp_server_go issue 330: `GET ../../test.png` was served; cleaning keeps dots in front."""
    for climb in ("../", "./../", "..//", "x/../../", "?/../", "#/../"):
        for number in range(1, 6):
            assert_nothing(wire, [f"{climb * number}{beside.name}/{KEY}", f"{climb * number}{NAME}"])
    assert_nothing(wire, [NAME, KEY, f"{beside.name}/{KEY}"])


def test_siteproxy_question_mark_in_front_of_the_climb(wire: Wire, beside: Path) -> None:
    """netptop/siteproxy issue 67: `/asd/\\?/../../etc/passwd` passed the nginx in front as a query string."""
    for front in ("/asd/\\?/", "/00/?/", "/?/", "/%3f/", "/asd%3f/"):
        assert_nothing(wire, [f"{front}{'../' * number}etc/passwd" for number in range(1, 9)])
        assert_nothing(wire, [f"{front}{'../' * number}{beside.name}/{KEY}" for number in range(1, 4)])


def test_xinhu_dots_left_over_when_others_are_cut_out(wire: Wire, beside: Path) -> None:
    """rainrocka/xinhu issue 2: `....//` becomes `../` when every `../` is cut out."""
    for climb in ("....//", "..././", "....\\\\", "....%2f%2f", "..;/", ".../"):
        assert_nothing(wire, everywhere(climb, "etc/passwd"))
        assert_nothing(wire, everywhere(climb, f"{beside.name}/{KEY}"))


def test_gixy_alias_without_its_slash(wire: Wire, beside: Path) -> None:
    """yandex/gixy issue 61: `location /files { alias /home/; }` serves `/files../etc/passwd`."""
    for place in ("_picture", "_placeholder", "_error", ".well-known/acme-challenge", "00", "blobs", "static", "admin"):
        for up in ("..", "../", "..%2f", "/..", "%2e%2e", "..;"):
            assert_nothing(wire, [f"/{place}{up}/{file}" for file in (NAME, f"{beside.name}/{KEY}", "authsvc.toml")])


def test_nul_that_ends_a_name_early(wire: Wire, beside: Path) -> None:
    """C ends a name at a NUL, so an allowed extension after it proves nothing."""
    for file in ("etc/passwd", f"../{beside.name}/{KEY}", f"../{NAME}"):
        assert_nothing(wire, [f"{start}{file}%00{end}" for start in ("/", "/?path=", "/00/") for end in ("", ".png")])


def test_minigal_nano_tells_by_its_placeholder_what_exists(wire: Wire, beside: Path) -> None:
    """sebsauvage/MinigalNano issue 88: another picture was shown for a file that exists than for one that does not."""
    for there, missing in (
        ("/etc/passwd", "/etc/nothing"),
        (f"../{beside.name}/{KEY}", f"../{beside.name}/0b/nothing.png"),
        (str(beside / KEY), str(beside / "0b" / "nothing.png")),
        ("/0b/../../catalog/catalog.sqlite3", "/0b/../../catalog/nothing.sqlite3"),
    ):
        for start in ("/?path=", "/", "/_picture/"):
            assert wire.ask(start + there).facts == wire.ask(start + missing).facts


def test_openwhisk_gateway_lets_an_answer_name_an_internal_place(scene: Scene, wire: Wire) -> None:
    """apache/openwhisk-apigateway pull request 330: X-Accel-Redirect was taken from answers that users control."""
    inner = "/_placeholder/hotlink"
    for value in (inner, f"%0d%0aX-Accel-Redirect:%20{inner}", f"{scene.path}%0d%0aX-Accel-Redirect:%20{inner}",
                  f"{scene.path}%0aX-Accel-Redirect:%20{inner}", f"/_picture{scene.path}", f"..{inner}"):  # fmt: skip
        answer = wire.ask(f"/?path={value}")
        assert (answer.status, answer.body) == (404, scene.missing)
    for name in (
        f"a.png%0d%0aX-Accel-Redirect: {inner}",
        f"{inner}.png",
        "../../etc/passwd",
        "a\\r\\nX-Accel-Redirect: x",
    ):
        body = form(scene.content).replace(b'"a.png"', f'"{name}"'.encode())
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: a\r\ntoken: {scene.token}\r\nContent-Length: {len(body)}\r\n"
        answer = wire.send(f"{head}Content-Type: multipart/form-data; boundary=frontier\r\n\r\n".encode() + body)
        assert (answer.status, answer["Content-Type"]) == (200, "application/json")
        assert not [line for line in answer.lines if "accel" in "".join(line).lower()]
