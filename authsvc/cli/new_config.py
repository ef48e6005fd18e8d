"""`authsvc new-config`: the first settings file of a server."""

import grp
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from authsvc.errors import BadSetting
from authsvc.settings import OldNames, Settings, checked
from authsvc.system.conffile import Outcome, write_conffile

_GROUP: Final = "authsvc"
_MODE: Final = 0o640

_TEXT: Final = """\
# Settings of authsvc. Yours to edit: an edited file is left alone by
# `make install`, and what a new version would write is then in {default}.
# `authsvc check-config` shows what they come to; docs/settings.md says what
# else there is. After a change:
#   authsvc nginx install && systemctl restart authsvc

data_dir = "{data_dir}"
socket = "/run/authsvc/authsvc.sock"
# Not in the data folder: certbot writes here as root.
acme_root = "{data_dir}-acme"

# What the addresses of pictures begin with, and further names of this host.
public_url = "{public_url}"
extra_hosts = [{extra_hosts}]

# Until both exist, nginx speaks plain HTTP.
certificate = "{certificate}"
certificate_key = "{certificate_key}"
"""


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a server's settings file differs in."""

    domains: tuple[str, ...]
    data_dir: str
    certificate: str
    certificate_key: str


@click.command("new-config")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--domain", "domains", multiple=True, help="A name of the server; the first is in the addresses.")
@click.option("--data-dir", help="Data folder. [default: as before, or /var/lib/authsvc]")
@click.option("--certificate", help="PEM file with its chain. [default: as before, or certbot's]")
@click.option("--certificate-key", help="PEM file. [default: as before, or certbot's]")
def new_config(
    file: Path, domains: tuple[str, ...], data_dir: str | None, certificate: str | None, certificate_key: str | None
) -> None:
    """Write the settings of a server into FILE, and into FILE.default.

    A FILE that was edited is left alone. What is not given is as in
    FILE.default.
    """
    if (certificate is None) != (certificate_key is None):
        raise BadSetting(reason="certificate and certificate_key belong together: give both, or none")
    default = file.with_name(f"{file.name}.default")
    former = _former(default)
    domains = domains or (former.domains if former else ())
    if not domains:
        raise BadSetting(reason="which domain? Name it: make install DOMAIN=img.example.com")
    live = f"/etc/letsencrypt/live/{domains[0]}"
    # certbot's files of another domain are of no use.
    kept = former if former and former.domains[0] == domains[0] else None
    choice = _Choice(
        domains,
        data_dir or (former.data_dir if former else "/var/lib/authsvc"),
        certificate or (kept.certificate if kept else f"{live}/fullchain.pem"),
        certificate_key or (kept.certificate_key if kept else f"{live}/privkey.pem"),
    )
    outcome = write_conffile(file, _text_of(choice, default), default=default, mode=_MODE, gid=_gid())
    if outcome is Outcome.KEPT:
        click.echo(f"settings: {file} was edited and is kept; the default is in {default}")
    else:
        click.echo(f"settings: {'wrote' if outcome is Outcome.WRITTEN else 'already in place:'} {file}")


def _former(default: Path) -> _Choice | None:
    """Return what an earlier run has chosen, None when there was none."""
    if not default.is_file():
        return None
    try:
        # An earlier version may have written it.
        values = OldNames().replaced(
            tomllib.loads(default.read_text()), known=Settings.model_fields, place=str(default)
        )
        return _Choice(
            (values["public_url"].removeprefix("https://"), *values["extra_hosts"]),
            values["data_dir"],
            values["certificate"],
            values["certificate_key"],
        )
    except (ValueError, KeyError) as error:
        raise BadSetting(reason=f"{default} was changed: {error}; remove it, and name all choices again") from error


def _text_of(choice: _Choice, default: Path) -> str:
    """Return the file's text. Raises BadSetting for a value that no settings file may have."""
    settings = checked(
        {
            "public_url": f"https://{choice.domains[0]}",
            "extra_hosts": list(choice.domains[1:]),
            "data_dir": choice.data_dir,
            "certificate": choice.certificate,
            "certificate_key": choice.certificate_key,
        }
    )
    return _TEXT.format(
        default=default,
        data_dir=settings.data_dir,
        public_url=settings.public_url,
        extra_hosts=", ".join(f'"{host}"' for host in settings.extra_hosts),
        certificate=settings.certificate,
        certificate_key=settings.certificate_key,
    )


def _gid() -> int | None:
    """Return the service's group, which may read the file: what it holds is nobody else's business."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(_GROUP).gr_gid
    except KeyError:
        return None
