"""nginx's waiting times that are shipped are long enough for the service.

Most tests have a stack that waits longer. Each test here repeats its request,
because the machine may be busy once, but not every time.
"""

import itertools

from authsvc.times import TIMES
from tests.support.nginx.outage import frozen
from tests.support.nginx.site_list import access_of, map_of, status_for, wait_until_service_is_quiet
from tests.support.pictures import picture
from tests.support.sizes.reading import WEBP, photograph, shown
from tests.support.stack import Stack, wait_until


def test_stack_waits_as_an_installation(site_stack: Stack) -> None:
    assert site_stack.times == TIMES


def test_verdict_comes_in_time(site_stack: Stack) -> None:
    """Only a verdict allows these hosts: nginx's map does not have them, and without a verdict they are refused."""
    path = site_stack.upload(picture())
    hosts = [f"in-time-{number}.example" for number in range(20)]
    wait_until_service_is_quiet(site_stack)
    with frozen(site_stack.process.pid):
        with access_of(site_stack) as access:
            for host in hosts:
                access.add_site(host, now=0)
        question = {"X-Embedder": hosts[-1]}
        wait_until(lambda: site_stack.ask_service("/verdict", question).status_code == 204, "the service knows")
        newcomers = itertools.cycle(hosts)
        wait_until(lambda: status_for(site_stack, path, next(newcomers)) == 200, "nginx receives a verdict in time")
        assert "in-time-" not in map_of(site_stack)


def test_other_spelling_is_served_in_time(site_stack: Stack) -> None:
    path = site_stack.upload(picture())
    escaped = f"/?path={path.replace('/', '%2F')}"
    wait_until(lambda: site_stack.get(escaped).status_code == 200, "nginx receives the answer in time")


def test_size_is_made_in_time_for_its_first_reader(site_stack: Stack) -> None:
    def is_in_time() -> bool:
        path = site_stack.upload(photograph())
        return shown(site_stack, f"{path}?w=320", WEBP).mime == "image/webp"

    wait_until(is_in_time, "the first reader gets the size")
