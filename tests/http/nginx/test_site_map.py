"""Host names with a meaning in nginx, long host names, many of them, and forged lists."""

from pathlib import Path

import pytest

from authsvc.access.site_list_file import read_site_list
from authsvc.errors import Broken
from tests.support.nginx.outage import frozen
from tests.support.nginx.site_list import (
    change_sites,
    map_of,
    run_site_commands,
    settings_of,
    status_for,
    wait_for_status,
    wait_until_service_is_quiet,
)
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

LONGEST = f"{'a' * 61}.{'b' * 63}.{'c' * 63}.{'d' * 63}"
ODD_HOSTS = (
    *("default", "include", "hostnames", "volatile", "map", "none", "hidden", "invalid"),
    *(f"{'e' * 61}.{'f' * 62}", f"{'e' * 62}.{'f' * 62}", LONGEST),
    *("_a-b_.--c.example", "123.456.example", "xn--bcher-kva.example", "[2001:db8::1]", "192.0.2.7", "localhost.x"),
)
MANY = 1000


@pytest.fixture(scope="module")
def shown(site_stack: Stack) -> str:
    """The address of a picture in it."""
    return site_stack.upload(picture())


def statuses(stack: Stack, path: str, hosts: tuple[str, ...]) -> dict[str, int]:
    """Return how the pages of each host get `path`, on one new connection."""
    with Wire(stack.port) as wire:
        return {host: wire.ask(path, {"Referer": f"https://{host}/"}).status for host in hosts}


def test_odd_hosts_can_be_added_and_removed(site_stack: Stack, shown: str) -> None:
    assert statuses(site_stack, shown, ODD_HOSTS) == dict.fromkeys(ODD_HOSTS, 403)
    run_site_commands(site_stack, "add", ODD_HOSTS)
    wait_until(lambda: all(f"\\{host} 1;" in map_of(site_stack) for host in ODD_HOSTS), "nginx's map has them")
    wait_until(lambda: set(statuses(site_stack, shown, ODD_HOSTS).values()) == {200}, "all are allowed")
    assert status_for(site_stack, shown, "still-a-stranger.example") == 403
    run_site_commands(site_stack, "remove", ODD_HOSTS)
    wait_until(lambda: not any(f"\\{host} 1;" in map_of(site_stack) for host in ODD_HOSTS), "nginx's map has none")
    wait_until(lambda: set(statuses(site_stack, shown, ODD_HOSTS).values()) == {403}, "all are refused")


def test_one_host_in_several_spellings_is_one_site(site_stack: Stack, shown: str) -> None:
    run_site_commands(site_stack, "add", ("CASE.example", "case.example.", "*.CASE.example", "*.case.example."))
    wait_until(lambda: "\\case.example 1;" in map_of(site_stack), "nginx's map has it")
    wait_until(lambda: "*.case.example 1;" in map_of(site_stack), "nginx's map has the wildcard")
    assert map_of(site_stack).count("case.example 1;") == 2
    wait_for_status(site_stack, shown, "case.example", 200)
    wait_for_status(site_stack, shown, "a.case.example", 200)


def test_wildcards_beside_their_apex_and_beside_deeper_ones(site_stack: Stack, shown: str) -> None:
    all_hosts = ("nest.example", "a.nest.example", "deep.nest.example", "x.deep.nest.example", "y.deep.nest.example")
    change_sites(site_stack, add=["nest.example", "*.nest.example", "*.deep.nest.example", "x.deep.nest.example"])
    wait_until(lambda: set(statuses(site_stack, shown, all_hosts).values()) == {200}, "all are allowed")
    change_sites(site_stack, remove=["*.nest.example"])
    left = dict(zip(all_hosts, (200, 403, 403, 200, 200), strict=True))
    wait_until(lambda: statuses(site_stack, shown, all_hosts) == left, "what only the wider one covered is refused")


def test_longest_wildcard_is_known(site_stack: Stack, shown: str) -> None:
    host = f"{'w' * 63}.{'x' * 63}.{'y' * 63}.{'z' * 61}"
    change_sites(site_stack, add=[f"*.{host[64:]}"])
    wait_until(lambda: f"*.{host[64:]} 1;" in map_of(site_stack), "nginx's map has it")
    wait_for_status(site_stack, shown, host, 200)


def test_thousand_sites_are_known_to_nginx_itself(site_stack: Stack, shown: str) -> None:
    hosts = tuple(f"blog{number}.thousand.example" for number in range(MANY))
    change_sites(site_stack, add=hosts)
    with frozen(site_stack.pid("service")):
        wait_for_status(site_stack, shown, hosts[-1], 200)
        assert set(statuses(site_stack, shown, hosts).values()) == {200}
    change_sites(site_stack, remove=hosts)
    wait_for_status(site_stack, shown, hosts[0], 403)
    wait_until(lambda: ".thousand.example" not in map_of(site_stack), "nginx's map has none of them")


FORGED = {
    "a directive behind a host": "x; } evil {",
    "a closing brace": "}",
    "an included file": "include /etc/passwd;",
    "a whole map": "default 1;",
    "a comment": "# nothing",
    "upper case": "FORGED.example",
    "an address": "http://forged.example/",
    "everybody": "*",
    "a wildcard in the middle": "a.*.example",
    "a space": "forged.example 1",
    "a space behind": "forged.example ",
    "a regular expression": "~.*",
    "a backslash": "\\forged.example",
    "a variable": "$host",
    "one of the words": "-none",
    "an empty line": "",
    "two dots": "a..b",
    "a dot behind": "forged.example.",
    "254 characters": f"a{LONGEST}",
    "a Unicode name": "b\u00fccher.example",
    "a vertical tab": "forged.example\x0b;",
    "an escape": "forged.example\x1b[2J",
    "bytes that are no text": "\udcff.example",
}


@pytest.mark.parametrize("line", FORGED.values(), ids=FORGED.keys())
def test_list_with_a_forged_line_is_not_read(tmp_path: Path, line: str) -> None:
    published = tmp_path / "sites.list"
    published.write_bytes(
        f"# authsvc sites, revision 7\na.example\n{line}\nz.example\n".encode(errors="surrogateescape")
    )
    with pytest.raises(Broken):
        read_site_list(published)


HEADS = ("", "# authsvc sites, revision", "# authsvc sites, revision -1", "# revision 7", "7; } evil {", "\u0667")


@pytest.mark.parametrize("head", HEADS, ids=["none", "no number", "negative", "other words", "a directive", "Arabic 7"])
def test_list_without_a_revision_is_not_read(tmp_path: Path, head: str) -> None:
    published = tmp_path / "sites.list"
    published.write_text(f"{head}\na.example\n")
    with pytest.raises(Broken):
        read_site_list(published)


def test_running_nginx_keeps_its_map_when_a_list_is_forged(site_stack: Stack, shown: str) -> None:
    change_sites(site_stack, add=["before.example"])
    wait_until(lambda: "before.example" in map_of(site_stack), "nginx's map has it")
    wait_until_service_is_quiet(site_stack)
    before = map_of(site_stack)
    already_said = site_stack.output.count("\n")
    published = settings_of(site_stack).site_list_path
    head, *rest = published.read_text().splitlines()
    revision = int(head.rpartition(" ")[2]) + 1000
    forged = [
        f"{head.rpartition(' ')[0]} {revision}",
        *rest,
        "forged-neighbour.example",
        FORGED["a directive behind a host"],
    ]
    fresh = published.with_suffix(".forged")
    fresh.write_text("\n".join([*forged, ""]))
    fresh.replace(published)
    wait_until(lambda: site_stack.output.count("\n") > already_said, "the parent says that it refuses it")
    said = site_stack.output.splitlines()[already_said]
    assert said.startswith("authsvc: nginx keeps the former list of sites: "), said
    assert map_of(site_stack) == before
    assert statuses(site_stack, shown, ("before.example", "forged-neighbour.example")) == {
        "before.example": 200,
        "forged-neighbour.example": 403,
    }
    change_sites(site_stack, add=["after.example"], remove=["before.example"])
    wait_for_status(site_stack, shown, "after.example", 200)
    wait_until(lambda: "after.example" in map_of(site_stack), "nginx takes the next good list")
    change_sites(site_stack, remove=["after.example"])


def test_list_that_vanished_is_published_again_with_the_next_change(site_stack: Stack, shown: str) -> None:
    wait_until_service_is_quiet(site_stack)
    before = map_of(site_stack)
    already_said = site_stack.output.count("\n")
    settings_of(site_stack).site_list_path.unlink()
    wait_until(lambda: site_stack.output.count("\n") > already_said, "the parent says so")
    assert map_of(site_stack) == before
    change_sites(site_stack, add=["again.example"])
    wait_for_status(site_stack, shown, "again.example", 200)
    wait_until(lambda: "again.example" in map_of(site_stack), "nginx's map has it")
