"""Follow docs/blogging.md against a running service."""

from collections.abc import Iterator

import pytest

from tests.support.docs.clone import Clone, clone_of, may_embed, script
from tests.support.docs.markdown import DOCS, ROOT, blocks
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

PAGE = DOCS / "blogging.md"
SITE = "authsvc site add"
VERDICT = "authsvc verdict"
IMAGE = "authsvc image list"
WELCOME = ROOT / "nginx" / "welcome.png"


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def clone(running: Stack) -> Iterator[Clone]:
    with clone_of(running.data_dir, running.environment) as found:
        yield found


def in_clone(beginning: str) -> str:
    """Return a block in the form for a clone, as the page explains it."""
    text = script(PAGE, beginning)
    return "".join(f".venv/bin/{line}" for line in text.splitlines(keepends=True))


def test_every_shell_block_is_tried_here() -> None:
    assert [block.text for block in blocks(PAGE, "sh") if not block.text.startswith((SITE, VERDICT, IMAGE))] == []


def test_added_site_is_listed_and_may_embed(running: Stack, clone: Clone) -> None:
    path = running.upload(picture())
    shown = clone.must_run(in_clone(SITE)).stdout
    assert "blog.example.com" in shown
    wait_until(lambda: may_embed(running, path, "https://blog.example.com/post/"), "the site may embed")
    assert "allow" in clone.must_run(in_clone(VERDICT)).stdout


def test_picture_of_the_page_is_listed_shown_and_removed(running: Stack, clone: Clone) -> None:
    path = running.upload(WELCOME.read_bytes())
    shown = clone.must_run(in_clone(IMAGE)).stdout
    assert path in shown
    assert "600" in shown
    wait_until(lambda: running.get(path, connection="close").status_code == 404, "the picture is removed")
