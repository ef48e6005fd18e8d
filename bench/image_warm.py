"""How fast existing sizes are read, compared with nginx sending the same files."""

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.figures import paired_ratios
from bench.load import BROWSER, FETCH, Target, measure, pin, workers
from bench.servers import running_nginx
from tests.support.stack import Stack, free_port

WIDTH: Final = 320
SECONDS: Final = 2
_COPIED: Final = (
    "cache-control",
    "vary",
    "x-content-type-options",
    "content-security-policy",
    "cross-origin-resource-policy",
)
_NGINX: Final = """
daemon off; user www-data; worker_processes 1; worker_rlimit_nofile 8192; pcre_jit on;
pid {folder}/static.pid; error_log {folder}/static.log;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; server_tokens off; keepalive_requests 10000; etag on;
    access_log {folder}/static-access.log combined buffer=32k flush=1s;
    open_file_cache max=1000 inactive=60s; open_file_cache_valid 5s;
    types {{ image/webp webp; }}
    server {{ listen 127.0.0.1:{port}; root {root}; {headers} }}
}}
"""


def warm(stack: Stack, paths: list[str], *, rounds: int) -> dict[str, object]:
    """Return reads a second of both ways, their ratio, and that of ours asked once more."""
    page = {"Referer": "http://localhost:1313/post/"}
    for path in paths:
        answer = stack.get(f"{path}?w={WIDTH}", Accept="image/webp", **page)
        assert answer.headers["content-type"] == "image/webp"
    headers = "".join(f'add_header {name} "{answer.headers[name]}";' for name in _COPIED)
    sent = {**BROWSER, **FETCH, **page, "Accept": "image/webp,*/*;q=0.8"}
    with TemporaryDirectory(prefix="asv-", dir="/tmp") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        main, ours, theirs = folder / "static.conf", folder / "ours.targets", folder / "theirs.targets"
        ours.write_text("".join(f"{path}?w={WIDTH}\n" for path in paths))
        theirs.write_text("".join(f"{path}/{WIDTH}.webp\n" for path in paths))
        root = stack.data_dir / "derivatives"
        main.write_text(_NGINX.format(folder=folder, port=port, root=root, headers=headers))
        mine = workers(stack.pid("nginx"))
        pin(mine)
        with running_nginx(main, folder / "static.pid") as static:
            targets = {
                "ours": Target(stack.port, ours, mine, sent),
                "static": Target(port, theirs, static, sent),
                "again": Target(stack.port, ours, mine, sent),
            }
            found = {way: [measure(target, seconds=SECONDS).rate for _ in ()] for way, target in targets.items()}
            for _ in range(max(rounds, 3)):
                for way, target in targets.items():
                    found[way].append(measure(target, seconds=SECONDS).rate)
    return {
        "reads": round(statistics.median(found["ours"])),
        "static_reads": round(statistics.median(found["static"])),
        "ratio": round(statistics.median(paired_ratios(found["ours"], found["static"])), 3),
        "again": round(statistics.median(paired_ratios(found["again"], found["ours"])), 3),
    }
