"""A long list of sites decides each host as a short one does."""

import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.experiments import report, size
from tests.support.nginx.outage import frozen
from tests.support.nginx.site_list import change_sites, map_of, wait_for_status
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

COUNT = size(5_000, 50_000)
SAMPLE = 200
SEED = 2018


def listed(count: int) -> list[str]:
    """Return a list with hosts, and with wildcards above, below and at these hosts."""
    draw = random.Random(SEED)
    found = {"example.org", "*.example.org", "*.deep.example.org", "a.b.example.org", "*.xn--bcher-kva.example"}
    while len(found) < count:
        name = f"{draw.choice(('blog', 'www', 'a-b', 'x_y', 'default', 'b'))}{draw.randrange(count)}"
        parent = draw.choice(("example", "example.com", "co.example", f"p{draw.randrange(count // 50)}.example"))
        found.add(f"{draw.choice(('', '', '*.'))}{name}.{parent}")
    return sorted(found)


SITES = listed(COUNT)
HOSTS = {site for site in SITES if not site.startswith("*.")}
PARENTS = {site.removeprefix("*.") for site in SITES if site.startswith("*.")}


def is_listed(host: str) -> bool:
    labels = host.split(".")
    return host in HOSTS or any(".".join(labels[at:]) in PARENTS for at in range(1, len(labels)))


@pytest.fixture(scope="module")
def crowded() -> Iterator[Stack]:
    """A product with that list from its start."""
    folder = Path(tempfile.mkdtemp(prefix="asm-", dir="/tmp"))
    stack = Stack(data_dir=folder, nginx_workers=1)
    try:
        stack.cli("init")
        with sqlite3.connect(folder / "catalog" / "catalog.sqlite3") as catalog:
            catalog.executemany("INSERT INTO sites (pattern, created_at) VALUES (?, 0)", [(site,) for site in SITES])
            catalog.execute("UPDATE revisions SET number = number + 1 WHERE scope = 'sites'")
        catalog.close()
        with stack:
            wait_until(lambda: map_of(stack).count(" 1;\n") >= COUNT, "nginx's map has them")
            yield stack
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shown(crowded: Stack) -> str:
    return crowded.upload(picture())


def around(site: str) -> list[str]:
    """Return hosts that a site's pattern covers, and hosts that only look like them."""
    host = site.removeprefix("*.")
    first, _, rest = host.partition(".")
    return [
        host, f"www.{host}", f"a.b.{host}", f"x{host}", f"x-{host}", rest, f"{host}.evil.example", f"{first}-{rest}",
        host.replace(".", "-", 1), f"{first}x.{rest}", f"*.{host}", f"www.{first}x.{rest}",
    ]  # fmt: skip


def status(wire: Wire, path: str, host: str) -> int:
    return wire.ask(path, {"Referer": f"https://{host}/post"}).status


def test_sampled_sites_and_their_look_alikes_are_decided_right(crowded: Stack, shown: str) -> None:
    draw = random.Random(SEED)
    corners = ["example.org", "*.example.org", "*.deep.example.org", "a.b.example.org", "*.xn--bcher-kva.example"]
    asked = sorted({host for site in (*corners, *draw.sample(SITES, SAMPLE)) for host in around(site)})
    wanted = {host: 200 if "*" not in host and is_listed(host) else 403 for host in asked}
    with Wire(crowded.port) as wire:
        found = {host: status(wire, shown, host) for host in asked}
    wrong = {host: answer for host, answer in found.items() if answer != wanted[host]}
    allowed = list(found.values()).count(200)
    report("sites: listed and look-alike hosts", sites=COUNT, hosts_asked=len(asked), allowed=allowed, wrong=len(wrong))
    assert wrong == {}
    assert SAMPLE < allowed < len(asked)


def test_sampled_sites_are_known_to_nginx_itself(crowded: Stack, shown: str) -> None:
    draw = random.Random(SEED + 1)
    hosts = [site.replace("*.", "a.b.") for site in draw.sample(SITES, SAMPLE)]
    with frozen(crowded.pid("service")), Wire(crowded.port) as wire:
        assert {host for host in hosts if status(wire, shown, host) != 200} == set()


def test_change_of_a_long_list_takes_effect_in_time(crowded: Stack, shown: str) -> None:
    start = time.monotonic()
    change_sites(crowded, add=["one-more.example", "*.one-more.example"])
    wait_for_status(crowded, shown, "one-more.example", 200)
    wait_for_status(crowded, shown, "a.one-more.example", 200)
    change_sites(crowded, remove=["one-more.example"])
    wait_for_status(crowded, shown, "one-more.example", 403)
    wait_for_status(crowded, shown, "a.one-more.example", 200)
    report("sites: two changes", sites=COUNT, two_changes_s=round(time.monotonic() - start, 2))
