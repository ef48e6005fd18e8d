"""What the parent does with the list of sites that is published for nginx."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nginx.site_list import wait_until_service_is_quiet
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


def publish(stack: Stack, text: str) -> None:
    """Put a list in place as the service does, whole."""
    target = stack.data_dir / "run" / "sites.list"
    fresh = target.with_suffix(".test")
    fresh.write_text(text)
    fresh.replace(target)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("# authsvc sites, revision 99\nhttp://a.example\n", "is not a site pattern", id="not a site"),
        pytest.param("# authsvc sites, revision x\na.example\n", "does not name a revision", id="no revision"),
        pytest.param("", "cannot be read", id="empty"),
    ],
)
def test_unusable_list_is_announced_and_the_old_one_is_kept(running: Stack, text: str, words: str) -> None:
    path = running.upload(picture())
    rules = (running.data_dir / "nginx" / "conf" / "authsvc-sites.conf").read_text()
    publish(running, text)
    wait_until(lambda: words in running.output, "it says what is wrong")
    assert "nginx keeps the former list of sites" in running.output
    assert (running.data_dir / "nginx" / "conf" / "authsvc-sites.conf").read_text() == rules
    assert running.get(path, Referer="http://localhost/").status_code == 200


def test_new_site_reaches_the_map_of_nginx(running: Stack) -> None:
    running.cli("site", "add", "new.example")
    rules = Path(running.data_dir, "nginx", "conf", "authsvc-sites.conf")
    wait_until(lambda: "new.example" in rules.read_text(), "the map has it")
    # Or the service would put its list over another test's.
    wait_until_service_is_quiet(running)


def test_lost_map_of_nginx_does_not_end_everything() -> None:
    with Stack() as stack:
        path = stack.upload(picture())
        rules = stack.data_dir / "nginx" / "conf" / "authsvc-sites.conf"
        rules.unlink()
        stack.cli("site", "add", "new.example")
        wait_until(lambda: rules.exists() or "keeps the former list" in stack.output, "it is noticed")
        assert stack.get(path, Referer="http://localhost/").status_code == 200
        assert "Traceback" not in stack.output
        assert stack.process.poll() is None


@pytest.mark.waits_for("reload_pause")
def test_change_that_could_not_be_applied_is_tried_again() -> None:
    with Stack() as stack:
        path = stack.upload(picture())
        stack.cli("site", "add", "gone.example")
        wait_until(lambda: stack.get(path, Referer="http://gone.example/").status_code == 200, "it is allowed")
        # Where the link to the next release would be made.
        obstacle = stack.data_dir / "nginx" / ".conf.new"
        obstacle.mkdir()
        stack.cli("site", "remove", "gone.example")
        wait_until(lambda: "keeps the former list" in stack.output, "the failure is announced")
        obstacle.rmdir()
        wait_until(lambda: stack.get(path, Referer="http://gone.example/").status_code == 403, "it is refused")
        assert stack.output.count("keeps the former list") == 1
