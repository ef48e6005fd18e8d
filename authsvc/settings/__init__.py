"""Every setting: `types` says what values are, `table` what there is, `sources`
where values come from."""

from authsvc.settings.sources import CONFIG_VARIABLE, Loaded, checked, load
from authsvc.settings.table import ENV_PREFIX, MAX_SOCKET_PATH_BYTES, Settings, allowed_range

__all__ = [
    "CONFIG_VARIABLE",
    "ENV_PREFIX",
    "MAX_SOCKET_PATH_BYTES",
    "Loaded",
    "Settings",
    "allowed_range",
    "checked",
    "load",
]
