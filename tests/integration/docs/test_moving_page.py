"""Follow docs/moving.md from the 2018 script, step by step."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.docs.clone import Clone, clone_of, may_embed, script
from tests.support.docs.markdown import DOCS, blocks
from tests.support.pictures import FORMATS, picture
from tests.support.stack import Stack, wait_until

PAGE = DOCS / "moving.md"
COPY = "OLD="
TRIED = (COPY, "find var/blobs", "echo 'OLD-TOKEN' |", ".venv/bin/authsvc site add example.com")


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def clone(running: Stack) -> Iterator[Clone]:
    with clone_of(running.data_dir, running.environment) as found:
        yield found


@pytest.fixture
def old_pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for number in range(256):
        (folder / f"{number:02x}").mkdir(parents=True)
    return folder


def put(folder: Path, content: bytes, extension: str, *, digest: str = "") -> str:
    """Store a picture as the script did; return its address path."""
    digest = digest or hashlib.md5(content).hexdigest()
    path = f"/{digest[:2]}/{digest[2:]}.{extension}"
    file = folder / path[1:]
    file.write_bytes(content)
    file.chmod(0o600)
    return path


def copy_script(old: Path) -> str:
    return re.sub(r"^OLD=.*$", f"OLD='{old}'", script(PAGE, COPY), count=1, flags=re.MULTILINE)


def test_every_shell_block_is_tried_here() -> None:
    assert [block.text for block in blocks(PAGE, "sh") if not block.text.startswith(TRIED)] == []


def test_moved_pictures_of_every_type_keep_their_addresses(running: Stack, clone: Clone, old_pictures: Path) -> None:
    kinds = [*FORMATS.items(), ("JPEG", "jpeg")]
    moved = [
        (put(old_pictures, content, extension), content) for kind, extension in kinds for content in [picture(kind)]
    ]
    clone.must_run(copy_script(old_pictures))
    for path, content in moved:
        for address in (path, f"/?path={path}"):
            answer = running.get(address, referer="http://localhost:1313/old-post/")
            assert (answer.status_code, answer.content) == (200, content)
        assert running.upload(content, "the-same-again.png") == path


def test_half_written_file_is_listed_and_can_be_repaired(running: Stack, clone: Clone, old_pictures: Path) -> None:
    content = picture()
    path = put(old_pictures, content[:-20], "png", digest=hashlib.md5(content).hexdigest())
    done = clone.run(copy_script(old_pictures))
    assert done.returncode == 1
    assert path in done.stderr
    assert running.get(f"/?path={path}").content == content[:-20]
    (clone.folder / "var" / "blobs" / path[1:]).unlink()
    assert running.upload(content) == path
    clone.must_run(copy_script(old_pictures))
    assert running.get(path).content == content, "copied over by the old half"


def test_names_that_are_not_served_are_listed(running: Stack, clone: Clone, old_pictures: Path) -> None:
    good = put(old_pictures, picture(), "png")
    shouting = put(old_pictures, picture(), "PNG")
    drawing = put(old_pictures, b"<svg/>", "svg")
    clone.must_run(copy_script(old_pictures))
    listed = clone.must_run(script(PAGE, "find var/blobs")).stdout
    assert {shouting, drawing} == {f"/{line.removeprefix('var/blobs/')}" for line in listed.splitlines()}
    assert running.get(f"/?path={shouting}").status_code == 404
    assert running.get(f"/?path={good}").status_code == 200
    for path in (shouting, drawing):
        (running.data_dir / "blobs" / path[1:]).unlink()


def test_old_token_still_uploads_and_a_short_one_gives_a_warning(running: Stack, clone: Clone) -> None:
    done = clone.must_run(script(PAGE, "echo 'OLD-TOKEN'"))
    assert "may be guessed" in done.stderr
    answer = running.post(picture(), token="OLD-TOKEN")
    assert answer.json()["status"] == 0


def test_two_entries_allow_the_host_and_all_below_it(running: Stack, clone: Clone) -> None:
    path = running.upload(picture())
    clone.must_run(script(PAGE, ".venv/bin/authsvc site add example.com"))
    pages = ("https://example.com/", "http://www.example.com/post")
    wait_until(lambda: all(may_embed(running, path, page) for page in pages), "both hosts may embed")
    assert not may_embed(running, path, "http://example.com.evil.net/")


@pytest.mark.needs_nginx
def test_own_placeholders_and_hidden_referers_work_as_described(old_pictures: Path) -> None:
    old_pictures.parent.chmod(0o755)
    hotlink, missing = picture("GIF"), picture("WEBP")
    (old_pictures / "401.png").write_bytes(hotlink)
    (old_pictures / "404.png").write_bytes(missing)
    hidden = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}
    block = next(block.text for block in blocks(PAGE, "toml") if "hotlink_status" in block.text)
    assert '`hidden_referer = "allow"`' in PAGE.read_text()
    moved = Stack()
    settings = block.replace("/srv/upimg", str(old_pictures)) + 'hidden_referer = "allow"\n'
    (moved.data_dir / "authsvc.toml").write_text(settings)
    with moved as stack:
        assert stack.get(stack.upload(picture()), **hidden).status_code == 200
        stranger = stack.get("/?path=/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png", referer="http://stranger.example/")
        assert (stranger.status_code, stranger.content) == (200, hotlink)
        gone = stack.get("/?path=/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png")
        assert (gone.status_code, gone.content) == (200, missing)
