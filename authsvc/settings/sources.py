"""Gather settings from all sources, and record where each value came from.

A later source wins over an earlier one: the default in the table, the TOML
file, the environment (`AUTHSVC_PORT=…`), the command line.
"""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from authsvc.errors import BadSetting
from authsvc.settings.effective import Settings
from authsvc.settings.old_names import OLD_NAMES, OldNames
from authsvc.settings.table import ENV_PREFIX, allowed_range
from authsvc.settings.types import split_list
from authsvc.verdict.sites import host_in

CONFIG_VARIABLE: Final = "AUTHSVC_CONFIG"
CONFIG_NAME: Final = "authsvc.toml"
"""Read from the data folder when neither --config nor AUTHSVC_CONFIG names a file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and the source of each value: `default`, `file`,
    `environment` or `command line`."""

    settings: Settings
    origins: Mapping[str, str]
    config_file: Path | None
    notes: tuple[str, ...] = ()
    """For the operator: one sentence for each old name, and for each value that was normalised."""


def load(*, config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Merge all sources and check them.

    `flags` are the values from the command line; None counts as not given.
    Raises BadSetting with the setting's name, value and range.
    """
    old_names = OldNames()
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    given = old_names.replaced(given, place="on the command line")
    environment = _from_environment(old_names)
    path = config or _config_path(str(given.get("data_dir") or environment.get("data_dir") or "var"))
    file = _from_file(path, old_names)
    origins = (
        dict.fromkeys(Settings.model_fields, "default")
        | dict.fromkeys(file, "file")
        | dict.fromkeys(environment, "environment")
        | dict.fromkeys(given, "command line")
    )
    values = {**file, **environment, **given}
    settings = _checked(values, origins, old_names.notes)
    return Loaded(settings, origins, path, (*old_names.notes, *_host_notes(values, settings)))


def checked(values: Mapping[str, Any]) -> Settings:
    """Return settings from these values and the defaults only. Raises BadSetting."""
    return _checked(values, dict.fromkeys(Settings.model_fields, "given"))


def _checked(values: Mapping[str, Any], origins: Mapping[str, str], notes: Sequence[str] = ()) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        raise BadSetting(reason="; ".join([_explain(error, origins), *notes])) from error


def _host_notes(values: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """Name each host that was given as an address, and the host that is used."""
    given = split_list(values.get("extra_hosts", ()))
    for text, host in zip(given, settings.extra_hosts, strict=True):
        if host_in(text) != text.strip():
            yield f"setting extra_hosts: using {host} for {text!r}"


def _config_path(data_dir: str) -> Path | None:
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    beside = Path(data_dir, CONFIG_NAME)
    return beside if beside.is_file() else None


def _from_file(path: Path | None, old_names: OldNames) -> dict[str, Any]:
    if path is None:
        return {}
    if not path.is_file():
        raise BadSetting(reason=f"the settings file {str(path)!r} does not exist")
    try:
        values = TomlConfigSettingsSource(Settings, toml_file=path)()
    except PermissionError as error:
        raise BadSetting(reason=f"{path}: only root and the service may read it; use sudo") from error
    except (ValueError, OSError) as error:
        raise BadSetting(reason=f"{path}: {error}") from error
    for name in values:
        _check_known(name, f"in {path}")
    return old_names.replaced(values, place=f"in {path}")


def _from_environment(old_names: OldNames) -> dict[str, Any]:
    old: dict[str, Any] = {}
    for variable, value in os.environ.items():
        if variable.upper().startswith(ENV_PREFIX) and variable != CONFIG_VARIABLE:
            name = variable[len(ENV_PREFIX) :].lower()
            _check_known(name, f"in the environment variable {variable}")
            if name in OLD_NAMES:
                old[name] = value
    values = EnvSettingsSource(Settings)()
    return old_names.replaced(values | old, place="in the environment")


def _check_known(name: str, where: str) -> None:
    if name in Settings.model_fields or name in OLD_NAMES:
        return
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; docs/settings.md lists them all"
    raise BadSetting(reason=f"unknown setting {name!r} {where}{hint}")


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        text = problem["msg"].removeprefix("Value error, ")
        allowed = f"; allowed: {allowed_range(name)}" if name and allowed_range(name) else ""
        lines.append(f"setting {name} = {problem['input']!r} ({origins[name]}): {text}{allowed}" if name else text)
    return "; ".join(dict.fromkeys(lines))
