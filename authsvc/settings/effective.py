"""The settings with what follows from them: folders, hosts, the base URL."""

import os
from pathlib import Path
from typing import Final, Self

from pydantic import model_validator

from authsvc.settings.table import SettingsTable
from authsvc.settings.types import BASE_PATTERN

MAX_SOCKET_PATH_BYTES: Final = 107
"""The size of sun_path in unix(7), without its final NUL."""

FORM_OVERHEAD_BYTES: Final = 64 * 1024
"""Room in a body for everything besides the picture: part headers, boundaries, other fields."""


class Settings(SettingsTable):
    """The effective settings."""

    @model_validator(mode="after")
    def _socket_path_fits(self) -> Self:
        length = len(os.fsencode(self.socket_path))
        if length > MAX_SOCKET_PATH_BYTES:
            msg = (
                f"the socket's path {str(self.socket_path)!r} has {length} bytes; a Unix socket allows "
                f"{MAX_SOCKET_PATH_BYTES}: choose a shorter data_dir, or set `socket` to a short path"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.certificate is None) != (self.certificate_key is None):
            msg = "certificate and certificate_key belong together: set both, or neither"
            raise ValueError(msg)
        return self

    @property
    def base_url(self) -> str:
        """Scheme, host and port at the start of every picture address."""
        return self.public_url or f"http://{self.local_host}:{self.port}"

    @property
    def local_host(self) -> str:
        """The name under which this machine reaches nginx under `up`."""
        return "localhost" if self.listen in {"*", "0.0.0.0", "127.0.0.1"} else self.listen  # noqa: S104 — compared

    @property
    def decoders(self) -> int:
        """The number of processes that decode pictures."""
        return self.decode_workers or min(4, os.cpu_count() or 1)

    @property
    def max_body_bytes(self) -> int:
        """Size of the largest body of an upload: the picture and the form around it."""
        return self.max_upload_bytes + FORM_OVERHEAD_BYTES

    @property
    def own_hosts(self) -> frozenset[str]:
        """The service's own hosts. Their pages may always embed."""
        return frozenset(self.domains)

    @property
    def domains(self) -> tuple[str, ...]:
        """The service's own hosts. The first is the one in the addresses."""
        match = BASE_PATTERN.fullmatch(self.base_url)
        return tuple(dict.fromkeys([*([match[1]] if match else []), *self.extra_hosts]))

    @property
    def has_certificate(self) -> bool:
        """Whether certificate and key exist, for HTTPS. Checks the disk."""
        pair = (self.certificate, self.certificate_key)
        return all(path is not None and path.is_file() for path in pair)

    @property
    def blobs_dir(self) -> Path:
        """The root of the filesystem store. nginx reads from it."""
        return self.data_dir / "blobs"

    @property
    def sizes_dir(self) -> Path:
        """The cache of sizes, which nginx serves from and which may be wiped at any time."""
        return self.data_dir / "derivatives"

    @property
    def trash_dir(self) -> Path:
        """Where the store puts blobs that are being removed; nginx never serves from it."""
        return self.data_dir / "trash"

    @property
    def spool_dir(self) -> Path:
        """Where uploads are written first. On the same file system as the store, so that they can be linked."""
        return self.data_dir / "tmp"

    @property
    def run_dir(self) -> Path:
        """Sockets, pid files, locks and the published site list."""
        return self.data_dir / "run"

    @property
    def catalog_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "catalog" / "catalog.sqlite3"

    @property
    def nginx_dir(self) -> Path:
        """The rendered nginx files, its caches and temporary files."""
        return self.data_dir / "nginx"

    @property
    def log_dir(self) -> Path:
        """The logs of nginx under `up`."""
        return self.data_dir / "log"

    @property
    def acme_dir(self) -> Path:
        """The webroot for certificate challenges."""
        return self.acme_root or self.data_dir / "acme"

    @property
    def socket_path(self) -> Path:
        """The service's Unix socket."""
        return self.socket or self.run_dir / "authsvc.sock"

    @property
    def site_list_path(self) -> Path:
        """The published site list, from which nginx's map is made."""
        return self.run_dir / "sites.list"

    @property
    def site_change_path(self) -> Path:
        """A file that exists while a change of that list is not in nginx's map yet."""
        return self.run_dir / "sites.changed"

    def effective(self) -> dict[str, object]:
        """Return the value of every setting; for unset ones, the value that is used instead."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        derived = {"socket": self.socket_path, "public_url": self.base_url, "acme_root": self.acme_dir}
        return {name: derived.get(name) if value in (None, "") else value for name, value in values.items()}
