"""Mark the tests that require what the documentation promises within some seconds.

They have longer deadlines in `make test`, so a campaign has to run all of them.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from tests.support import experiments

_TESTS = Path(__file__).parents[1]


def mark_promised(item: pytest.Item) -> None:
    """Mark a test that calls `promised`, itself or in a helper."""
    if isinstance(item, pytest.Function) and calls_promised(item.function):
        item.add_marker("promised")


def calls_promised(function: Callable[..., object]) -> bool:
    """Return whether the function names `promised`, or a function of the tests that does, and so on."""
    seen = set[Callable[..., object]]()
    left = [inspect.unwrap(function)]
    while left:
        one = left.pop()
        if one is experiments.promised:
            return True
        if one not in seen:
            seen.add(one)
            left += _helpers(one)
    return False


@cache
def _helpers(function: Callable[..., object]) -> tuple[FunctionType, ...]:
    """Return the functions of the tests that it names, and the methods of the classes that it names."""
    assert isinstance(function, FunctionType)
    found = list[object]()
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        found += vars(value).values() if isinstance(value, type) else [value]
    plain = (inspect.unwrap(value) for value in found if isinstance(value, FunctionType))
    return tuple(each for each in plain if Path(each.__code__.co_filename).is_relative_to(_TESTS))


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names in a function's code and in the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
