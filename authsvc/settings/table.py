"""The table of settings; `docs/settings.md` is generated from it."""

import os
from pathlib import Path
from typing import Final, Literal, Self, get_args, get_origin

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from authsvc.settings.types import (
    BASE_PATTERN,
    MAX_PORT,
    Agents,
    Choice,
    FilePath,
    HeaderName,
    Hosts,
    HotlinkStatus,
    ListenAddress,
    MissingStatus,
    Networks,
    PublicUrl,
)
from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS

ENV_PREFIX: Final = "AUTHSVC_"
MAX_SOCKET_PATH_BYTES: Final = 107
"""The size of sun_path in unix(7), without its final NUL."""

FORM_OVERHEAD_BYTES: Final = 64 * 1024
"""Room in a body for everything besides the picture: part headers, boundaries, other fields."""


class Settings(BaseSettings):
    """The effective settings; see each field's description."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True)

    data_dir: FilePath = Field(Path("var"), description="Folder for pictures, the catalog and run-time files.")
    socket: FilePath | None = Field(
        None, description="Unix socket between nginx and the service; unset: `run/authsvc.sock` in the data folder."
    )
    listen: ListenAddress = Field(
        "127.0.0.1", description="IPv4 address that nginx listens on under `up`; `*` means all addresses."
    )
    ipv6: bool = Field(
        default=False, description="Under `up`, also listen on IPv6: on `[::1]`, or on `[::]` when `listen` is `*`."
    )
    port: int = Field(8080, ge=1, le=MAX_PORT, description="TCP port that nginx listens on under `up`.")
    public_url: PublicUrl = Field(
        "",
        description="Start of all addresses, such as `https://img.example.com`; unset: `http://localhost:PORT`.",
    )
    extra_hosts: Hosts = Field((), description="More host names of this service; pages on them may always embed.")
    empty_referer: Choice = Field(
        "allow", description="Verdict on requests that name no page: curl, feed readers, the address bar."
    )
    hidden_referer: Choice = Field("deny", description="Verdict on pages that hide their address.")
    editor_agents: Agents = Field(
        DEFAULT_EDITOR_AGENTS,
        description="Parts of the User-Agent of editors, whose previews hide the Referer as well; "
        "`*` matches any characters, `$` at the end matches the end.",
    )
    shared_caches: bool = Field(
        default=False, description="Allow shared caches (a CDN that respects Vary) to keep allowed answers."
    )
    hotlink_placeholder: FilePath | None = Field(
        None, description="Picture for pages that may not embed: PNG, JPEG, GIF, WebP or AVIF; unset: the built-in one."
    )
    hotlink_status: HotlinkStatus = Field(403, description="HTTP status of the hotlink placeholder.")
    missing_placeholder: FilePath | None = Field(
        None, description="Picture for addresses without a picture; types as above; unset: the built-in one."
    )
    missing_status: MissingStatus = Field(404, description="HTTP status of the missing placeholder.")
    max_upload_bytes: int = Field(
        20 * 2**20, ge=1024, le=2**30, description="Largest accepted picture.", json_schema_extra={"unit": "bytes"}
    )
    max_pixels: int = Field(
        50_000_000,
        ge=1,
        le=1_000_000_000,
        description="Maximum number of pixels, width times height; a larger picture gets 422 `too_many_pixels`.",
        json_schema_extra={"unit": "pixels"},
    )
    max_side: int = Field(
        16_384,
        ge=1,
        le=65_535,
        description="Maximum width and height of a picture.",
        json_schema_extra={"unit": "pixels"},
    )
    max_buffered_pixels: int = Field(
        25_000_000,
        ge=1,
        le=1_000_000_000,
        description="`max_pixels` for an AVIF or an interlaced PNG, which decoders keep in memory as a whole.",
        json_schema_extra={"unit": "pixels"},
    )
    max_frames: int = Field(
        400, ge=1, le=100_000, description="Maximum number of frames of an animation; more get 422 `too_many_frames`."
    )
    max_animation_pixels: int = Field(
        200_000_000,
        ge=1,
        le=10_000_000_000,
        description="Maximum number of pixels in all frames of an animation together.",
        json_schema_extra={"unit": "pixels"},
    )
    max_scans: int = Field(
        64, ge=1, le=1000, description="Maximum number of scans of a JPEG; more get 422 `too_many_scans`."
    )
    strip_metadata: bool = Field(
        default=True,
        description="Remove metadata from pictures: place (GPS), camera, comments, thumbnails. If false, only data "
        "after the end of the picture is removed.",
    )
    decode_workers: int = Field(
        0,
        ge=0,
        le=64,
        description="Number of processes that decode pictures, each started when it is first needed; 0: one per core, "
        "at most four.",
    )
    decode_timeout: int = Field(
        5,
        ge=1,
        le=300,
        description="Maximum time for decoding one picture; a slower one gets 422 `too_slow`.",
        json_schema_extra={"unit": "s"},
    )
    decode_memory_bytes: int = Field(
        2**30,
        ge=256 * 2**20,
        le=2**36,
        description="Maximum address space of a process that decodes pictures.",
        json_schema_extra={"unit": "bytes"},
    )
    size_cache_max_bytes: int = Field(
        2 * 2**30,
        ge=2**20,
        le=2**50,
        description="Maximum disk space for the sizes of pictures; the ones that were not read for the longest time "
        "are removed first.",
        json_schema_extra={"unit": "bytes"},
    )
    max_concurrent_uploads: int = Field(
        32, ge=1, le=1000, description="Number of uploads that the service handles at once; more get 503 `busy`."
    )
    upload_rate: int = Field(
        20,
        ge=1,
        le=10_000,
        description="Number of uploads that one client address may start.",
        json_schema_extra={"unit": "per second"},
    )
    upload_burst: int = Field(200, ge=1, le=100_000, description="Number of uploads above that rate before 429 `rate`.")
    upload_connections: int = Field(
        256, ge=1, le=65535, description="Number of upload connections that one client address may have open at once."
    )
    body_timeout: int = Field(
        60, ge=1, le=3600, description="Maximum time between two reads of a body.", json_schema_extra={"unit": "s"}
    )
    trusted_proxies: Networks = Field(
        (), description="Addresses of proxies or a CDN in front of nginx, which name the client's address."
    )
    real_ip_header: HeaderName = Field(
        "X-Forwarded-For", description="Header in which trusted proxies send the client's address."
    )
    acme_root: FilePath | None = Field(
        None, description="Webroot for `/.well-known/acme-challenge/`; unset: `acme/` in the data folder."
    )
    certificate: FilePath | None = Field(
        None,
        description="Certificate with its chain, PEM, for HTTPS after `make install`; used as soon as the file exists.",
    )
    certificate_key: FilePath | None = Field(None, description="The certificate's private key, PEM.")
    nginx: str = Field("nginx", min_length=1, description="nginx's program: a name or a path.")
    nginx_workers: int = Field(
        0, ge=0, le=512, description="Number of nginx's worker processes under `up`; 0: one per core."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 — the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only values that `load` has merged, so that each has one origin."""
        return (init_settings,)

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
    def trash_dir(self) -> Path:
        """Where the store puts blobs that are being removed; nginx never serves from it."""
        return self.data_dir / "trash"

    @property
    def sizes_dir(self) -> Path:
        """The cache of sizes, which nginx serves from and which may be wiped at any time."""
        return self.data_dir / "derivatives"

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


def allowed_range(name: str) -> str:
    """Return the allowed values of a setting in words; "" when its description names them."""
    field = Settings.model_fields[name]
    bounds = {type(limit).__name__: limit for limit in field.metadata}
    if "Ge" in bounds and "Le" in bounds:
        unit = (field.json_schema_extra or {}).get("unit", "") if isinstance(field.json_schema_extra, dict) else ""
        return f"{bounds['Ge'].ge} to {bounds['Le'].le} {unit}".rstrip()
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(str, get_args(field.annotation)))
    return "true or false" if field.annotation is bool else ""
