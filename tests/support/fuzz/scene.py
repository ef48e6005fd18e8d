"""The product in a house, spoken to over all versions of HTTP."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.support.fuzz.pipeline import Answer, Pipeline, batches
from tests.support.fuzz.request import Request
from tests.support.fuzz.sites import EXACT, PARENTS, House
from tests.support.fuzz.streams import Streams, nginx_with_http2
from tests.support.fuzz.trial import Judge, Pictures, Tally, embedder_in_python, smallest
from tests.support.nginx.site_list import access_of, change_sites, status_for
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

PICTURE: Final = picture("PNG", (64, 48), seed=7)
PLACEHOLDER: Final = picture("PNG", (31, 29), seed=8)


class Scene:
    """A house with the product in it, spoken to over all versions of HTTP."""

    def __init__(self, stack: Stack, path: str, http1: Pipeline, http2: Streams, judge: Judge) -> None:
        self._stack = stack
        self._path = path
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
        """Explain the smallest request that gets the same wrong answer."""
        faults = self.judge.faults(request, self._ask(request))
        found = smallest(request, lambda tried: self.judge.faults(tried, self._ask(tried)) == faults)
        return self.judge.explain(found, self._ask(found))

    def embedders(self, requests: Iterable[Request]) -> list[tuple[Request, str, str]]:
        """Return the embedders of the requests that are valid HTTP/1: as nginx logs them, and as Python finds them."""
        asked = [
            (request, fields)
            for request in requests
            if request.version != "2" and (fields := request.fields) is not None
        ]
        target = f"{self._path}?embedder"
        begun = len(self._logged(target))
        with Pipeline(self._stack.port, target) as pipeline:
            for batch in batches(request for request, _ in asked):
                pipeline.ask(batch)
        wait_until(lambda: len(self._logged(target)) >= begun + len(asked), "nginx has written its log")
        words = [line.rpartition(" ")[2] for line in self._logged(target)[begun:]]
        return [
            (request, word, embedder_in_python(fields)) for (request, fields), word in zip(asked, words, strict=True)
        ]

    def _logged(self, target: str) -> list[str]:
        """Return the whole lines about `target` in the order of the requests: there is one worker."""
        text = (self._stack.data_dir / "log" / "access.log").read_text("ascii")
        return [line for line in text[: text.rfind("\n") + 1].splitlines() if f' {target}" ' in line]

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
            extra_hosts="img.own.example",
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
        wait_until(lambda: _nginx_revision(stack, path) == revision, "nginx has the list of sites")
        port = open_things.enter_context(nginx_with_http2(stack))
        http1 = open_things.enter_context(Pipeline(stack.port, path))
        http2 = open_things.enter_context(Streams(port, path))
        yield Scene(stack, path, http1, http2, Judge(house, Pictures(PICTURE, PLACEHOLDER)))


def _nginx_revision(stack: Stack, path: str) -> int | None:
    """Return the revision of the sites that nginx names when it asks about a stranger."""
    status_for(stack, path, "nobody.test")
    revision: int | None = stack.ask_service("/readyz").json()["nginx_sites_revision"]
    return revision
