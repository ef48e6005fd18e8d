"""Added and removed sites take effect without another command, in time, and permanently."""

import pytest

from authsvc.access.site_list_file import read_site_list
from tests.support.nginx.site_list import (
    access_of,
    change_sites,
    map_of,
    run_site_commands,
    settings_of,
    status_for,
    wait_for_status,
)
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

HUNDRED = tuple(f"many{number}.example" for number in range(100))


@pytest.fixture(scope="module")
def shown(site_stack: Stack) -> str:
    """The address of a picture in it."""
    return site_stack.upload(picture())


def statuses(stack: Stack, path: str) -> set[int]:
    """Return how the pages of the hundred sites get `path`."""
    with Wire(stack.port) as wire:
        return {wire.ask(path, {"Referer": f"http://{host}/"}).status for host in HUNDRED}


def listed(stack: Stack) -> set[str]:
    """Return the patterns in the catalog and the service's own hosts."""
    with access_of(stack) as access:
        return {*access.read().sites, *settings_of(stack).own_hosts}


def mapped(stack: Stack) -> set[str]:
    """Return the patterns that nginx's map allows."""
    entries = [line.strip().removesuffix(" 1;") for line in map_of(stack).splitlines() if line.endswith(" 1;")]
    return {entry.lstrip("\\") for entry in entries if entry not in {"-none", "-hidden"}}


def test_site_takes_effect_and_ends_by_command_alone(site_stack: Stack, shown: str) -> None:
    assert status_for(site_stack, shown, "one.example") == 403
    site_stack.cli("site", "add", "one.example")
    wait_for_status(site_stack, shown, "one.example", 200)
    site_stack.cli("site", "remove", "one.example")
    wait_for_status(site_stack, shown, "one.example", 403)


def test_stranger_refused_a_moment_ago_is_let_in_once_added(site_stack: Stack, shown: str) -> None:
    # The refusal is cached for as long as the change may take.
    for _ in range(3):
        assert status_for(site_stack, shown, "refused.example") == 403
    change_sites(site_stack, add=["refused.example"])
    wait_for_status(site_stack, shown, "refused.example", 200)


def test_site_that_the_service_has_allowed_is_refused_once_removed(site_stack: Stack, shown: str) -> None:
    with access_of(site_stack) as access:
        # Not published: at first only the service knows it, and its permission is cached.
        access.add_site("cached.example", now=0)
    wait_for_status(site_stack, shown, "cached.example", 200)
    change_sites(site_stack, remove=["cached.example"])
    wait_for_status(site_stack, shown, "cached.example", 403)


def test_change_that_only_the_service_sees_reaches_nginx(site_stack: Stack) -> None:
    with access_of(site_stack) as access:
        access.add_site("unpublished.example", now=0)
    wait_until(lambda: "unpublished.example" in mapped(site_stack), "nginx's map has it")


def test_wildcard_covers_every_depth_but_not_its_apex(site_stack: Stack, shown: str) -> None:
    change_sites(site_stack, add=["*.wild.example"])
    wait_for_status(site_stack, shown, "a.b.wild.example", 200)
    wait_for_status(site_stack, shown, "a.wild.example", 200)
    assert [status_for(site_stack, shown, host) for host in ("wild.example", "notwild.example")] == [403, 403]


def test_built_in_local_sites_can_be_removed_and_come_back(site_stack: Stack, shown: str) -> None:
    assert [status_for(site_stack, shown, host) for host in ("127.0.0.1:4000", "[::1]:4000")] == [200, 200]
    change_sites(site_stack, remove=["127.0.0.1", "[::1]"])
    wait_for_status(site_stack, shown, "127.0.0.1:4000", 403)
    wait_for_status(site_stack, shown, "[::1]:4000", 403)
    change_sites(site_stack, add=["127.0.0.1", "[::1]"])
    wait_for_status(site_stack, shown, "127.0.0.1:4000", 200)
    wait_for_status(site_stack, shown, "[::1]:4000", 200)


def test_own_host_stays_allowed_when_it_is_taken_off_the_list(site_stack: Stack, shown: str) -> None:
    change_sites(site_stack, remove=["localhost"])
    wait_until(lambda: "localhost" not in listed(site_stack) - settings_of(site_stack).own_hosts, "it is off the list")
    assert status_for(site_stack, shown, "localhost:4000") == 200


def test_hundred_commands_in_a_row_all_take_effect(site_stack: Stack, shown: str) -> None:
    run_site_commands(site_stack, "add", HUNDRED)
    wait_until(lambda: statuses(site_stack, shown) == {200}, "all hundred are allowed")
    wait_until(lambda: mapped(site_stack) == listed(site_stack), "nginx's map is the list")
    run_site_commands(site_stack, "remove", HUNDRED)
    wait_until(lambda: statuses(site_stack, shown) == {403}, "all hundred are refused")
    wait_until(lambda: mapped(site_stack) == listed(site_stack), "nginx's map is the list")
    assert site_stack.process.poll() is None


def test_hundred_changes_as_fast_as_they_go_leave_nginx_with_the_last(site_stack: Stack, shown: str) -> None:
    for host in HUNDRED:
        change_sites(site_stack, add=[host])
    for host in HUNDRED:
        change_sites(site_stack, remove=[host])
    wait_until(lambda: mapped(site_stack) == listed(site_stack), "nginx's map is the list")
    wait_until(lambda: statuses(site_stack, shown) == {403}, "all hundred are refused")
    with access_of(site_stack) as access:
        assert read_site_list(settings_of(site_stack).site_list_path).revision == access.revision().sites


def test_reads_go_on_while_nginx_takes_over_a_list(site_stack: Stack, shown: str) -> None:
    with Wire(site_stack.port) as wire:
        for number in range(3):
            change_sites(site_stack, add=[f"busy{number}.example"])
            wanted = f"busy{number}.example"
            found = {200}

            def is_known(wanted: str = wanted, found: set[int] = found) -> bool:
                found.add(wire.ask(shown, {"Referer": "http://localhost/"}).status)
                return wanted in mapped(site_stack) and status_for(site_stack, shown, wanted) == 200

            wait_until(is_known, f"{wanted} is known")
            assert found == {200}


def test_service_learns_which_list_nginx_runs(site_stack: Stack, shown: str) -> None:
    change_sites(site_stack, add=["revision.example"])
    with access_of(site_stack) as access:
        revision = access.revision().sites
    wait_until(lambda: f'"{revision}"' in map_of(site_stack), "nginx has the list")

    def is_seen() -> bool:
        status_for(site_stack, shown, "asks-the-service.example")
        answer = site_stack.ask_service("/readyz").json()
        return bool(answer["nginx_sites_revision"] == revision and not answer["nginx_lags"])

    wait_until(is_seen, "the service knows nginx's revision")
