"""Every setting: `table` lists them, `types` checks values, `sources` gathers values,
`effective` has the values that follow from them, `old_names` the names of earlier versions."""

from authsvc.settings.effective import MAX_SOCKET_PATH_BYTES, Settings
from authsvc.settings.old_names import REMOVED, RENAMED, OldNames
from authsvc.settings.sources import CONFIG_VARIABLE, Loaded, checked, load
from authsvc.settings.table import ENV_PREFIX, allowed_range

__all__ = [
    "CONFIG_VARIABLE",
    "ENV_PREFIX",
    "MAX_SOCKET_PATH_BYTES",
    "REMOVED",
    "RENAMED",
    "Loaded",
    "OldNames",
    "Settings",
    "allowed_range",
    "checked",
    "load",
]
