"""The seed of the random requests of this run."""

import os
import secrets
from typing import Final

from tests.support.experiments import FULL

_GIVEN: Final = os.environ.get("FUZZ_SEED", "")


def seed(usual: int) -> int:
    """Return the number in FUZZ_SEED, else in a campaign another one each time, else `usual`."""
    if _GIVEN:
        return int(_GIVEN)
    return secrets.randbelow(2**32) if FULL else usual
