"""A picture that has smaller sizes."""

import pytest

from tests.support.sizes.reading import photograph
from tests.support.stack import Stack


@pytest.fixture
def photo(stack: Stack) -> str:
    """The address of a photograph of 1000 x 700 pixels, without any sizes yet."""
    return stack.upload(photograph())
