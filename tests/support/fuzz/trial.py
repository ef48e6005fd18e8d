"""Send requests to the product, and judge each answer."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS, embedder_of
from authsvc.verdict.policy import Rules, decide
from authsvc.verdict.sites import SiteSet
from tests.support.fuzz.exercised import BEHIND
from tests.support.fuzz.oracle import Demand, opinion, sharings
from tests.support.fuzz.pipeline import Answer
from tests.support.fuzz.request import Request, has_empty_line
from tests.support.fuzz.sites import EXACT, FROM_THE_START, OWN_HOSTS, PARENTS, House

_SITES: Final = SiteSet.of((*EXACT, *FROM_THE_START, *(f"*.{parent}" for parent in PARENTS)))


@dataclass(frozen=True)
class Pictures:
    """What an answer shows, recognised by its bytes."""

    picture: bytes
    placeholder: bytes

    def shown(self, answer: Answer) -> Demand | None:
        """Return what the answer shows; None for an answer that is never right."""
        match answer.status:
            case 200 if answer.body == self.picture:
                return Demand.SHOW
            case 403 if answer.body == self.placeholder:
                return Demand.REFUSE
            case 400 | 431 if answer.body not in {self.picture, self.placeholder}:
                return Demand.ERROR
            case _:
                return None


@dataclass
class Tally:
    """Counts of the requests and answers so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    """The kinds of the requests, according to the oracle."""
    traits: Counter[str] = field(default_factory=Counter)
    """The traits of the requests, and how they were sent."""
    sets: int = 0
    wrong: int = 0
    server_errors: int = 0
    disagreements: int = 0
    undecided: int = 0


@dataclass(frozen=True)
class Judge:
    """Knows the right answer in a house, and Python's answer."""

    house: House
    pictures: Pictures

    def faults(self, request: Request, answer: Answer) -> list[str]:
        """Return what is wrong with an answer: nothing, or any of `wrong`, `server error`, `disagreement`."""
        shown = self.pictures.shown(answer)
        right = opinion(request, self.house)
        is_right = shown is right.demand or (right.demand is Demand.EITHER and shown in {Demand.SHOW, Demand.REFUSE})
        # An error contains nothing private, so any page may read it.
        may_share = {Demand.SHOW: sharings(request), Demand.ERROR: {"*"}}.get(shown or right.demand, {""})
        python = self._of_python(request)
        verdicts = {
            "wrong": not is_right or answer.shared_with not in may_share,
            "server error": answer.status >= 500,
            "disagreement": shown is not python,
        }
        return [name for name, holds in verdicts.items() if holds]

    def count(self, request: Request, answer: Answer, tally: Tally) -> list[str]:
        """Enter an answer into `tally`; return its faults."""
        faults = self.faults(request, answer)
        right = opinion(request, self.house)
        tally.kinds[right.kind] += 1
        tally.traits.update(request.traits)
        tally.traits[BEHIND] += answer.was_behind
        tally.sets += 1
        tally.wrong += "wrong" in faults
        tally.server_errors += "server error" in faults
        tally.disagreements += "disagreement" in faults
        tally.undecided += right.demand is Demand.EITHER
        return faults

    def explain(self, request: Request, answer: Answer) -> str:
        """Return what was sent, the answer, and the expected answer."""
        right = opinion(request, self.house)
        python = self._of_python(request)
        return (
            f"{request}\n  {', '.join(self.faults(request, answer)) or 'nothing'}: status {answer.status} with "
            f"{len(answer.body)} bytes; {right.kind}: {right.demand.value}; Python: {python.value}; {self.house}"
        )

    def _of_python(self, request: Request) -> Demand:
        fields = request.fields
        if fields is None:
            return Demand.ERROR
        rules = Rules(
            sites=_SITES,
            own_hosts=frozenset(OWN_HOSTS),
            allows_empty=self.house.empty_referer == "allow",
            allows_hidden=self.house.hidden_referer == "allow",
        )
        return Demand.SHOW if decide(embedder_in_python(fields), rules).allowed else Demand.REFUSE


def embedder_in_python(fields: Mapping[str, str]) -> str:
    """Return the embedder that Python's own code finds."""
    return embedder_of(fields, editor_agents=DEFAULT_EDITOR_AGENTS)


def smallest(request: Request, is_faulty: Callable[[Request], bool]) -> Request:
    """Return what is left when nothing more can be left out: lines first, then halves of lines, then the version."""
    found = request
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _smaller(found):
            if is_faulty(candidate):
                found, is_smaller = candidate, True
                break
    return found


def _smaller(request: Request) -> Sequence[Request]:
    lines = request.lines
    fewer = [(*lines[:at], *lines[at + 1 :]) for at in range(len(lines))]
    shorter = [
        (*lines[:at], line[:begin] + line[end:], *lines[at + 1 :])
        for at, line in enumerate(lines)
        for begin, end in _pieces(line)
    ]
    plain = [replace(request, version="1.1")] if request.version.startswith("1.0") else []
    whole = [kept for kept in (*fewer, *shorter) if not any(map(has_empty_line, kept))]
    return [*(replace(request, lines=kept) for kept in whole), *plain]


def _pieces(line: bytes) -> list[tuple[int, int]]:
    """Return ranges of a line's value, large ones first."""
    begin = line.find(b":") + 2
    size = max(len(line) - begin, 0)
    found = []
    while size > 0:
        found += [(at, min(at + size, len(line))) for at in range(begin, len(line), size)]
        size //= 2
    return found if len(line) < 400 else found[:64]
