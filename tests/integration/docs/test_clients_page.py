"""Upload with the settings of docs/clients.md, as each client uses them."""

import functools
import json
import operator
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.docs.clone import Clone, clone_of, script
from tests.support.docs.markdown import DOCS, README, blocks, section, spans, tables
from tests.support.pictures import picture
from tests.support.stack import Stack

PAGE = DOCS / "clients.md"
HOST = "https://img.example.com"
TRIED = ("curl -H", "flameshot gui", "#!/bin/sh")


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


@pytest.fixture
def clone(running: Stack) -> Iterator[Clone]:
    with clone_of(None, running.environment) as found:
        yield found


def filled(text: str, stack: Stack) -> str:
    """Put the stack's address and token into a text of the page."""
    return text.replace(HOST, f"http://localhost:{stack.port}").replace("YOUR-TOKEN", stack.token)


def example(heading: str, stack: Stack) -> dict[str, Any]:
    """Return the JSON below a heading."""
    there = section(PAGE, heading)
    (text,) = (block.text for block in blocks(PAGE, "json") if block.text in there)
    parsed: dict[str, Any] = json.loads(filled(text, stack))
    return parsed


def fields(heading: str, stack: Stack) -> dict[str, str]:
    """Return the table below a heading: what is entered into each field, without the backticks."""
    there = section(PAGE, heading)
    (rows,) = (table for table in tables(PAGE) if all(f"| {name} | {value} |" in there for name, value in table))
    return {name: filled(value.split("`")[1], stack) for name, value in rows[1:]}


def upload(url: str, field: str, headers: Mapping[str, str], content: bytes) -> httpx2.Response:
    return httpx2.post(url, files={field: ("a.png", content)}, headers=dict(headers), timeout=30)


def at(answer: dict[str, Any], path: Sequence[str]) -> str:
    """Return the text at a path of names in a JSON answer."""
    return str(functools.reduce(operator.getitem, path, answer))


def assert_is_address(url: str, content: bytes) -> None:
    assert httpx2.get(url).content == content


def test_every_shell_block_is_tried_here() -> None:
    assert [block.text for block in blocks(PAGE, "sh") if not block.text.startswith(TRIED)] == []


def test_curl(running: Stack, clone: Clone) -> None:
    content = picture()
    (clone.folder / "picture.png").write_bytes(content)
    answer = json.loads(clone.must_run(filled(script(PAGE, "curl -H"), running)).stdout)
    assert_is_address(answer["data"]["url"], content)


def test_mweb(running: Stack) -> None:
    entered, content = fields("## MWeb", running), picture()
    headers = {entered["Header"]: running.token}
    answer = upload(entered["API URL"], entered["POST file name"], headers, content).json()
    assert_is_address(at(answer, entered["JSON path of the address"].split("/")), content)
    assert "`data/path`" in section(PAGE, "## MWeb")
    assert_is_address(f"http://localhost:{running.port}{answer['data']['path']}", content)


def test_picgo(running: Stack) -> None:
    host, content = example("## PicGo", running)["picBed"]["web-uploader"], picture()
    answer = upload(host["url"], host["paramName"], json.loads(host["customHeader"]), content).json()
    assert_is_address(at(answer, host["jsonPath"].split(".")), content)


def test_piclist(running: Stack) -> None:
    host, content = example("## PicList", running)["picBed"]["advancedplist"], picture()
    answer = upload(host["endpoint"], host["formDataKey"], json.loads(host["headers"]), content).json()
    assert_is_address(at(answer, host["resDataPath"].split(".")), content)


def test_upic(running: Stack) -> None:
    entered, content = fields("## uPic", running), picture()
    answer = upload(entered["API URL"], entered["File field"], {entered["Header"]: running.token}, content).json()
    assert_is_address(at(answer, json.loads(entered["Result path"])), content)


def test_sharex(running: Stack) -> None:
    uploader, content = example("## ShareX", running), picture()
    assert (uploader["RequestMethod"], uploader["Body"]) == ("POST", "MultipartFormData")
    answer = upload(uploader["RequestURL"], uploader["FileFormName"], uploader["Headers"], content)
    assert_is_address(at(answer.json(), _sharex_path(uploader["URL"])), content)
    assert httpx2.get(at(answer.json(), _sharex_path(uploader["ThumbnailURL"]))).status_code == 200
    refused = upload(uploader["RequestURL"], uploader["FileFormName"], uploader["Headers"], b"no picture")
    assert refused.status_code == 415
    assert at(refused.json(), _sharex_path(uploader["ErrorMessage"]))


def test_flameshot(running: Stack, clone: Clone) -> None:
    command = script(PAGE, "flameshot gui --raw |")
    assert command.strip() in spans(README)
    (clone.folder / "screenshot.png").write_bytes(picture())
    answer = clone.must_run(filled(command, running).replace("flameshot gui --raw", "cat screenshot.png")).stdout
    assert json.loads(answer)["status"] == 0


def test_typora(running: Stack, tmp_path: Path) -> None:
    program = tmp_path / "upload-picture"
    program.write_text(filled(script(PAGE, "#!/bin/sh"), running))
    program.chmod(0o755)
    contents = [picture(), picture()]
    files = [tmp_path / "one.png", tmp_path / "a second.png"]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    done = subprocess.run([program, *files], env=os.environ, capture_output=True, text=True, check=True, timeout=60)
    for url, content in zip(done.stdout.splitlines(), contents, strict=True):
        assert_is_address(url, content)


def _sharex_path(expression: str) -> list[str]:
    return expression.removeprefix("{json:").removesuffix("}").split(".")
