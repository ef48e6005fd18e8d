"""The time of a denied answer does not reveal whether the picture exists."""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from math import sqrt

import pytest

from tests.support.blackbox.matrix import HIDING, Scene
from tests.support.experiments import report, size
from tests.support.nginx.wire import Wire
from tests.support.pictures import noise

PAIRS = size(200, 4_000)
SEED = 2018
LIMIT = 4.5
"""Standard errors; by chance, one comparison in 150,000 is beyond them, however busy the machine is."""

Pairs = Sequence[tuple[float, float]]

DENIALS = {
    "a stranger": {"Referer": "https://refused.example/"},
    "an invalid Referer": {"Referer": "nonsense"},
    "a hidden Referer": HIDING,
}
SPELLINGS = {"canonical address": "{}", "old address": "/?path={}", "old address, escaped": "/?path=%2F{}"}


@pytest.fixture(scope="module")
def there(scene: Scene) -> list[str]:
    """Addresses of pictures, small and large ones."""
    return [scene.stack.upload(noise(200_000 if number % 2 else 1_000, seed=number)) for number in range(8)]


@pytest.fixture(scope="module")
def missing(there: list[str]) -> list[str]:
    """Addresses in the same shards without a picture."""
    return [f"{path[:4]}{path[4:34][::-1]}.png" for path in there]


def spelled(form: str, paths: Sequence[str]) -> list[str]:
    return [form.format(path.removeprefix("/") if form.endswith("%2F{}") else path) for path in paths]


def pairs_of(scene: Scene, headers: Mapping[str, str], one: Sequence[str], other: Sequence[str], count: int) -> Pairs:
    """Time one of each, `count` times. The order is random, so that a busy machine affects both alike."""
    draw = random.Random(SEED)
    with Wire(scene.stack.port) as wire:

        def timed(targets: Sequence[str]) -> float:
            target = draw.choice(targets)
            start = time.perf_counter()
            wire.ask(target, headers)
            return time.perf_counter() - start

        def pair() -> tuple[float, float]:
            if draw.random() < 0.5:
                first = timed(one)
                return first, timed(other)
            second = timed(other)
            return timed(one), second

        for target in (*one, *other):
            wire.ask(target, headers)
        return [pair() for _ in range(count)]


def score_of(pairs: Pairs) -> float:
    """Return by how many standard errors the first of a pair is too often the slower one.

    A sign test. It supposes nothing of how times are distributed: the order in
    each pair was drawn, so where nothing differs, each is the slower one by the
    toss of a coin, and one pair's toss knows nothing of another's.
    """
    slower = sum(first > second for first, second in pairs)
    decided = sum(first != second for first, second in pairs)
    return (slower - decided / 2) / sqrt(decided / 4)


def difference_us(pairs: Pairs) -> tuple[float, float, float]:
    """Return the median of the pairs' differences, and how low and high it may really be.

    The sign test turned round: what lies outside would be beyond `LIMIT`.
    """
    found = sorted((first - second) * 1e6 for first, second in pairs)
    reach = LIMIT / 2 * sqrt(len(found))
    low, high = int(len(found) / 2 - reach), int(len(found) / 2 + reach)
    return round(statistics.median(found), 1), round(found[low], 1), round(found[high], 1)


def report_pairs(experiment: str, pairs: Pairs) -> None:
    """Report what was found."""
    median, low, high = difference_us(pairs)
    typical = statistics.median(first for first, _ in pairs) * 1e6
    report(
        f"denied time: {experiment}",
        pairs=len(pairs),
        answer_us=round(typical),
        difference_us=median,
        interval_us=f"{low} to {high}",
        standard_errors=round(score_of(pairs), 2),
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("denial", DENIALS)
def test_denied_answer_takes_as_long_with_a_picture_as_without(
    scene: Scene, there: list[str], missing: list[str], denial: str, spelling: str
) -> None:
    pictures, nothing = (spelled(SPELLINGS[spelling], paths) for paths in (there, missing))
    pairs = pairs_of(scene, DENIALS[denial], pictures, nothing, PAIRS)
    report_pairs(f"{denial}, {spelling}", pairs)
    assert abs(score_of(pairs)) < LIMIT


def test_two_pictures_are_denied_in_the_same_time(scene: Scene, there: list[str]) -> None:
    """The control: only the sizes of the pictures differ."""
    pairs = pairs_of(scene, DENIALS["a stranger"], there[::2], there[1::2], PAIRS)
    report_pairs("two pictures, a small and a large one", pairs)
    assert abs(score_of(pairs)) < LIMIT


def test_difference_of_allowed_answers_is_found(scene: Scene, missing: list[str]) -> None:
    """The comparison can find something: 3 MB take longer than the missing picture on any machine."""
    large = scene.stack.upload(noise(3_000_000, seed=9))
    pairs = pairs_of(scene, {}, [large], missing, 300)
    report_pairs("an allowed reader, 3 MB against none", pairs)
    assert score_of(pairs) > LIMIT
