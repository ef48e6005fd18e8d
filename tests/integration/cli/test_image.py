from collections.abc import Iterator

import pytest

from tests.support.cli.command import Home
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.up.fresh import FreshStack

UNKNOWN = "/00/" + "0" * 30 + ".png"


@pytest.fixture(scope="module")
def album() -> Iterator[FreshStack]:
    """A stack with seven pictures, newest last."""
    with FreshStack() as stack:
        for number in range(7):
            stack.upload(picture(size=(10 + number, 5)), f"number {number}.png")
        yield stack


def names(listed: list[dict[str, object]]) -> list[object]:
    return [item["name"] for item in listed]


def test_list_pages_from_the_newest_to_the_end(album: FreshStack) -> None:
    home, seen = Home(album.data_dir), []
    more: list[str] = []
    while page := home.json("image", "list", "--limit", "3", *more):
        assert len(page) <= 3
        seen += page
        more = ["--after", page[-1]["key"]]
    assert names(seen) == [f"number {number}.png" for number in reversed(range(7))]


def test_full_page_names_the_command_for_the_next(album: FreshStack) -> None:
    home = Home(album.data_dir)
    last = home.json("image", "list", "--limit", "2")[-1]["key"]
    assert home.run("image", "list", "--limit", "2").stderr == f"more: authsvc image list --after {last}\n"
    assert home.run("image", "list", "--after", last).stderr == ""


def test_list_is_a_table_for_people(album: FreshStack) -> None:
    head, _, newest, *_ = Home(album.data_dir).ok("image", "list").splitlines()
    assert head.split() == ["path", "pixels", "bytes", "uploaded", "name"]
    path, pixels, size, _, name = newest.split(maxsplit=4)
    assert (pixels, name.strip()) == ("16x5", "number 6.png")
    assert len(album.get(path).content) == int(size)


@pytest.mark.needs_nginx
def test_list_and_show_agree_while_nothing_runs() -> None:
    with FreshStack() as stack:
        stack.upload(picture())
        running = Home(stack.data_dir).json("image", "list")
        stack.stop()
        assert Home(stack.data_dir).json("image", "list") == running
        assert [Home(stack.data_dir).json("image", "show", running[0]["key"])] == running


@pytest.mark.parametrize("spelling", ["path", "key", "md5"])
def test_show_finds_by_path_key_or_md5(album: FreshStack, spelling: str) -> None:
    home = Home(album.data_dir)
    expected = home.json("image", "list")[3]
    assert home.json("image", "show", expected[spelling]) == expected
    facts = dict(line.split(maxsplit=1) for line in home.ok("image", "show", expected[spelling]).splitlines()[2:])
    assert facts["sha256"].strip() == expected["sha256"]


@pytest.mark.parametrize("command", [["show"], ["rm"], ["list", "--after"]], ids=" ".join)
def test_unknown_picture_is_refused(home: Home, command: list[str]) -> None:
    done = home.run("image", *command, UNKNOWN)
    assert (done.status, done.stdout) == (1, "")
    assert "there is no picture" in done.stderr


@pytest.mark.parametrize("command", [["show"], ["rm"], ["list", "--after"]], ids=" ".join)
def test_invalid_key_is_refused_with_an_example(home: Home, command: list[str]) -> None:
    done = home.run("image", *command, "../../etc/passwd")
    assert (done.status, done.stdout) == (1, "")
    assert "is not a picture's key, such as /" in done.stderr


def test_removed_picture_is_missing_and_can_be_uploaded_again(stack: Stack) -> None:
    home, content = Home(stack.data_dir), picture()
    path = stack.upload(content)
    assert stack.get(path).status_code == 200
    assert home.ok("image", "rm", path) == f"{path} is removed\n"
    wait_until(lambda: stack.get(path).status_code == 404, "it is missing")
    assert home.run("image", "show", path).status == 1
    assert stack.upload(content) == path
    wait_until(lambda: stack.get(path).status_code == 200, "it is back")
    assert stack.get(path).content == content


def test_unknown_key_does_not_stop_the_removal_of_others(stack: Stack) -> None:
    home = Home(stack.data_dir)
    first, second = stack.upload(picture()), stack.upload(picture())
    done = home.run("image", "rm", first, UNKNOWN, "nonsense", second)
    assert done.status == 1
    assert done.stdout.splitlines() == [f"{first} is removed", f"{second} is removed"]
    assert [line.startswith("authsvc: ") for line in done.stderr.splitlines()] == [True, True]
    wait_until(lambda: {stack.get(first).status_code, stack.get(second).status_code} == {404}, "both are missing")


@pytest.mark.needs_nginx
def test_picture_is_removed_while_nothing_runs() -> None:
    with FreshStack() as stack:
        path, kept = stack.upload(picture()), stack.upload(picture())
        stack.stop()
        assert Home(stack.data_dir).ok("image", "rm", path) == f"{path} is removed\n"
        stack.start()
        assert (stack.get(path).status_code, stack.get(kept).status_code) == (404, 200)
