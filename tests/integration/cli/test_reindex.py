import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.cli.command import Home
from tests.support.pictures import picture
from tests.support.stack import AUTHSVC, Stack
from tests.support.up.fresh import FreshStack


def moved_in(home: Home, content: bytes, extension: str) -> str:
    """Lay a picture where the 2018 script would have; return its path."""
    digest = hashlib.md5(content).hexdigest()
    path = f"/{digest[:2]}/{digest[2:]}.{extension}"
    target = home.folder / "blobs" / path.lstrip("/")
    target.write_bytes(content)
    shutil.chown(target, group=target.parent.stat().st_gid)
    target.chmod(0o640)
    return path


def test_copied_pictures_are_added_once(home: Home) -> None:
    paths = {moved_in(home, picture("JPEG"), "jpeg"), moved_in(home, picture("PNG"), "png")}
    for _ in range(2):
        done = home.run("reindex")
        assert (done.status, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == "2 pictures are in the catalog, 0 cannot be added"
    listed = home.json("image", "list")
    assert {item["path"] for item in listed} == paths
    assert {(item["width"], item["height"]) for item in listed} == {(64, 48)}


def test_copied_picture_is_served_and_can_be_removed(stack: Stack) -> None:
    home = Home(stack.data_dir)
    path = moved_in(home, picture("JPEG"), "jpeg")
    home.ok("reindex")
    answer = stack.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert home.ok("image", "rm", path) == f"{path} is removed\n"


@pytest.mark.needs_nginx
def test_lost_catalog_is_rebuilt_from_the_store() -> None:
    with FreshStack() as stack:
        before = {stack.upload(picture(kind)) for kind in ("PNG", "GIF", "WEBP", "AVIF")}
        stack.stop()
        shutil.rmtree(stack.data_dir / "catalog")
        home = Home(stack.data_dir)
        home.ok("init")
        home.ok("reindex")
        assert {item["path"] for item in home.json("image", "list")} == before


def damage(home: Home, kind: str) -> str:
    path = moved_in(home, picture() if kind != "no picture" else b"plain text", "png")
    file = home.folder / "blobs" / path.lstrip("/")
    match kind:
        case "changed":
            file.write_bytes(picture())
        case "cut off":
            whole = picture()[:20]
            file.unlink()
            return moved_in(home, whole, "png")
        case "link to nowhere":
            file.unlink()
            file.symlink_to("/nowhere")
        case "folder":
            file.unlink()
            file.mkdir()
    return path


@pytest.mark.parametrize("kind", ["changed", "cut off", "no picture", "link to nowhere", "folder"])
def test_damaged_blob_is_reported_and_the_others_are_added(home: Home, kind: str) -> None:
    bad, good = damage(home, kind), moved_in(home, picture(), "png")
    done = home.run("reindex")
    assert done.status == 1
    assert done.stderr.startswith(f"{bad}: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.splitlines()[-1] == "1 pictures are in the catalog, 1 cannot be added"
    assert [item["path"] for item in home.json("image", "list")] == [good]


def test_other_files_in_the_store_are_not_touched(home: Home) -> None:
    note = home.folder / "blobs" / "00" / "README"
    note.write_text("not a blob")
    assert "0 pictures are in the catalog, 0 cannot be added" in home.ok("reindex")
    assert note.exists()


def test_progress_is_shown_on_a_terminal(home: Home, tmp_path: Path) -> None:
    moved_in(home, picture(), "png")
    typescript = tmp_path / "screen"
    command = f"{AUTHSVC} --data-dir {home.folder} reindex"
    subprocess.run(["script", "-qec", command, typescript], check=True, capture_output=True, timeout=60)
    assert "100%" in typescript.read_text()
