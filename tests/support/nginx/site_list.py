"""Change a running stack's sites without paying for a process each time."""

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from authsvc.access.site_list_file import publish_sites
from authsvc.backends import open_backends
from authsvc.catalog.port import AccessCatalog
from authsvc.settings import ENV_PREFIX, Settings
from tests.support.experiments import promised
from tests.support.nginx.wire import Wire
from tests.support.stack import Stack, wait_until

TAKES_EFFECT_SECONDS = 10.0
"""Within which the product promises a change of sites to count."""

# The command's own code, without a new Python for each of a hundred.
_COMMANDS = """
import sys
from authsvc.cli.root import authsvc
for pattern in sys.argv[3:]:
    authsvc(["--data-dir", sys.argv[1], "site", sys.argv[2], pattern], standalone_mode=False)
"""


def settings_of(stack: Stack) -> Settings:
    """Return the settings that the stack runs with."""
    given = {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in stack.environment.items()
        if name.startswith(ENV_PREFIX)
    }
    return Settings.model_validate({**given, "data_dir": stack.data_dir, "port": stack.port})


@contextmanager
def access_of(stack: Stack) -> Iterator[AccessCatalog]:
    """Open the stack's catalog of sites beside the running service."""
    backends = open_backends(settings_of(stack))
    try:
        yield backends.catalog.access
    finally:
        backends.catalog.close()


def change_sites(stack: Stack, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Add and remove canonical patterns as the commands do, and publish once."""
    with access_of(stack) as access:
        for pattern in add:
            access.add_site(pattern, now=int(time.time()))
        for pattern in remove:
            access.remove_site(pattern)
        publish_sites(access, settings_of(stack))


def wait_until_service_is_quiet(stack: Stack) -> None:
    """Wait until the running service has nothing left to publish."""
    published = settings_of(stack).site_list_path

    def is_quiet() -> bool:
        with access_of(stack) as access:
            revision = access.revision().sites
        seen = stack.ask_service("/readyz").json()["sites_revision"]
        return bool(seen == revision and published.read_text().startswith(f"# authsvc sites, revision {revision}\n"))

    wait_until(is_quiet, "the service has seen all changes")


def map_of(stack: Stack) -> str:
    """Return the text of the map that nginx was last given."""
    return (stack.data_dir / "nginx" / "conf" / "authsvc-sites.conf").read_text()


def status_for(stack: Stack, path: str, host: str) -> int:
    """Return how a page on `host` gets `path`, on a connection of its own.

    A kept connection would still use a worker from before the reload.
    """
    with Wire(stack.port) as wire:
        return wire.ask(path, {"Referer": f"https://{host}/post"}).status


def wait_for_status(stack: Stack, path: str, host: str, status: int) -> None:
    """Fail unless a page on `host` gets `status` within the promised time."""
    wait_until(
        lambda: status_for(stack, path, host) == status,
        f"{status} for pages on {host}",
        seconds=promised(TAKES_EFFECT_SECONDS),
    )


def run_site_commands(stack: Stack, word: str, patterns: Iterable[str]) -> None:
    """Run `site add` or `site remove` on each pattern, one after the other."""
    command = [sys.executable, "-c", _COMMANDS, str(stack.data_dir), word, *patterns]
    subprocess.run(command, check=True, env=stack.environment, capture_output=True, timeout=90)
