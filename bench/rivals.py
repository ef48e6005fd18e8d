"""The other ways to serve pictures, as one nginx configuration with a server for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.support.stack import Stack, free_port

KEPT_FILES: Final = 1000
"""What the product's open_file_cache holds under `up`; the rivals' holds as many."""
SECRET: Final = "not-a-secret"
EXPIRES: Final = 4102444800

_NGINX: Final = """
daemon off; user www-data; worker_processes 1; worker_rlimit_nofile 8192; pcre_jit on;
pid {folder}/rivals.pid; error_log {folder}/rivals.log;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; server_tokens off; keepalive_requests 10000; etag on;
    access_log {folder}/rivals-access.log combined buffer=32k flush=1s;
    open_file_cache max={kept} inactive=60s; open_file_cache_valid 5s;
    types {{ image/png png; }}
    upstream product {{ server unix:{socket}; keepalive 16; }}
    upstream service {{ server 127.0.0.1:{service}; keepalive 32; }}
    upstream script {{ server 127.0.0.1:{script}; keepalive 32; }}
    proxy_http_version 1.1; proxy_set_header Connection "";
    server {{ listen 127.0.0.1:{bare}; root {blobs}; }}
    server {{ listen 127.0.0.1:{same}; root {blobs}; {headers} }}
    server {{ listen 127.0.0.1:{tls} ssl http2; root {blobs}; {headers} include {tls_rules}; }}
    server {{ listen 127.0.0.1:{valid}; root {blobs}; {headers}
              valid_referers none {names};
              if ($invalid_referer) {{ return 403; }} }}
    server {{ listen 127.0.0.1:{signed}; root {blobs}; {headers}
              secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri {secret}";
              if ($secure_link = "") {{ return 403; }}
              if ($secure_link = "0") {{ return 410; }} }}
    server {{ listen 127.0.0.1:{asked}; root {blobs}; {headers}
              location / {{ auth_request /ask; }}
              location = /ask {{ internal; proxy_pass http://product/verdict; proxy_pass_request_headers off;
                                 proxy_set_header X-Embedder localhost; proxy_pass_request_body off;
                                 proxy_set_header Content-Length ""; }} }}
    server {{ listen 127.0.0.1:{accel};
              location / {{ proxy_pass http://service/accel/; }}
              location /kept/ {{ internal; alias {blobs}/; {headers} }} }}
    server {{ listen 127.0.0.1:{python}; location / {{ proxy_pass http://service; }} }}
    server {{ listen 127.0.0.1:{original}; location / {{ proxy_pass http://script; }} }}
    server {{ listen 127.0.0.1:{refusing}; error_page 403 /hotlink;
              location / {{ return 403; }}
              location = /hotlink {{ internal; alias {hotlink}; types {{ }} default_type image/png; etag off;
                                     if_modified_since off; max_ranges 0; {refusal_headers} }} }}
}}
"""
NAMES: Final = ("bare", "same", "tls", "valid", "signed", "asked", "accel", "python", "original", "refusing")
_COPIED_HEADERS: Final = (
    "cache-control",
    "vary",
    "x-content-type-options",
    "content-security-policy",
    "cross-origin-resource-policy",
)


def rival_configuration(
    stack: Stack, folder: Path, path: str, sites: Sequence[str], **around: Path | int
) -> tuple[Path, dict[str, int]]:
    """Write the rivals' nginx file below `folder`; return it, and each rival's port by its name.

    They send the headers that the stack sends with the picture at `path`.
    `around` is the file `tls_rules` and the ports of the Python rivals, `service` and `script`.
    """
    ports = {name: free_port() for name in NAMES}
    shown = stack.get(path, Referer=f"https://{sites[-1]}/")
    refused = stack.get(path, Referer="https://stranger.example/")
    assert (shown.status_code, refused.status_code) == (200, 403), "the product decides"
    main = folder / "rivals.conf"
    main.write_text(
        _NGINX.format(
            folder=folder,
            kept=KEPT_FILES,
            socket=stack.data_dir / "run" / "authsvc.sock",
            blobs=stack.data_dir / "blobs",
            headers=_added(shown.headers),
            refusal_headers=_added(refused.headers),
            names=" ".join(site for site in sites if not site.startswith("[")),
            hotlink=stack.data_dir / "nginx" / "conf" / "placeholders" / "hotlink.png",
            secret=SECRET,
            **around,
            **ports,
        )
    )
    return main, ports


def _added(sent: Mapping[str, str]) -> str:
    """Return nginx's directives for the headers that the product adds to an answer."""
    return " ".join(f'add_header {name} "{sent[name]}" always;' for name in _COPIED_HEADERS if name in sent)
