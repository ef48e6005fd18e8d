"""Follow README.md line by line."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.docs.clone import Clone, clone_of, script
from tests.support.docs.markdown import README, blocks, section
from tests.support.pictures import FORMATS, picture
from tests.support.stack import Stack, wait_until

UPLOAD = "curl -H 'token: YOUR-TOKEN' -F file=@var"
COPY = "OLD="
TRIED = (
    UPLOAD,
    COPY,
    ".venv/bin/authsvc site add blog.example.com",
    ".venv/bin/authsvc site list",
    "find var/blobs",
    "echo 'OLD-TOKEN' |",
    ".venv/bin/authsvc site add example.com",
)


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


def may_embed(stack: Stack, path: str, page: str) -> bool:
    # On a connection of its own: a reload of nginx closes the idle ones.
    return stack.get(path, referer=page, connection="close").status_code == 200


def put(folder: Path, content: bytes, extension: str, *, digest: str = "") -> str:
    """Store a picture as the script did; return its address path."""
    digest = digest or hashlib.md5(content).hexdigest()
    path = f"/{digest[:2]}/{digest[2:]}.{extension}"
    file = folder / path[1:]
    file.write_bytes(content)
    file.chmod(0o600)
    return path


def copy_script(old: Path) -> str:
    return re.sub(r"^OLD=.*$", f"OLD='{old}'", script(README, COPY), count=1, flags=re.MULTILINE)


def upload_script(stack: Stack) -> str:
    return script(README, UPLOAD).replace("YOUR-TOKEN", stack.token).replace(":8080/", f":{stack.port}/")


def test_every_shell_block_is_tried_here_or_is_a_make_target() -> None:
    # tests/system/server/test_readme.py does the steps on a server.
    on_server = section(README, "## On your server")
    tried = [block.text for block in blocks(README, "sh") if block.text in on_server]
    assert len(tried) == 5
    others = [block.text for block in blocks(README, "sh") if not block.text.startswith(TRIED)]
    assert [text for text in others if text not in tried] == ["make run\n", "make test\n"]


def test_first_upload_is_the_line_that_the_start_prints(running: Stack) -> None:
    printed = next(line.strip() for line in running.output.splitlines() if line.strip().startswith("curl "))
    generic = re.sub(r"'token: [^']*'", "'token: YOUR-TOKEN'", printed)
    generic = generic.replace(str(running.data_dir), "var").replace(f":{running.port}/", ":8080/")
    assert generic + "\n" == script(README, UPLOAD)


def test_first_upload_works_as_it_stands(running: Stack, clone: Clone) -> None:
    answer = json.loads(clone.must_run(upload_script(running)).stdout)
    assert answer["status"] == 0
    assert {"url", "markdown", "html", "bbcode"} <= answer["data"].keys()
    # The README explains addresses by this very picture.
    assert f"`{answer['data']['path']}`" in README.read_text()
    assert running.get(answer["data"]["path"]).status_code == 200


def test_site_added_as_described_may_embed(running: Stack, clone: Clone) -> None:
    path = running.upload(picture())
    clone.must_run(script(README, ".venv/bin/authsvc site add blog"))
    wait_until(lambda: may_embed(running, path, "https://blog.example.com/post/"), "the site may embed")
    shown = clone.must_run(script(README, ".venv/bin/authsvc site list")).stdout
    assert "blog.example.com" in shown
    assert "allow" in shown
    assert path in shown


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


def test_half_written_file_is_named_and_can_be_healed(running: Stack, clone: Clone, old_pictures: Path) -> None:
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
    listed = clone.must_run(script(README, "find var/blobs")).stdout
    assert {shouting, drawing} == {f"/{line.removeprefix('var/blobs/')}" for line in listed.splitlines()}
    assert running.get(f"/?path={shouting}").status_code == 404
    assert running.get(f"/?path={good}").status_code == 200
    for path in (shouting, drawing):
        (running.data_dir / "blobs" / path[1:]).unlink()


def test_old_token_opens_uploads_and_its_shortness_is_warned_about(running: Stack, clone: Clone) -> None:
    done = clone.must_run(script(README, "echo 'OLD-TOKEN'"))
    assert "may be guessed" in done.stderr
    answer = running.post(picture(), token="OLD-TOKEN")
    assert answer.json()["status"] == 0


def test_entry_of_the_old_list_covers_the_host_and_those_below(running: Stack, clone: Clone) -> None:
    path = running.upload(picture())
    clone.must_run(script(README, ".venv/bin/authsvc site add example.com"))
    pages = ("https://example.com/", "http://www.example.com/post")
    wait_until(lambda: all(may_embed(running, path, page) for page in pages), "both may embed")
    assert not may_embed(running, path, "http://example.com.evil.net/")


@pytest.mark.needs_nginx
def test_own_placeholders_and_hidden_referers_as_described(old_pictures: Path) -> None:
    old_pictures.parent.chmod(0o755)
    hotlink, missing = picture("GIF"), picture("WEBP")
    (old_pictures / "401.png").write_bytes(hotlink)
    (old_pictures / "404.png").write_bytes(missing)
    hidden = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}
    block = next(block.text for block in blocks(README, "toml") if "hotlink_status" in block.text)
    assert '`hidden_referer = "allow"`' in README.read_text()
    moved = Stack()
    settings = block.replace("/srv/upimg", str(old_pictures)) + 'hidden_referer = "allow"\n'
    (moved.data_dir / "authsvc.toml").write_text(settings)
    with moved as stack:
        assert stack.get(stack.upload(picture()), **hidden).status_code == 200
        stranger = stack.get("/?path=/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png", referer="http://stranger.example/")
        assert (stranger.status_code, stranger.content) == (200, hotlink)
        gone = stack.get("/?path=/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png")
        assert (gone.status_code, gone.content) == (200, missing)
