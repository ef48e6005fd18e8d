"""Where the templates of nginx's files are, and how they are loaded."""

import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from authsvc.errors import Broken


def template_dir() -> Path:
    """Return the folder of templates and placeholders.

    It is beside the package in a checkout, and in the prefix's `share` after an
    installation. Raises Broken if it is in neither place.
    """
    candidates = (Path(__file__).parents[2] / "nginx", Path(sys.prefix) / "share" / "authsvc" / "nginx")
    for candidate in candidates:
        if (candidate / "authsvc-http.conf.j2").is_file():
            return candidate
    raise Broken(reason=f"nginx's templates are in none of {', '.join(map(str, candidates))}; install authsvc again")


def template_environment() -> Environment:
    """Return the Jinja environment of these templates."""
    environment = Environment(
        loader=FileSystemLoader(template_dir()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 — nginx's files are not HTML; the types of the settings exclude its special characters
    )
    environment.filters["duration"] = nginx_duration
    return environment


def nginx_duration(seconds: float) -> str:
    """Return a duration as nginx writes it: `10s`, or `250ms` where it is not whole seconds."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"
