"""The start of the command: `authsvc`, or `python -m authsvc`."""

import atexit
import gc
from importlib import import_module
from typing import Final

ALLOCATIONS: Final = 10_000
"""A collection in Python starts after 700, which is 200 times while the modules load, and frees nothing."""


def main() -> None:
    """Run the command that the arguments name, then exit."""
    gc.set_threshold(ALLOCATIONS)
    # The end of the process frees everything; Python would first search all of it for garbage.
    atexit.register(gc.freeze)
    import_module("authsvc.cli").main()


if __name__ == "__main__":
    main()
