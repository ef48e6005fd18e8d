"""The table of settings; `docs/settings.md` is generated from it."""

from pathlib import Path
from typing import Final, Literal, get_args, get_origin

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from authsvc.settings.types import (
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


class SettingsTable(BaseSettings):
    """Every setting: name, type, default, bounds and description."""

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
        "at most four. Up to two more decode uploads of tokens that would otherwise wait for sizes or other tokens.",
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
        description="Maximum address space of each process that decodes pictures; there are at most "
        "`decode_workers` + 2.",
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
    size_rate: int = Field(
        10,
        ge=1,
        le=10_000,
        description="Number of missing sizes that one reader may request: an IPv4 address, or the /64 network of an "
        "IPv6 address. Above it, the reader gets the picture itself.",
        json_schema_extra={"unit": "per second"},
    )
    size_burst: int = Field(
        300,
        ge=1,
        le=100_000,
        description="Number of missing sizes above that rate; enough for all six sizes of 50 pictures at once.",
    )
    max_concurrent_uploads: int = Field(
        32,
        ge=1,
        le=1000,
        description="Number of uploads that the service handles at once; more get 503 `busy`. A token without any may "
        "still begin one, up to twice this number.",
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


def allowed_range(name: str) -> str:
    """Return the allowed values of a setting in words; "" when its description names them."""
    field = SettingsTable.model_fields[name]
    bounds = {type(limit).__name__: limit for limit in field.metadata}
    if "Ge" in bounds and "Le" in bounds:
        unit = (field.json_schema_extra or {}).get("unit", "") if isinstance(field.json_schema_extra, dict) else ""
        return f"{bounds['Ge'].ge} to {bounds['Le'].le} {unit}".rstrip()
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(str, get_args(field.annotation)))
    return "true or false" if field.annotation is bool else ""
