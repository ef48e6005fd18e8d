"""What reading smaller sizes needs: a picture that has some."""

import pytest

from tests.support.sizes.reading import photograph
from tests.support.stack import Stack


@pytest.fixture
def photo(stack: Stack) -> str:
    """The address of a photograph of 1000 x 700 pixels, of which nobody has asked for a smaller size yet."""
    return stack.upload(photograph())
