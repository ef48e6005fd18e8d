"""How many uploads may be in progress."""

from contextlib import ExitStack

import pytest

from authsvc.errors import Busy
from authsvc.uploads.slots import UploadSlots


@pytest.mark.parametrize(
    ("in_progress", "owner", "is_accepted"),
    [
        pytest.param("", "ann", True, id="first"),
        pytest.param("ann ann", "ann", True, id="third"),
        pytest.param("ann ann ann", "ann", False, id="fourth of one token"),
        pytest.param("ann ann ann", "ben", True, id="another token's first"),
        pytest.param("ann ann ann ben", "ben", False, id="another token's second"),
        pytest.param("ann ben cleo", "ann", False, id="second of a token, others have the rest"),
        pytest.param("a b c d e f", "g", False, id="twice as many tokens"),
    ],
)
def test_three_uploads_and_the_first_ones_of_other_tokens(in_progress: str, owner: str, *, is_accepted: bool) -> None:
    slots = UploadSlots(3)
    with ExitStack() as taken:
        for each in in_progress.split():
            taken.enter_context(slots.take(each))
        assert slots.taken == len(in_progress.split())
        if is_accepted:
            taken.enter_context(slots.take(owner))
        else:
            with pytest.raises(Busy):
                taken.enter_context(slots.take(owner))
    assert slots.taken == 0


def test_failed_upload_is_not_in_progress_any_more() -> None:
    slots = UploadSlots(1)

    def fail() -> None:
        with slots.take("ann"):
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    with slots.take("ann"):
        assert slots.taken == 1
