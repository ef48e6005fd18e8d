"""Follow docs/nginx.md: in front of the stack, and inside an nginx of one's own."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from authsvc.nginx.program import nginx_program
from authsvc.settings import Settings, load
from tests.support.docs.clone import Clone, clone_of, script
from tests.support.docs.markdown import DOCS, blocks
from tests.support.pictures import noise, picture
from tests.support.stack import AUTHSVC, Stack, free_port, wait_until

PAGE = DOCS / "nginx.md"
RENDERED = "/etc/nginx/authsvc"
TRIED = (".venv/bin/authsvc init", ".venv/bin/authsvc nginx render", ".venv/bin/authsvc serve")
STRANGER = {"referer": "http://stranger.example/"}


@contextmanager
def process(*command: str, folder: Path) -> Iterator[None]:
    with (folder / "process.log").open("ab") as log:
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        child.terminate()
        child.wait(60)


@contextmanager
def nginx_with(configuration: str, folder: Path, *, port: int) -> Iterator[httpx2.Client]:
    """Run an nginx as the user that runs the tests, and connect to it."""
    own = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{ }}\n"
    if os.geteuid() == 0:
        own += "user www-data;\n"
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {folder}/{name};\n" for name in names)
    main = folder / "main.conf"
    main.write_text(own + configuration.replace("http {\n", f"http {{\naccess_log off;\n{paths}", 1))
    program = nginx_program(load().settings)
    with (
        process(program, "-e", "stderr", "-c", str(main), folder=folder),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        wait_until(lambda: is_open(port), (folder / "process.log").read_text())
        yield client


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def without_tls(block: str, port: int) -> str:
    """Take the certificate away, which a test has not got."""
    plain, count = re.subn(r"^ *listen 443 ssl;$", f"listen 127.0.0.1:{port};", block, flags=re.MULTILINE)
    assert count == 1
    return re.sub(r"^ *ssl_\w+ .*\n", "", plain, flags=re.MULTILINE)


def upload(client: httpx2.Client, token: str, content: bytes) -> httpx2.Response:
    return client.post("/api/v1/upimg", files={"file": ("a.png", content)}, headers={"token": token})


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[Stack, httpx2.Client]]:
    """The stack with the page's settings, and a client of the nginx in front of it."""
    settings = next(block.text for block in blocks(PAGE, "toml"))
    port = free_port()
    server = Stack()
    (server.data_dir / "authsvc.toml").write_text(settings)
    with server as stack, clone_of(None) as front:
        block = without_tls(blocks(PAGE, "nginx")[0].text, port).replace("127.0.0.1:8080", f"127.0.0.1:{stack.port}")
        with nginx_with(f"http {{\n{block}}}\n", front.folder, port=port) as client:
            yield stack, client


def test_every_shell_block_is_tried_here() -> None:
    assert [block.text for block in blocks(PAGE, "sh") if not block.text.startswith(TRIED)] == []


def test_picture_uploaded_and_read_through_the_nginx_in_front(behind: tuple[Stack, httpx2.Client]) -> None:
    stack, client = behind
    content = picture()
    data = upload(client, stack.token, content).json()["data"]
    assert data["url"] == f"https://img.example.com{data['path']}"
    for address in (data["path"], f"/?path={data['path']}"):
        assert client.get(address, headers={"referer": "https://img.example.com/"}).content == content
        assert client.get(address, headers=STRANGER).status_code == 403
    assert client.get(f"/{data['path']}").status_code == 404


def test_refusals_reach_the_client_as_json_through_the_nginx_in_front(behind: tuple[Stack, httpx2.Client]) -> None:
    stack, client = behind
    limit = Settings.model_fields["max_upload_bytes"].default
    answers = [upload(client, "wrong", picture()), upload(client, stack.token, noise(limit + 100_000))]
    assert [answer.json()["code"] for answer in answers] == ["bad_token", "too_large"]
    assert [answer.headers["connection"] for answer in answers] == ["close", "close"]


@pytest.mark.needs_nginx
def test_steps_into_an_nginx_of_ones_own_lead_to_a_picture() -> None:
    port = free_port()
    with clone_of(None) as clone:
        prepare(clone)
        block = without_tls(blocks(PAGE, "nginx")[1].text, port).replace(RENDERED, f"{clone.folder}/nginx-files")
        assert script(PAGE, ".venv/bin/authsvc serve").startswith(".venv/bin/authsvc serve\nnginx -t")
        with (
            process(AUTHSVC, "serve", folder=clone.folder),
            nginx_with(block, clone.folder, port=port) as client,
        ):
            wait_until((clone.folder / "var" / "run" / "authsvc.sock").exists, "the service listens")
            token = clone.must_run(".venv/bin/authsvc token add tests").stdout.strip()
            content = picture()
            path = wait_until(lambda: uploaded(client, token, content), "an upload")
            assert client.get(path).content == content
            assert client.get(path, headers=STRANGER).status_code == 403


def prepare(clone: Clone) -> None:
    first = script(PAGE, ".venv/bin/authsvc init")
    assert "chgrp -R www-data var" in first
    # Another user's nginx runs as that user, who may read the folder anyway.
    clone.must_run(first if os.geteuid() == 0 else first.replace("chgrp", ": chgrp"))
    # The page has it twice: first, and after each change of sites.
    renders = [block.text for block in blocks(PAGE, "sh") if block.text.startswith(".venv/bin/authsvc nginx render")]
    clone.must_run(renders[0].replace(RENDERED, f"{clone.folder}/nginx-files"))


def uploaded(client: httpx2.Client, token: str, content: bytes) -> str:
    answer = upload(client, token, content)
    return str(answer.json()["data"]["path"]) if answer.status_code == 200 else ""
