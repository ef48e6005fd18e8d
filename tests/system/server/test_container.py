"""The image of the Containerfile: what is in it, and how it runs."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.pictures import picture
from tests.support.server import container as container_steps
from tests.support.server.checkout import checkout_files, copy_checkout
from tests.support.server.container import IGNORED, RECIPE, Container, is_ignored, only, steps, usage
from tests.support.server.debian import debian_root
from tests.support.server.disk import Layers
from tests.support.server.kept import file_facts, keep_changes, kept
from tests.support.stack import wait_until

START_SECONDS = 60
GREETING = "upload a picture:"
STOP_SECONDS = 10
BASE = "http://localhost:8080"
NEVER_COPIED = (
    ".git",
    ".venv",
    "var",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".coverage.host.1",
    ".hypothesis",
)
STRANGER = "https://stranger.example/"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the folders that work leaves in it."""
    folder = tmp_path_factory.mktemp("context")
    fill(folder)
    return folder


def fill(context: Path) -> None:
    copy_checkout(context)
    for name in NEVER_COPIED:
        (context / name).mkdir()
        (context / name / "large").touch()


@pytest.fixture(scope="module")
def built() -> Iterator[Layers]:
    facts = file_facts([__file__, container_steps.__file__, RECIPE, IGNORED, *copied_files()])
    with kept("container", facts, build) as layer:
        yield Layers((layer, debian_root()))


def build(layer: Path) -> None:
    with TemporaryDirectory() as context, Container() as made:
        fill(Path(context))
        made.build(Path(context))
        keep_changes(made, layer)


def copied() -> set[str]:
    """Return what the Containerfile copies."""
    return {source for step in steps() if step.instruction == "COPY" for source in step.text.split()[:-1]}


def copied_files() -> list[str]:
    return sorted(name for name in checkout_files() if name.split("/")[0] in copied())


@pytest.fixture
def container(built: Layers) -> Iterator[Container]:
    """The built container, not started yet."""
    with Container(base=built) as made:
        yield made


@pytest.fixture
def running(container: Container) -> Container:
    """The container as the Containerfile's first comment starts it."""
    words = usage("podman run")
    launch(container, dict([words[words.index("-e") + 1].split("=", 1)]))
    return container


def launch(container: Container, env: dict[str, str]) -> None:
    greetings = container.console.count(GREETING)
    container.launch(env)
    wait_until(
        lambda: container.console.count(GREETING) > greetings or container.has_ended,
        "the container answers",
        seconds=START_SECONDS,
    )
    assert not container.has_ended, container.console


def new_token(container: Container) -> str:
    name = f"token-{os.urandom(4).hex()}"
    return container.execute("authsvc", "token", "add", name).stdout.strip()


def upload(container: Container, file: Path, token: str) -> dict[str, str]:
    answer = json.loads(container.curl("-H", f"token: {token}", "-F", f"file=@{file}", f"{BASE}/api/v1/upimg"))
    assert answer["status"] == 0, answer
    found: dict[str, str] = answer["data"]
    return found


def status(container: Container, path: str, referer: str) -> str:
    return container.curl("-o", "/dev/null", "-w", "%{http_code}", "-e", referer, BASE + path)


def health(container: Container) -> int:
    command = only("HEALTHCHECK").partition("CMD ")[2]
    return container.execute(*json.loads(command)).returncode


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    return path


def test_image_has_the_program_but_no_sources_and_no_build_cache(container: Container) -> None:
    assert not container.path("/src").exists()
    assert [path.name for path in container.path("/usr/local/bin").iterdir()] == ["authsvc"]
    assert container.chroot("authsvc", "--version").stdout
    assert not container.path("/root/.cache").exists()


def test_only_sources_are_copied_into_the_image(context: Path) -> None:
    names = [path.name for path in context.iterdir()]
    assert set(NEVER_COPIED) <= {name for name in names if is_ignored(name)}
    # A layer keeps what is copied into it, even if a later layer removes it.
    assert copied() == {"authsvc", "nginx", "requirements", "scripts", "pyproject.toml", "README.md", "LICENSE"}


def test_picture_is_uploaded_shown_and_refused_to_strangers(running: Container, file: Path) -> None:
    token = new_token(running)
    answer = upload(running, file, token)
    assert answer["url"] == f"https://img.example.com{answer['path']}"
    assert status(running, answer["path"], "https://img.example.com/") == "200"
    assert status(running, answer["path"], STRANGER) == "403"


def test_documented_command_adds_a_site(running: Container, file: Path) -> None:
    path = upload(running, file, new_token(running))["path"]
    _, _, _, *command = usage("podman exec")
    assert running.execute(*command).returncode == 0
    wait_until(
        lambda: status(running, path, "https://blog.example.com/post") == "200", "the site may embed", seconds=10
    )


def test_published_port_listens_on_every_address(running: Container) -> None:
    port = only("EXPOSE")
    running.run("ip", "address", "add", "203.0.113.7/32", "dev", "lo")
    assert "Disallow" in running.curl(f"http://203.0.113.7:{port}/robots.txt")


def test_first_start_shows_a_token_that_uploads(container: Container, file: Path) -> None:
    launch(container, {})
    token = re.search(r"shown only once:\s+(\S+)", container.console)
    assert token, container.console
    assert upload(container, file, token[1])["url"].startswith(f"{BASE}/")


def test_health_check_fails_while_the_service_is_down(running: Container) -> None:
    wait_until(lambda: health(running) == 0, "the container is healthy", seconds=START_SECONDS)
    # The parent would restart it within a second.
    running.signal_first(signal.SIGSTOP)
    running.execute("sh", "-c", 'kill -KILL "$(cat run/service.pid)"')
    assert health(running) != 0
    running.signal_first(signal.SIGCONT)
    wait_until(lambda: health(running) == 0, "the container is healthy again", seconds=START_SECONDS)


def test_stop_is_clean_and_the_next_start_has_the_data(running: Container, file: Path) -> None:
    token = new_token(running)
    path = upload(running, file, token)["path"]
    assert running.stop(seconds=STOP_SECONDS) == 0
    left = [path.name for path in running.path("/data/run").iterdir() if path.suffix in {".pid", ".sock"}]
    assert left == []
    launch(running, {})
    assert status(running, path, STRANGER) == "403"
    assert status(running, path, "https://img.example.com/") == "200"
    assert upload(running, file, token)["path"] == path


def test_every_process_runs_as_an_ordinary_user_and_only_it_reads_the_data(running: Container) -> None:
    assert running.execute("id", "-u").stdout == "10001\n"
    assert {path.stat().st_uid for path in running.path("/proc").glob("[0-9]*")} == {10001}
    data = running.path("/data").stat()
    assert (data.st_uid, data.st_mode & 0o777) == (10001, 0o750)
