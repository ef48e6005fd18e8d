"""Follow README.md line by line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.docs.clone import Clone, clone_of, script
from tests.support.docs.markdown import DOCS, README, README_ZH, blocks, section
from tests.support.stack import Stack

UPLOAD = "curl -H 'token: YOUR-TOKEN' -F file=@var"
INSTALL_HEADING = "## Install on a server"
MAX_LINES = 260
SCREEN_LINES = 40


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def clone(running: Stack) -> Iterator[Clone]:
    with clone_of(running.data_dir, running.environment) as found:
        yield found


def upload_script(stack: Stack) -> str:
    return script(README, UPLOAD).replace("YOUR-TOKEN", stack.token).replace(":8080/", f":{stack.port}/")


def test_every_shell_block_is_tried_here_or_is_a_make_target() -> None:
    # tests/system/server/test_readme.py follows the steps on a server.
    on_server = section(README, INSTALL_HEADING)
    tried = [block.text for block in blocks(README, "sh") if block.text in on_server]
    assert len(tried) == 5
    others = [block.text for block in blocks(README, "sh") if not block.text.startswith(UPLOAD)]
    assert [text for text in others if text not in tried] == ["make run\n", "make test\n"]


def test_first_upload_is_the_line_that_the_start_prints(running: Stack) -> None:
    printed = next(line.strip() for line in running.output.splitlines() if line.strip().startswith("curl "))
    generic = re.sub(r"'token: [^']*'", "'token: YOUR-TOKEN'", printed)
    generic = generic.replace(str(running.data_dir), "var").replace(f":{running.port}/", ":8080/")
    assert generic + "\n" == script(README, UPLOAD)


def test_first_upload_works_as_written(running: Stack, clone: Clone) -> None:
    answer = json.loads(clone.must_run(upload_script(running)).stdout)
    assert answer["status"] == 0
    assert {"url", "markdown", "html", "bbcode"} <= answer["data"].keys()
    # docs/blogging.md explains addresses with this picture.
    assert f"`{answer['data']['path']}`" in (DOCS / "blogging.md").read_text()
    assert running.get(answer["data"]["path"]).status_code == 200


@pytest.mark.parametrize("readme", [README, README_ZH], ids=["English", "Chinese"])
def test_no_section_is_longer_than_a_screen(readme: Path) -> None:
    sections = re.split(r"(?m)^(?=## )", readme.read_text())
    assert [text.splitlines()[0] for text in sections if len(text.splitlines()) > SCREEN_LINES] == []
    assert len(readme.read_text().splitlines()) <= MAX_LINES
