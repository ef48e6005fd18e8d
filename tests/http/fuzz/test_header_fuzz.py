"""Every set of headers gets the answer that the rules give."""

import time
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from tests.support.experiments import FULL, report, size
from tests.support.fuzz.exercised import BEHIND, EXERCISED
from tests.support.fuzz.generator import requests
from tests.support.fuzz.scene import scene
from tests.support.fuzz.seed import seed
from tests.support.fuzz.sites import ALL_HOUSES, TWO_HOUSES
from tests.support.fuzz.trial import Tally

SEED: Final = seed(20180605)
SETS: Final = size(5_000, 100_000)
HOUSES: Final = ALL_HOUSES if FULL else TWO_HOUSES
AT_ONCE: Final = 1000
COMPARED: Final = size(1_000, 5_000)
"""The number of requests in each house whose embedders are compared too."""
SHOWN_FAULTS: Final = 5


@pytest.mark.timeout(900)
def test_every_header_set_gets_the_answer_that_the_rules_give(tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED}")
    tally = Tally()
    reported: list[str] = []
    compared, different = 0, list[str]()
    begun = time.monotonic()
    share = SETS // len(HOUSES)
    for at, house in enumerate(HOUSES):
        with scene(house, tmp_path) as running:
            for first in range(at * share, (at + 1) * share, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, (at + 1) * share))
                faulty = running.put(list(requests(SEED, numbers)), tally)
                for place, request in islice(faulty, max(SHOWN_FAULTS - len(reported), 0)):
                    reported.append(f"seed {SEED}, number {first + place}: {running.explained(request)}")
            words = running.embedders(requests(SEED, range(at * share, at * share + COMPARED)))
            compared += len(words)
            different += [f"{request}\n  {said}, in Python {word}" for request, said, word in words if said != word]
    seconds = time.monotonic() - begun
    found = tally.kinds + tally.traits
    for what, count in sorted(found.items()):
        print(f"{count:6} {what}")
    report(
        "fuzz: header sets",
        seed=str(SEED),
        sets=tally.sets,
        wrong=tally.wrong,
        server_errors=tally.server_errors,
        disagreements=tally.disagreements,
        embedders=compared,
        other_embedders=len(different),
        undecided=tally.undecided,
        kinds=len(tally.kinds),
        behind=tally.traits[BEHIND],
        http_2=tally.traits["HTTP/2"],
        http_1_0=tally.traits["HTTP/1.0"] + tally.traits["HTTP/1.0 without keep-alive"],
        referer_or_origin_twice=tally.traits["two Referer lines"] + tally.traits["two Origin lines"],
        others_twice=tally.traits["metadata or User-Agent twice"],
        raw_bytes=tally.traits["raw bytes"],
        of_8_kb=tally.traits["8 KB in a line"] + tally.traits["more than 8 KB in a line"],
        seconds=round(seconds, 1),
    )
    assert not reported, "\n\n".join(reported)
    assert not different, "\n\n".join(different[:SHOWN_FAULTS])
    assert compared > COMPARED * len(HOUSES) / 2
    assert (tally.sets, tally.wrong, tally.server_errors, tally.disagreements) == (SETS, 0, 0, 0)
    assert tally.undecided < SETS / 20
    assert tally.traits[BEHIND] > SETS / 2
    assert {what: found[what] for what in EXERCISED if found[what] < SETS / 2000} == {}
