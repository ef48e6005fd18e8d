"""Names that settings had in earlier versions.

They are still accepted, so that an upgrade never stops the service because of
an old line. Each old name gets one note that names its replacement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

RENAMED: Final[Mapping[str, str]] = {
    "public_base": "public_url",
    "hosts": "extra_hosts",
    "strip": "strip_metadata",
    "image_workers": "decode_workers",
    "image_timeout": "decode_timeout",
    "image_memory_bytes": "decode_memory_bytes",
    "derivative_cache_max_bytes": "size_cache_max_bytes",
}
"""The present name of each setting that was renamed."""

REMOVED: Final[Mapping[str, str]] = {
    "explain_header": "the command `authsvc verdict` explains a verdict",
}
"""What to use in place of each setting that was removed."""

OLD_NAMES: Final = frozenset(RENAMED) | frozenset(REMOVED)


@dataclass
class OldNames:
    """Replaces old names, one source of settings after the other, and collects the notes."""

    _fixes: dict[str, list[str]] = field(default_factory=dict)

    def replaced(self, values: Mapping[str, Any], *, place: str) -> dict[str, Any]:
        """Return one source's values by their present names.

        Where both names are given, the present one wins. `place` completes
        "rename it …", such as `on the command line`.
        """
        current = {name: value for name, value in values.items() if name not in OLD_NAMES}
        for old in [name for name in values if name in OLD_NAMES]:
            new = RENAMED.get(old)
            if new is None:
                fix = f"remove it {place}"
            elif new in current:
                fix = f"remove it {place}, where {new} is given too and wins"
            else:
                fix = f"rename it {place}"
                current[new] = values[old]
            self._fixes.setdefault(old, []).append(fix)
        return current

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each old name: the name to use, and where to change it."""
        return tuple(f"setting {old} {_what_to_use(old)}; {' and '.join(self._fixes[old])}" for old in self._fixes)


def _what_to_use(old: str) -> str:
    return f"is now called {RENAMED[old]}" if old in RENAMED else f"was removed: {REMOVED[old]}"
