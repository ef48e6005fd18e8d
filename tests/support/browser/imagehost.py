"""The product as on a server: the real nginx with its `server` blocks for a certificate."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authsvc.access.site_list_file import read_site_list
from authsvc.nginx.placeholders import placeholder_files
from authsvc.nginx.program import nginx_program, read_build
from authsvc.nginx.render import SERVER_FILE, RenderTarget, render
from tests.support.browser.places import IMAGE_HOST, SITES
from tests.support.nginx.site_list import settings_of, wait_until_service_is_quiet
from tests.support.stack import Stack, free_port, wait_until
from tests.support.tls import Pair

_MAIN: Final = """\
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn; pcre_jit on;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on;
    include {conf}/authsvc-site.conf;
}}
"""


@dataclass
class ImageHost:
    """nginx's two ports and its answers."""

    stack: Stack
    folder: Path
    plain_port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)

    def answered(self, since: int) -> list[int]:
        """Return the statuses of the requests for pictures after `since`, a position in the log."""
        with (self.folder / "access.log").open() as log:
            log.seek(since)
            lines = log.read().splitlines()
        return [int(line.split()[4]) for line in lines if ".png" in line]

    def log_end(self) -> int:
        """Return the position of the next line in the log."""
        return (self.folder / "access.log").stat().st_size


@contextmanager
def image_host(folder: Path, certificate: Pair) -> Iterator[ImageHost]:
    """Run it with the owner's sites on the list."""
    with Stack(
        public_url=f"https://{IMAGE_HOST}",
        certificate=certificate.certificate,
        certificate_key=certificate.key,
        upload_rate=1000,
        upload_burst=1000,
    ) as stack:
        for site in SITES:
            stack.cli("site", "add", site)
        wait_until_service_is_quiet(stack)
        host = ImageHost(stack, folder)
        with _nginx(host):
            yield host


@contextmanager
def _nginx(host: ImageHost) -> Iterator[None]:
    program = nginx_program(settings_of(host.stack))
    main = _write(host, program)
    with subprocess.Popen([program, "-c", str(main)], stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until((host.folder / "nginx.pid").exists, "nginx runs with its certificate")
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _write(host: ImageHost, program: str) -> Path:
    """Write the files that `authsvc nginx install` writes; the ports are this test's and the log is at once."""
    settings = settings_of(host.stack)
    conf = host.folder / "authsvc"
    around = RenderTarget(
        host.folder / "verdicts",
        conf / "placeholders",
        access_log=host.folder / "access.log",
        has_http2_directive=read_build(program).version >= (1, 25, 1),
    )
    around.placeholder_dir.mkdir(parents=True, exist_ok=True)
    for name, content in placeholder_files(settings).items():
        (around.placeholder_dir / name).write_bytes(content)
    for name, text in render(settings, read_site_list(settings.site_list_path), conf, around).items():
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        (conf / name).write_text(_with_ports(text, host) if name == SERVER_FILE else text)
    under_up = (host.stack.data_dir / "nginx" / "conf" / "nginx.conf").read_text()
    user = re.search(r"^user .*;$", under_up, re.MULTILINE)
    main = host.folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=host.folder, conf=conf, user=user[0] if user else ""))
    return main


def _with_ports(text: str, host: ImageHost) -> str:
    text, plain = re.subn(r"listen 80;", f"listen 127.0.0.1:{host.plain_port};", text)
    text, secure = re.subn(r"listen 443 ", f"listen 127.0.0.1:{host.tls_port} ", text)
    text, logs = re.subn(r" buffer=32k flush=1s;", ";", text)
    assert (plain, secure, logs) == (1, 1, 2), text
    return text
