"""The placeholder pictures that the settings choose, checked and copied."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from authsvc.errors import BadSetting
from authsvc.imaging.formats import FORMATS, HEAD_BYTES, sniff
from authsvc.nginx.templates import template_dir
from authsvc.settings import Settings

MAX_PLACEHOLDER_BYTES: Final = 2**20
"""Placeholders are sent often, and no cache keeps them; a larger one is a mistake."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder, `hotlink` or `missing`, and the status of the answer that sends it."""

    name: str
    path: Path
    mime: str
    ok_status: int

    @property
    def file_name(self) -> str:
        """The name of its copy."""
        return f"{self.name}{self.path.suffix}"

    def in_folder(self, folder: Path) -> "Placeholder":
        """Return its copy in `folder`."""
        return replace(self, path=folder / self.file_name)


def check_placeholders(settings: Settings) -> None:
    """Raise BadSetting if a placeholder cannot be read or is not a picture."""
    for _ in placeholders(settings):
        pass


def placeholder_files(settings: Settings) -> dict[str, bytes]:
    """Return the files to copy for nginx, by name: its user may not be able to reach the originals."""
    return {chosen.file_name: chosen.path.read_bytes() for chosen in placeholders(settings)}


def placeholders(settings: Settings) -> Iterator[Placeholder]:
    """Yield both. Raises BadSetting for one that cannot be read or is not a picture."""
    built_in = template_dir() / "placeholders"
    for name, chosen, status in (
        ("hotlink", settings.hotlink_placeholder, settings.hotlink_status),
        ("missing", settings.missing_placeholder, settings.missing_status),
    ):
        path = chosen or built_in / f"{name}.png"
        yield Placeholder(name, path, _checked_mime(f"{name}_placeholder", path), status)


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
        *names, last = [row.name for row in FORMATS.values()]
        raise BadSetting(reason=f"setting {setting} = {str(path)!r}: not a {', '.join(names)} or {last} picture")
    if size > MAX_PLACEHOLDER_BYTES:
        raise BadSetting(reason=f"setting {setting} = {str(path)!r}: {size} bytes; at most {MAX_PLACEHOLDER_BYTES}")
    return kind.mime
