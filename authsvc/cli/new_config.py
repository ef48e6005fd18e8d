"""`authsvc new-config`: the first settings file of a server."""

import grp
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from authsvc.errors import BadSetting
from authsvc.settings import OldNames, checked
from authsvc.system.conffile import Outcome, write_conffile
from authsvc.system.durable import make_folder

_GROUP: Final = "authsvc"
_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o755

_TEXT: Final = """\
# Settings of authsvc. You may edit this file: `make install` does not change
# an edited file, and writes its own version into {default}.
# `authsvc check-config` shows the effective values; docs/settings.md lists
# all settings. After a change:
#   authsvc nginx install && systemctl restart authsvc

data_dir = "{data_dir}"
socket = "/run/authsvc/authsvc.sock"
# Not in the data folder: certbot writes here as root.
acme_root = "{data_dir}-acme"

# The start of all picture addresses, and further host names of this server.
public_url = "{public_url}"
extra_hosts = [{extra_hosts}]

# Until both files exist, nginx answers over plain HTTP.
certificate = "{certificate}"
certificate_key = "{certificate_key}"
"""


@dataclass(frozen=True, slots=True)
class _Choice:
    """The values in which one server's settings file differs from another's."""

    domains: tuple[str, ...]
    data_dir: str
    certificate: str
    certificate_key: str


@click.command("new-config")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--domain",
    "domains",
    multiple=True,
    help="A host name; the first is in the addresses. May be repeated.",
)
@click.option("--data-dir", help="Data folder. [default: as before, or /var/lib/authsvc]")
@click.option("--certificate", help="PEM file with its chain. [default: as before, or certbot's]")
@click.option("--certificate-key", help="PEM file. [default: as before, or certbot's]")
def new_config(
    file: Path, domains: tuple[str, ...], data_dir: str | None, certificate: str | None, certificate_key: str | None
) -> None:
    """Write a server's settings into FILE.

    The same text goes into FILE.default. A FILE that was edited is not changed.
    Options that are not given are as in FILE.default.
    """
    if (certificate is None) != (certificate_key is None):
        raise BadSetting(reason="certificate and certificate_key belong together: give both, or none")
    default = file.with_name(f"{file.name}.default")
    former = _former(default)
    domains = domains or (former.domains if former else ())
    if not domains:
        raise BadSetting(reason="no domain is given; name it: make install DOMAIN=img.example.com")
    live = f"/etc/letsencrypt/live/{domains[0]}"
    # certbot's files are for one domain: another one needs its own.
    kept = former if former and former.domains[0] == domains[0] else None
    choice = _Choice(
        domains,
        data_dir or (former.data_dir if former else "/var/lib/authsvc"),
        certificate or (kept.certificate if kept else f"{live}/fullchain.pem"),
        certificate_key or (kept.certificate_key if kept else f"{live}/privkey.pem"),
    )
    text = _text_of(choice, default)
    if not file.parent.is_dir():
        file.parent.parent.mkdir(parents=True, exist_ok=True)
        make_folder(file.parent, _FOLDER_MODE)
    outcome = write_conffile(file, text, default=default, mode=_MODE, gid=_gid())
    if outcome is Outcome.KEPT:
        click.echo(f"settings: {file} was edited and is kept; the default is in {default}")
    else:
        click.echo(f"settings: {'wrote' if outcome is Outcome.WRITTEN else 'already in place:'} {file}")


def _former(default: Path) -> _Choice | None:
    """Return the values of an earlier run; None when there was none."""
    if not default.is_file():
        return None
    try:
        # An earlier version may have written it.
        values = OldNames().replaced(tomllib.loads(default.read_text()), place=str(default))
        return _Choice(
            (values["public_url"].removeprefix("https://"), *values["extra_hosts"]),
            values["data_dir"],
            values["certificate"],
            values["certificate_key"],
        )
    except (ValueError, KeyError) as error:
        raise BadSetting(reason=f"{default} cannot be read: {error}; remove it, and give all options again") from error


def _text_of(choice: _Choice, default: Path) -> str:
    """Return the file's text. Raises BadSetting for a value that is not allowed."""
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
    """Return the service's group, which may read the file. Others may not: it can contain secrets."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(_GROUP).gr_gid
    except KeyError:
        return None
