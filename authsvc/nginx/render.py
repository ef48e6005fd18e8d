"""Render nginx's files from the templates in `nginx/` and the settings."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.imaging.formats import FORMATS
from authsvc.model import KEY_PATH_PATTERN, WIDTHS, SiteList
from authsvc.nginx.placeholders import placeholder_files, placeholders
from authsvc.nginx.site_map import OWN_BUCKET_BYTES, WORDS, sites_context
from authsvc.nginx.templates import template_environment
from authsvc.nginx.uploads import uploads_context
from authsvc.settings import Settings
from authsvc.sizes.request import SUFFIXES
from authsvc.system.atomic import write_file
from authsvc.times import TIMES
from authsvc.verdict import embedder

MAIN_FILE: Final = "nginx.conf"
SERVER_FILE: Final = "authsvc-site.conf"
"""The `server` blocks for the nginx that a server already has."""

JIT_FILE: Final = "authsvc-jit.conf"
"""The directives outside of all blocks, for the nginx that a server already has."""
PLACEHOLDERS: Final = "placeholders"
"""The folder with copies of the placeholder pictures."""

_ONLY_UNDER_UP: Final = frozenset({MAIN_FILE})
_ONLY_ON_A_SERVER: Final = frozenset({SERVER_FILE, JIT_FILE, "snippets/security/tls.conf"})
_FORMER_NAMES: Final = {
    "snippets/acme.conf": "snippets/server/acme.conf",
    "snippets/hash-sizes.conf": "snippets/verdict/hash-sizes.conf",
    "snippets/tls.conf": "snippets/security/tls.conf",
}
"""An edited site file may still include these files by the names that they once had."""

_WORKER_CONNECTIONS: Final = 16384
"""Enough for readers beside 10,000 stalled connections in one worker. Each takes 424 bytes of memory from the start."""
_FILES_PER_CONNECTION: Final = 2
_AGENTS_A_PATTERN: Final = 8
"""A word in nginx's configuration has less than 4,096 characters; an agent of 200 becomes at most 400."""
_KEPT_FILES: Final = 1000
_KEPT_FILES_ON_A_SERVER: Final = 80
"""nginx keeps twice this number open (two locations), plus 32 verdicts and the placeholders. A distribution's nginx
opens at most 1,024 files, 768 of them connections; at the limit it refuses every read."""

_ACCEPT_PATTERN: Final = (
    r"(?:^|,)\s*image/TYPE\s*(?:;(?!(?:(?!\s*q=)[^,;]*;)*\s*q=0(?:\.0*)?\s*(?:[,;]|$))[^,]*)?(?:,|$)"
)
"""Finds a format in an Accept header (RFC 9110 section 12.5.1), unless its quality is 0."""


@dataclass(frozen=True, slots=True)
class RenderTarget:
    """The nginx for which files are rendered.

    `worker_user` is the user (and group) for nginx's `user` directive, or ""
    to leave it out, as for an nginx that is not started by root.
    `bucket_bytes` is nginx's `map_hash_bucket_size`, as far as it is known.
    `verdict_cache` is a folder that nginx creates; if nginx runs as root, the
    service must not be able to write beside it. Copies of the placeholders are in
    `placeholder_dir`. `access_log` is None under `up`, which has its own.
    """

    verdict_cache: Path
    placeholder_dir: Path
    worker_user: str = ""
    bucket_bytes: int = OWN_BUCKET_BYTES
    access_log: Path | None = None
    has_http2_directive: bool = False
    has_ipv6: bool = False
    sets_jit: bool = False


def render(settings: Settings, site_list: SiteList, folder: Path, target: RenderTarget) -> dict[str, str]:
    """Return the text of every nginx file, by its path below `folder`.

    Raises BadSetting for a placeholder that cannot be read or is not a picture.
    """
    environment = template_environment()
    context = _context(settings, site_list, folder, target)
    unused = _ONLY_UNDER_UP if target.access_log else _ONLY_ON_A_SERVER
    files = {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in environment.list_templates(extensions=["j2"])
        if name.removesuffix(".j2") not in unused
    }
    former = {name: f'include "{folder}/{now}";\n' for name, now in _FORMER_NAMES.items() if now in files}
    return files | former


def release_files(settings: Settings, site_list: SiteList, folder: Path, target: RenderTarget) -> dict[str, bytes]:
    """Return every file that nginx needs in `folder`, the placeholders too. Raises BadSetting like `render`."""
    texts = {name: text.encode() for name, text in render(settings, site_list, folder, target).items()}
    return texts | {f"{PLACEHOLDERS}/{name}": content for name, content in placeholder_files(settings).items()}


def own_files(settings: Settings, site_list: SiteList, folder: Path, *, worker_user: str = "") -> dict[str, bytes]:
    """Return the files for an nginx of authsvc's own, as `authsvc up` starts it."""
    target = RenderTarget(settings.nginx_dir / "verdicts", folder / PLACEHOLDERS, worker_user)
    return release_files(settings, site_list, folder, target)


def write_files(settings: Settings, site_list: SiteList, folder: Path, *, worker_user: str = "") -> list[Path]:
    """Write these files below `folder`, each whole or not at all; return their paths. Raises BadSetting, OSError."""
    files = own_files(settings, site_list, folder, worker_user=worker_user)
    paths = [folder / name for name in sorted(files)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, files[str(path.relative_to(folder))])
    return paths


def _context(settings: Settings, site_list: SiteList, folder: Path, target: RenderTarget) -> dict[str, object]:
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    open_files = min(hard_limit, _WORKER_CONNECTIONS * _FILES_PER_CONNECTION)
    return {
        "s": settings,
        **sites_context(settings, site_list, target.bucket_bytes),
        "conf": folder,
        "target": target,
        "sets_hash_sizes": target.bucket_bytes == OWN_BUCKET_BYTES,
        # Under `up`, nginx speaks plain HTTP, and our user may not read certificates.
        "has_certificate": target.access_log is not None and settings.has_certificate,
        "open_files": open_files,
        "connections": open_files // _FILES_PER_CONNECTION,
        "kept_files": _KEPT_FILES_ON_A_SERVER if target.access_log else _KEPT_FILES,
        "words": WORDS,
        "patterns": {
            "referer": embedder.REFERER_PATTERN,
            "origin": embedder.ORIGIN_PATTERN,
            "opaque": embedder.OPAQUE_ORIGIN,
            "fetch_metadata": embedder.FETCH_METADATA_PATTERN,
            "agents": _agent_patterns(settings.editor_agents),
            "key_path": KEY_PATH_PATTERN,
            "widths": "|".join(map(str, WIDTHS)),
            "accept": _ACCEPT_PATTERN,
        },
        "times": TIMES,
        "suffixes": {
            best_format: [suffix.format(extension="$authsvc_sized_extension") for suffix in tried]
            for best_format, tried in SUFFIXES.items()
        },
        "formats": list(FORMATS.values()),
        "placeholders": [p.in_folder(target.placeholder_dir) for p in placeholders(settings)],
        "hotlink_code": f"={settings.hotlink_status} " if settings.hotlink_status != 403 else "",  # noqa: PLR2004
        "missing_code": f"={settings.missing_status} " if settings.missing_status != 404 else "",  # noqa: PLR2004
        **uploads_context(max_upload_bytes=settings.max_upload_bytes),
    }


def _agent_patterns(agents: Sequence[str]) -> list[str]:
    """Return patterns for the agents: several agents in one pattern, because nginx tries them one after the other."""
    patterns = [embedder.agent_pattern(agent) for agent in agents]
    return ["|".join(patterns[at : at + _AGENTS_A_PATTERN]) for at in range(0, len(patterns), _AGENTS_A_PATTERN)]
