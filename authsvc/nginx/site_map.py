"""nginx's map of sites: rendered from the list, and installed in place of the old one."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from authsvc.model import SiteList
from authsvc.nginx.program import check_config
from authsvc.nginx.release import Releases
from authsvc.nginx.templates import template_environment
from authsvc.settings import Settings
from authsvc.verdict import embedder

SITES_FILE: Final = "authsvc-sites.conf"

WORDS: Final = {"none": embedder.NONE, "hidden": embedder.HIDDEN, "invalid": embedder.INVALID}

OWN_BUCKET_BYTES: Final = 512
"""`map_hash_bucket_size` where authsvc sets it: every legal host fits."""
FOREIGN_BUCKET_BYTES: Final = 64
"""The assumed size where authsvc may not set it: nginx's smallest default."""

_POINTER_BYTES: Final = 8


def render_sites(settings: Settings, site_list: SiteList, *, bucket_bytes: int = OWN_BUCKET_BYTES) -> str:
    """Return the text of `SITES_FILE` for an nginx with that `map_hash_bucket_size`."""
    template = template_environment().get_template(f"{SITES_FILE}.j2")
    return template.render(s=settings, words=WORDS, **sites_context(settings, site_list, bucket_bytes))


def sites_context(settings: Settings, site_list: SiteList, bucket_bytes: int) -> dict[str, object]:
    """Return the sites and our own hosts as keys of the map. nginx refuses duplicates."""
    patterns = sorted({*site_list.patterns, *settings.own_hosts})
    return {"revision": site_list.revision, "map_keys": [_map_key(pattern, bucket_bytes) for pattern in patterns]}


def install_sites(
    conf: Path,
    text: str,
    *,
    program: str,
    main_file: Path,
    change: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> bool:
    """Switch to a release that differs from the one in use by this map of sites.

    `conf` is the link to the release in use; `change` is a context for the
    change, if there is one. Returns False when it has that map
    already. Raises Broken when nginx refuses it; the old release is then in use
    again.
    """
    releases = Releases(conf)
    before = releases.files()
    files = before | {SITES_FILE: text.encode()}
    if files == before:
        return False
    with change(), releases.switched(files):
        check_config(program, main_file)
    return True


def bucket_bytes_of(conf: Path) -> int:
    """Return the `map_hash_bucket_size` that the release in use was rendered for."""
    sets_it = re.compile(rb"^map_hash_bucket_size ", re.MULTILINE)
    is_ours = any(sets_it.search(content) for content in Releases(conf).files().values())
    return OWN_BUCKET_BYTES if is_ours else FOREIGN_BUCKET_BYTES


def _map_key(pattern: str, bucket_bytes: int) -> str:
    r"""Write one pattern as a key of an nginx map with `hostnames`.

    A host is written \\host, because `default` and `include` are legal host
    names, but directives in a map. With one backslash, \news would begin with a
    line break. nginx refuses a host that does not fit into a bucket, so such a
    host becomes a regular expression, which is slower.
    """
    host = pattern.removeprefix("*.")
    is_wildcard = host != pattern
    # nginx stores a wildcard label by label, and a host as a whole.
    pieces = host.split(".") if is_wildcard else [host]
    if max(map(_element_bytes, pieces)) > bucket_bytes:
        start = r"\." if is_wildcard else "^"
        return rf'"~{start}{re.escape(host)}\z"'
    return pattern if is_wildcard else rf"\\{host}"


def _element_bytes(name: str) -> int:
    """Return the bytes that a name takes in a bucket of nginx: NGX_HASH_ELT_SIZE and a closing pointer."""
    aligned = -(-(len(name) + 2) // _POINTER_BYTES) * _POINTER_BYTES
    return _POINTER_BYTES + aligned + _POINTER_BYTES
