"""What bench/reads.py reads, in groups whose cases take turns."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.load import BROWSER, FETCH, Round, Target, pin, workers
from bench.rivals import EXPIRES, SECRET
from bench.servers import Server, fill, hosts, product, rivals
from tests.support.nginx.site_list import change_sites
from tests.support.stack import Stack, wait_until
from tests.support.tls import make_pair

KNOWN: Final = {**BROWSER, **FETCH, "Referer": "https://blog-3.example.com/"}
STRANGER: Final = {**BROWSER, **FETCH, "Referer": "https://stranger.example/"}
HIDDEN: Final = {**BROWSER, **FETCH}
NO_PAGE: Final = {**BROWSER, "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
"""What the address bar sends."""
LOCAL: Final = {**BROWSER, **FETCH, "Referer": "https://localhost/post/1"}
"""A page that is also on the lists of the Python rivals."""

SMALL: Final = 10_240
FEW: Final = 1_000
MANY: Final = 100_000

BASE_GROUP: Final = "base"
MANY_FILES: Final = "100,000 files"
LARGE_FILES: Final = "2 MB"
SITES_GROUP: Final = "50,000 sites"
SAME: Final = "nginx, same headers"
AGAIN: Final = "the same again"
KNOWN_SITE: Final = "known site"
REFUSING: Final = "nginx, same placeholder"
REFUSED_AGAIN: Final = f"{REFUSING}, again"
HIDDEN_CASE: Final = "hidden"
STRANGER_CASE: Final = "stranger"
ORIGINAL: Final = "the 2018 way on Sanic"
MANY_SITES: Final = "known site, 50,000 sites"
TWIN: Final = "known site, another nginx"


@dataclass(frozen=True)
class Case:
    """One way to read; `against` names the case of its group that it is compared with."""

    name: str
    whose: str
    target: Target
    against: str = SAME
    rounds: list[Round] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Cases that take turns; `what` describes what is varied."""

    name: str
    what: str
    cases: Sequence[Case]


@dataclass(frozen=True)
class Running:
    """All servers and files of one run."""

    stack: Stack
    folder: Path
    sites: tuple[str, ...]
    ours: Server
    service: int
    rivals: Mapping[str, Server]
    twin: Server
    dead: Server
    tls: Server
    many: Server
    paths: Sequence[str]


@contextmanager
def servers(folder: Path) -> Iterator[Running]:
    """Run the product, once more in each variant, and every rival, on 1,000 pictures."""
    sites = hosts(10)
    with ExitStack() as opened:
        stack = opened.enter_context(Stack(nginx_workers=1))
        change_sites(stack, add=[site for site in sites if site.startswith("blog-")])
        paths = fill(stack.data_dir / "blobs", count=FEW, size=SMALL)
        known = f"https://{sites[-1]}/"
        wait_until(lambda: _reload_is_over(stack, paths[0], known), "nginx's map has the sites", seconds=30)
        folder.chmod(0o755)
        for name in ("rivals", "twin", "dead", "secure", "many"):
            (folder / name).mkdir()
            (folder / name).chmod(0o755)
        tls = make_pair(folder / "certificate", "localhost")
        others = opened.enter_context(rivals(stack, folder / "rivals", paths[0], sites, tls))
        # No process listens on this socket, so connecting fails at once, as with a dead service.
        nobody = folder / "dead" / "nobody.sock"
        (worker,) = workers(stack.pid("nginx"))
        service = stack.pid("service")
        pin((worker, service))
        yield Running(
            stack=stack,
            folder=folder,
            sites=sites,
            ours=Server(stack.port, (worker, service)),
            service=service,
            rivals=others,
            twin=opened.enter_context(product(stack, folder / "twin", sites=sites)),
            dead=opened.enter_context(product(stack, folder / "dead", sites=sites, service=nobody)),
            tls=opened.enter_context(product(stack, folder / "secure", sites=sites, tls=tls)),
            many=opened.enter_context(product(stack, folder / "many", sites=hosts(50_000))),
            paths=paths,
        )


def groups(running: Running, wanted: Callable[[str], bool]) -> list[Group]:
    """Return every group, the base case first, then one factor changed at a time.

    Many and large pictures are written only if they are `wanted`, which gets `GROUP/CASE`.
    """
    blobs, few = running.stack.data_dir / "blobs", running.paths
    many_are_wanted, large_are_wanted = (
        any(wanted(f"{name}/{case}") for case in (SAME, AGAIN, KNOWN_SITE)) for name in (MANY_FILES, LARGE_FILES)
    )
    many = fill(blobs, count=MANY, size=SMALL) if many_are_wanted else few
    large = fill(blobs, count=50, size=2 * 2**20) if large_are_wanted else few
    base = _Reads(running, _listed(running, "few", few))
    return [
        Group(BASE_GROUP, "10 KB, 32 connections, 1,000 files, 10 sites, HTTP/1.1", _base_cases(running, base, few)),
        Group(LARGE_FILES, "files of 2 MB, 50 of them", _Reads(running, _listed(running, "large", large)).three()),
        Group("256 connections", "256 connections", replace(base, connections=256).three()),
        Group(
            MANY_FILES,
            "more files than are kept open",
            _Reads(running, _listed(running, "many", many)).three(),
        ),
        Group(
            SITES_GROUP,
            "50,000 hosts on the list",
            [
                Case(KNOWN_SITE, "ours", base.of_ours(KNOWN), KNOWN_SITE),
                Case(TWIN, "ours", base.of(running.twin, KNOWN), KNOWN_SITE),
                Case(MANY_SITES, "ours", base.of(running.many, KNOWN), KNOWN_SITE),
            ],
        ),
        Group(
            "HTTP/2 and TLS",
            "HTTP/2 over TLS, ten requests at once on each connection",
            [
                Case(SAME, "nginx", base.of(running.rivals["tls"], KNOWN, tls=True)),
                Case(AGAIN, "nginx", base.of(running.rivals["tls"], KNOWN, tls=True)),
                Case(KNOWN_SITE, "ours", base.of(running.tls, KNOWN, tls=True)),
            ],
        ),
    ]


@dataclass(frozen=True)
class _Reads:
    """Makes targets that share files and connections."""

    running: Running
    targets: Path
    connections: int = 32

    def of(self, server: Server, headers: Mapping[str, str], **how: bool | str | int) -> Target:
        return Target(server.port, self.targets, server.processes, headers, self.connections, **how)  # type: ignore[arg-type]

    def of_ours(self, headers: Mapping[str, str], **how: bool | str) -> Target:
        return self.of(self.running.ours, headers, service=self.running.service, **how)

    def three(self) -> list[Case]:
        same = self.of(self.running.rivals["same"], KNOWN)
        return [
            Case(SAME, "nginx", same),
            Case(AGAIN, "nginx", same),
            Case(KNOWN_SITE, "ours", self.of_ours(KNOWN)),
        ]


def _base_cases(running: Running, base: _Reads, paths: Sequence[str]) -> list[Case]:
    other = running.rivals
    old = replace(base, targets=_listed(running, "old", [f"/?path={path}" for path in paths]))
    signed = replace(base, targets=_listed(running, "signed", [path + _signature(path) for path in paths]))
    refusing = base.of(other["refusing"], STRANGER, is_refused=True)
    return [
        Case(SAME, "nginx", base.of(other["same"], KNOWN)),
        Case(AGAIN, "nginx", base.of(other["same"], KNOWN)),
        Case(KNOWN_SITE, "ours", base.of_ours(KNOWN)),
        Case("known site, service dead", "ours", base.of(running.dead, KNOWN)),
        Case("no Referer", "ours", base.of_ours(NO_PAGE)),
        Case("known site, /?path=", "ours", old.of_ours(KNOWN)),
        Case("bare nginx", "nginx", base.of(other["bare"], KNOWN)),
        Case("nginx valid_referers", "nginx", base.of(other["valid"], KNOWN)),
        Case("nginx secure_link", "nginx", signed.of(other["signed"], KNOWN)),
        Case("auth_request, uncached", "python", base.of(other["asked"], KNOWN)),
        Case("X-Accel-Redirect", "python", base.of(other["accel"], LOCAL)),
        Case("Starlette's StaticFiles", "python", base.of(other["python"], LOCAL)),
        Case(ORIGINAL, "python", old.of(other["original"], LOCAL)),
        Case(REFUSING, "nginx", refusing, REFUSING),
        Case(REFUSED_AGAIN, "nginx", refusing, REFUSING),
        Case(HIDDEN_CASE, "ours", base.of_ours(HIDDEN, is_refused=True), REFUSING),
        Case(STRANGER_CASE, "ours", base.of_ours(STRANGER, is_refused=True), REFUSING),
        Case("stranger's first time", "ours", base.of_ours(HIDDEN, is_refused=True, new_hosts="new-"), REFUSING),
    ]


def _reload_is_over(stack: Stack, path: str, referer: str) -> bool:
    return stack.get(path, Referer=referer).status_code == 200 and len(workers(stack.pid("nginx"))) == 1  # noqa: PLR2004


def _signature(path: str) -> str:
    digest = hashlib.md5(f"{EXPIRES}{path} {SECRET}".encode(), usedforsecurity=False).digest()
    return f"?md5={urlsafe_b64encode(digest).decode().rstrip('=')}&expires={EXPIRES}"


def _listed(running: Running, name: str, targets: Sequence[str]) -> Path:
    file = running.folder / f"{name}.targets"
    file.write_text("".join(f"{target}\n" for target in targets))
    return file
