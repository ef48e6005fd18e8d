"""Render nginx's files from the templates in `nginx/` and the settings."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from authsvc import embedder, errors
from authsvc.envelopes import native
from authsvc.errors import AnswerError, BadSetting, Broken
from authsvc.imaging.sniff import HEAD_BYTES, sniff
from authsvc.model import KEY_PATH_PATTERN, SiteList
from authsvc.settings import Settings

SITES_FILE: Final = "authsvc-sites.conf"
MAIN_FILE: Final = "nginx.conf"

MAX_PLACEHOLDER_BYTES: Final = 2**20
"""Strangers fetch placeholders all day, uncached; a larger one is a mistake."""

_WORDS: Final = {"none": embedder.NONE, "hidden": embedder.HIDDEN, "invalid": embedder.INVALID}

_WORKER_CONNECTIONS: Final = 4096
_FILES_PER_CONNECTION: Final = 2
_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755

# What nginx itself refuses on upload addresses, by the statuses it uses. 494
# is its name for headers too large; a dead service fails the question about
# the token with 500.
_NGINX_ERRORS: Final[tuple[tuple[type[AnswerError], str], ...]] = (
    (errors.BadRequest, "400"),
    (errors.BadToken, "401"),
    (errors.WrongScope, "403"),
    (errors.MethodNotAllowed, "405"),
    (errors.TooLarge, "413"),
    (errors.RateLimited, "429"),
    (errors.HeadersTooLarge, "414 494"),
    (errors.Unavailable, "502"),
    (errors.Busy, "503"),
    (errors.TimedOut, "504"),
    (errors.NotFound, ""),
    (errors.Full, ""),
)


@dataclass(frozen=True, slots=True)
class _NginxError:
    code: str
    status: int
    retry_after: int | None
    nginx_statuses: str
    body: str


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    path: Path
    mime: str
    ok_status: int


def template_dir() -> Path:
    """Return the folder of templates and placeholders.

    It lies beside the package in a checkout, below the prefix's `share` after
    an installation. Raises Broken when it is in neither place.
    """
    candidates = (Path(__file__).parents[1] / "nginx", Path(sys.prefix) / "share" / "authsvc" / "nginx")
    for candidate in candidates:
        if (candidate / "authsvc-http.conf.j2").is_file():
            return candidate
    raise Broken(reason=f"nginx's templates are in none of {', '.join(map(str, candidates))}; install authsvc again")


def nginx_program(settings: Settings) -> str:
    """Return the path of nginx's program. Raises Broken when there is none.

    Debian keeps it in /usr/sbin, which is not on an ordinary user's PATH.
    """
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which(settings.nginx, path=search)
    if program is None:
        raise Broken(reason=f"there is no program {settings.nginx!r}; install it: apt-get install nginx")
    return program


def render(settings: Settings, site_list: SiteList, folder: Path, *, worker_user: str = "") -> dict[str, str]:
    """Return the text of every nginx file, by its path below `folder`.

    `worker_user` is the user (and group) for nginx's `user` directive, or ""
    to leave it out, as for an nginx that is not started by root. Raises
    BadSetting for a placeholder that cannot be shown.
    """
    environment = _environment()
    context = _context(settings, site_list, folder, worker_user)
    return {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in environment.list_templates(extensions=["j2"])
    }


def render_sites(settings: Settings, site_list: SiteList) -> str:
    """Return the text of `SITES_FILE` alone, for a change of sites."""
    template = _environment().get_template(f"{SITES_FILE}.j2")
    return template.render(s=settings, words=_WORDS, **_sites_of(settings, site_list))


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write the rendered `files` below `folder`, each whole or not at all."""
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, text)


def replace_file(target: Path, text: str) -> None:
    """Give `target` the content `text`, whole or not at all."""
    fresh = target.with_name(f"{target.name}.new")
    fresh.write_text(text)
    fresh.chmod(_FILE_MODE)
    fresh.replace(target)


def check_config(program: str, main_file: Path) -> None:
    """Let nginx test its configuration. Raises Broken with nginx's own words."""
    # Its own errors go to the terminal of whoever asked, not to the log yet.
    command = [program, "-t", "-q", "-e", "stderr", "-c", str(main_file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — nginx_program's result
    if run.returncode != 0:
        raise Broken(reason=f"nginx refuses its configuration: {run.stderr.strip()}")


def install_sites(folder: Path, text: str, *, program: str) -> bool:
    """Replace the map of sites in `folder` by `text`, if nginx accepts it.

    Returns False when it has that text already. Raises Broken when nginx
    refuses it; the old map is then in place again.
    """
    target = folder / SITES_FILE
    before = target.read_text()
    if before == text:
        return False
    replace_file(target, text)
    try:
        check_config(program, folder / MAIN_FILE)
    except Broken:
        replace_file(target, before)
        raise
    return True


def check_placeholders(settings: Settings) -> None:
    """Raise BadSetting unless every placeholder can be read and shown."""
    for _ in _placeholders(settings):
        pass


def copy_placeholders(settings: Settings, folder: Path) -> Settings:
    """Copy the placeholders into `folder`; return settings that name the copies.

    nginx's user may not be able to reach the originals.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_FOLDER_MODE)
    copies = {}
    for placeholder in _placeholders(settings):
        copy = folder / f"{placeholder.name}{placeholder.path.suffix}"
        shutil.copyfile(placeholder.path, copy)
        copy.chmod(_FILE_MODE)
        copies[f"{placeholder.name}_placeholder"] = copy
    return settings.model_copy(update=copies)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(template_dir()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 — nginx's files are no HTML; the settings' types keep its special characters out
    )


def _context(settings: Settings, site_list: SiteList, folder: Path, worker_user: str) -> dict[str, object]:
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    open_files = min(hard_limit, _WORKER_CONNECTIONS * _FILES_PER_CONNECTION)
    return {
        "s": settings,
        **_sites_of(settings, site_list),
        "conf": folder,
        "worker_user": worker_user,
        "open_files": open_files,
        "connections": open_files // _FILES_PER_CONNECTION,
        "words": _WORDS,
        "patterns": {
            "referer": embedder.REFERER_PATTERN,
            "origin": embedder.ORIGIN_PATTERN,
            "opaque": embedder.OPAQUE_ORIGIN,
            "fetch_metadata": embedder.FETCH_METADATA_PATTERN,
            "agents": [embedder.agent_pattern(agent) for agent in settings.editor_agents],
            "key_path": KEY_PATH_PATTERN,
        },
        "placeholders": list(_placeholders(settings)),
        "hotlink_code": f"={settings.hotlink_status} " if settings.hotlink_status != 403 else "",  # noqa: PLR2004
        "missing_code": f"={settings.missing_status} " if settings.missing_status != 404 else "",  # noqa: PLR2004
        "nginx_errors": list(_nginx_errors(settings)),
    }


def _sites_of(settings: Settings, site_list: SiteList) -> dict[str, object]:
    """Join the sites and the own hosts: twice the same would stop nginx's load."""
    return {"revision": site_list.revision, "allowed": sorted({*site_list.patterns, *settings.own_hosts})}


def _placeholders(settings: Settings) -> Iterator[_Placeholder]:
    built_in = template_dir() / "placeholders"
    for name, chosen, status in (
        ("hotlink", settings.hotlink_placeholder, settings.hotlink_status),
        ("missing", settings.missing_placeholder, settings.missing_status),
    ):
        path = chosen or built_in / f"{name}.png"
        yield _Placeholder(name, path, _checked_mime(f"{name}_placeholder", path), status)


def _checked_mime(setting: str, path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            kind = sniff(file.read(HEAD_BYTES))
    except OSError as error:
        raise BadSetting(
            reason=f"setting {setting} = {str(path)!r}: {error.strerror}; give a picture's path"
        ) from error
    if kind is None:
        raise BadSetting(reason=f"setting {setting} = {str(path)!r}: not a JPEG, PNG, GIF, WebP or AVIF picture")
    if size > MAX_PLACEHOLDER_BYTES:
        raise BadSetting(reason=f"setting {setting} = {str(path)!r}: {size} bytes; at most {MAX_PLACEHOLDER_BYTES}")
    return kind.mime


def _nginx_errors(settings: Settings) -> Iterator[_NginxError]:
    for kind, statuses in _NGINX_ERRORS:
        error = kind(limit_bytes=settings.max_upload_bytes)
        body = json.dumps(native.failure(error), ensure_ascii=False)
        yield _NginxError(error.code, error.status, error.retry_after, statuses, _quoted(body))


def _quoted(text: str) -> str:
    """Quote `text` for nginx, which has no way to write a literal dollar."""
    if "$" in text:
        msg = f"nginx would read a variable in {text!r}"
        raise ValueError(msg)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
