"""The rendered files in an nginx that an administrator manages, beside another site."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from authsvc.nginx.program import nginx_program
from authsvc.settings import Settings
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import AUTHSVC, free_port, wait_until

CONTENT = picture(seed=11)

OWN_NGINX_CONF = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    map_hash_bucket_size 512;
    server_names_hash_bucket_size 128;
    types {{ text/html html; image/png png; }}
    default_type application/x-of-its-own;
    add_header X-Of-Its-Own yes;
    gzip on;
    gzip_types image/png;
    expires 1h;
    etag off;
    underscores_in_headers on;
    limit_req_zone $binary_remote_addr zone=of_its_own:1m rate=1r/s;
    proxy_cache_path {folder}/cache keys_zone=of_its_own_cache:1m;
    proxy_set_header X-Of-Its-Own yes;
    client_body_temp_path {folder}/body;
    log_format of_its_own '$request_uri';
    access_log {folder}/access.log of_its_own;

    include {conf}/authsvc-http.conf;

    server {{
        listen 127.0.0.1:{port};
        server_name blog.example;
        root {folder}/blog;
        error_page 404 /404.html;
        location / {{ }}
    }}
    server {{
        listen 127.0.0.1:{port} default_server;
        server_name img.example;
        include {conf}/authsvc-server.conf;
    }}
}}
"""


@dataclass(frozen=True)
class OwnServer:
    """An nginx that an administrator manages, with the service beside it."""

    folder: Path
    port: int
    path: str


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    """Initialise, render, include, serve: the steps of docs/nginx.md."""
    with ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
        cleanup.callback(shutil.rmtree, folder)
        port = free_port()
        environment = {**os.environ, "AUTHSVC_PUBLIC_URL": "https://img.example", "AUTHSVC_DATA_DIR": f"{folder}/data"}

        def authsvc(*arguments: str) -> str:
            run = subprocess.run([AUTHSVC, *arguments], env=environment, capture_output=True, text=True, check=True)
            return run.stdout

        authsvc("init")
        authsvc("site", "add", "blog.example")
        token = authsvc("token", "add", "tests").strip()
        rendered = authsvc("nginx", "render", f"{folder}/conf").splitlines()
        assert f"{folder}/conf/authsvc-server.conf" in rendered
        (folder / "blog").mkdir()
        (folder / "blog" / "index.html").write_text("the blog")
        (folder / "blog" / "404.html").write_text("the blog's own 404")
        user = "user root root;" if os.geteuid() == 0 else ""
        main_file = folder / "nginx.conf"
        main_file.write_text(OWN_NGINX_CONF.format(user=user, folder=folder, conf=folder / "conf", port=port))
        program = nginx_program(Settings())
        service = subprocess.Popen([AUTHSVC, "serve"], env=environment)
        cleanup.callback(service.wait, 15)
        cleanup.callback(service.terminate)
        nginx = subprocess.Popen([program, "-e", f"{folder}/error.log", "-c", str(main_file)], stderr=sys.stderr)
        cleanup.callback(nginx.wait, 15)
        cleanup.callback(nginx.terminate)
        base = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(base), "nginx answers")

        def upload() -> httpx2.Response:
            return httpx2.post(f"{base}/api/v1/upimg", files={"file": ("a.png", CONTENT)}, headers={"token": token})

        wait_until(lambda: upload().status_code == 200, "the service answers")
        yield OwnServer(folder, port, upload().json()["data"]["path"])


def _answers(base: str) -> bool:
    try:
        return httpx2.get(f"{base}/robots.txt").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def line(own: OwnServer) -> Iterator[Wire]:
    """A connection to that nginx."""
    with Wire(own.port) as connection:
        yield connection


def test_own_configuration_with_the_files_included_is_accepted(own: OwnServer) -> None:
    command = [nginx_program(Settings()), "-t", "-e", "stderr", "-c", str(own.folder / "nginx.conf")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "warn" not in run.stderr


@pytest.mark.parametrize("template", ["{}", "/?path={}", "/?path=%2F{}"], ids=["canonical", "old", "escaped old"])
def test_pictures_are_served_by_it(own: OwnServer, line: Wire, template: str) -> None:
    target = template.format(own.path.removeprefix("/") if "%2F" in template else own.path)
    answer = line.ask(target, {"Referer": "https://blog.example/", "Accept-Encoding": "gzip"})
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer["Content-Type"] == "image/png"
    assert line.ask(target, {"Referer": "https://stranger.example/"}).status == 403
    assert line.ask(target, {"Referer": "https://img.example/"}).status == 200
    assert line.ask("/00/000000000000000000000000000000.png").status == 404


def test_including_files_do_not_change_the_headers(own: OwnServer, line: Wire) -> None:
    answer = line.ask(own.path, {"Accept-Encoding": "gzip"})
    assert answer.all("Cache-Control") == ["private, max-age=31536000, immutable"]
    assert "X-Of-Its-Own" not in answer
    assert "ETag" in answer
    assert "Expires" not in answer
    denied = line.ask(own.path, {"Referer": "https://stranger.example/", "Accept-Encoding": "gzip"})
    assert denied.all("Cache-Control") == ["no-store"]
    assert "Expires" not in denied


def test_other_site_is_not_affected(own: OwnServer, line: Wire) -> None:
    stranger = {"Host": "blog.example", "Referer": "https://stranger.example/"}
    assert line.ask("/", stranger).body == b"the blog"
    missing = line.ask("/nothing", stranger)
    assert (missing.status, missing.body) == (404, b"the blog's own 404")
    assert line.ask(own.path, stranger).status == 404
    assert line.ask("/", stranger, method="POST").status == 405


def test_changed_site_list_renders_to_files_that_it_accepts(own: OwnServer) -> None:
    environment = {**os.environ, "AUTHSVC_DATA_DIR": f"{own.folder}/data", "AUTHSVC_PUBLIC_URL": "https://img.example"}
    for arguments in (["site", "add", "*.later.example"], ["nginx", "render", f"{own.folder}/conf"]):
        subprocess.run([AUTHSVC, *arguments], env=environment, capture_output=True, check=True)
    command = [nginx_program(Settings()), "-t", "-q", "-e", "stderr", "-c", str(own.folder / "nginx.conf")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
    assert "*.later.example 1;" in (own.folder / "conf" / "authsvc-sites.conf").read_text()
