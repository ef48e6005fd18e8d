"""No set of headers, however made, gets another answer than the rules give."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from tests.campaign import FULL, report, size
from tests.fuzz.exercised import EXERCISED
from tests.fuzz.generator import requests
from tests.fuzz.pipeline import Answer, Pipeline, batches
from tests.fuzz.request import Request
from tests.fuzz.sites import ALL_HOUSES, EXACT, PARENTS, TWO_HOUSES, House
from tests.fuzz.streams import Streams, nginx_with_http2
from tests.fuzz.trial import Judge, Pictures, Tally, smallest
from tests.nginx.site_list import access_of, change_sites, status_for
from tests.pictures import picture
from tests.stack import Stack, wait_until

SEED: Final = 20180605
SETS: Final = size(5_000, 100_000)
HOUSES: Final = ALL_HOUSES if FULL else TWO_HOUSES
AT_ONCE: Final = 1000
SHOWN_FAULTS: Final = 5
PICTURE: Final = picture("PNG", (64, 48), seed=7)
PLACEHOLDER: Final = picture("PNG", (31, 29), seed=8)


class Scene:
    """A house with the product in it, spoken to over all versions of HTTP."""

    def __init__(self, http1: Pipeline, http2: Streams, judge: Judge) -> None:
        self._http1 = http1
        self._http2 = http2
        self.judge = judge

    def put(self, requests: list[Request], tally: Tally) -> list[tuple[int, Request]]:
        """Ask all of them; return those with a fault and their places."""
        older = [place for place, request in enumerate(requests) if request.version != "2"]
        newer = [place for place, request in enumerate(requests) if request.version == "2"]
        answers: dict[int, Answer] = {}
        for batch in batches(requests[place] for place in older):
            for answer in self._http1.ask(batch):
                answers[older[len(answers)]] = answer
        answers |= dict(zip(newer, self._http2.ask([requests[place] for place in newer]), strict=True))
        return [
            (place, request)
            for place, request in enumerate(requests)
            if self.judge.count(request, answers[place], tally)
        ]

    def explained(self, request: Request) -> str:
        """Say what is wrong with the smallest request that is answered as wrongly."""
        faults = self.judge.faults(request, self._ask(request))
        found = smallest(request, lambda tried: self.judge.faults(tried, self._ask(tried)) == faults)
        return self.judge.explain(found, self._ask(found))

    def _ask(self, request: Request) -> Answer:
        client = self._http2 if request.version == "2" else self._http1
        return client.ask([request])[0]


@contextmanager
def scene(house: House, folder: Path) -> Iterator[Scene]:
    """Run the product with the sites and settings of a house."""
    placeholder = folder / "hotlink.png"
    placeholder.write_bytes(PLACEHOLDER)
    with ExitStack() as open_things:
        stack = Stack(
            hosts="img.own.example",
            hotlink_placeholder=placeholder,
            empty_referer=house.empty_referer,
            hidden_referer=house.hidden_referer,
            nginx_workers=1,
        )
        open_things.enter_context(stack)
        sites = (*EXACT, *(f"*.{parent}" for parent in PARENTS))
        change_sites(stack, add=sites, remove=["localhost"])
        path = stack.upload(PICTURE)
        with access_of(stack) as access:
            revision = access.revision().sites
        wait_until(lambda: _nginx_revision(stack, path) == revision, "nginx has the list of sites", seconds=20)
        port = open_things.enter_context(nginx_with_http2(stack))
        http1 = open_things.enter_context(Pipeline(stack.port, path))
        http2 = open_things.enter_context(Streams(port, path))
        yield Scene(http1, http2, Judge(house, Pictures(PICTURE, PLACEHOLDER)))


def _nginx_revision(stack: Stack, path: str) -> int | None:
    """Return the revision of the sites that nginx names when it asks about a stranger."""
    status_for(stack, path, "nobody.test")
    revision: int | None = stack.ask_service("/readyz").json()["nginx_sites_revision"]
    return revision


@pytest.mark.timeout(900)
def test_every_header_set_gets_the_answer_that_the_rules_give(tmp_path: Path) -> None:
    tally = Tally()
    told: list[str] = []
    begun = time.monotonic()
    share = SETS // len(HOUSES)
    for at, house in enumerate(HOUSES):
        with scene(house, tmp_path) as running:
            for first in range(at * share, (at + 1) * share, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, (at + 1) * share))
                faulty = running.put(list(requests(SEED, numbers)), tally)
                for place, request in islice(faulty, max(SHOWN_FAULTS - len(told), 0)):
                    told.append(f"seed {SEED}, number {first + place}: {running.explained(request)}")
    seconds = time.monotonic() - begun
    found = tally.kinds + tally.traits
    for what, count in sorted(found.items()):
        print(f"{count:6} {what}")
    report(
        "fuzz: header sets",
        sets=tally.sets,
        wrong=tally.wrong,
        server_errors=tally.server_errors,
        disagreements=tally.disagreements,
        undecided=tally.undecided,
        kinds=len(tally.kinds),
        http_2=tally.traits["HTTP/2"],
        http_1_0=tally.traits["HTTP/1.0"] + tally.traits["HTTP/1.0 without keep-alive"],
        referer_or_origin_twice=tally.traits["two Referer lines"] + tally.traits["two Origin lines"],
        others_twice=tally.traits["metadata or User-Agent twice"],
        raw_bytes=tally.traits["raw bytes"],
        of_8_kb=tally.traits["8 KB in a line"] + tally.traits["more than 8 KB in a line"],
        seconds=round(seconds, 1),
    )
    assert not told, "\n\n".join(told)
    assert (tally.sets, tally.wrong, tally.server_errors, tally.disagreements) == (SETS, 0, 0, 0)
    assert tally.undecided < SETS / 20
    assert {what: found[what] for what in EXERCISED if found[what] < SETS / 1000} == {}
