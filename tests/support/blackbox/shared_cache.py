"""A cache in front of the product that many readers share, such as a CDN that honours Vary."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.nginx.wire import Wire
from tests.support.stack import Stack, free_port, wait_until

# What the answer does not forbid is kept: by its own headers and no other rule.
_CONF = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/kept keys_zone=kept:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host img.example.net;
            proxy_cache kept;
            proxy_cache_key $request_uri;
            proxy_cache_methods GET HEAD;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


class SharedCache:
    """nginx as such a cache. A context manager; `wire` talks to it."""

    def __init__(self, stack: Stack) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="asf-", dir="/tmp"))
        self._folder.chmod(0o755)
        self._conf = self._folder / "nginx.conf"
        self._conf.write_text(_CONF.format(folder=self._folder, port=self.port, behind=stack.port))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(["nginx", "-p", str(self._folder), "-c", str(self._conf), "-e", "stderr"])
        wait_until(self._is_there, "the cache listens")
        self.wire = Wire(self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wire.close()
        with self._process:
            self._process.terminate()
        shutil.rmtree(self._folder)

    def _is_there(self) -> bool:
        assert self._process.poll() is None
        try:
            with Wire(self.port) as wire:
                return wire.ask("/robots.txt").status == 200
        except ConnectionError:
            return False
