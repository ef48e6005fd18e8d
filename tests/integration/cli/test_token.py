import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.cli.command import Home
from tests.support.experiments import promised
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.up.fresh import TOKEN


def new_name() -> str:
    return f"t-{secrets.token_hex(6)}"


def status_with(stack: Stack, token: str) -> int:
    return stack.post(picture(), token=token).status_code


def state_of(home: Home, name: str) -> str:
    state: str = next(item["state"] for item in home.json("token", "list") if item["name"] == name)
    return state


def test_add_prints_the_token_and_nothing_else(either: Home) -> None:
    done = either.run("token", "add", new_name())
    assert (done.status, done.stderr) == (0, "")
    assert re.fullmatch(TOKEN.pattern + "\n", done.stdout)


def test_new_token_uploads_and_a_revoked_one_does_not(stack: Stack) -> None:
    name = new_name()
    token = stack.cli("token", "add", name).strip()
    assert status_with(stack, token) == 200
    assert stack.cli("token", "revoke", name) == f"the token {name!r} is revoked\n"
    wait_until(lambda: status_with(stack, token) == 401, "it is refused", seconds=promised(2))


def test_new_token_works_for_many_at_the_same_moment(stack: Stack) -> None:
    home, content = Home(stack.data_dir), picture()
    assert status_with(stack, stack.token) == 200
    for _ in range(3):
        token = home.ok("token", "add", new_name()).strip()
        together = threading.Barrier(8)

        def upload(token: str = token, together: threading.Barrier = together) -> int:
            together.wait(60)
            return stack.post(content, token=token).status_code

        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(upload) for _ in range(8)]
            assert [answer.result() for answer in answers] == [200] * 8


def test_existing_token_can_be_used(stack: Stack) -> None:
    own, name = f"my-own-{secrets.token_hex(12)}", new_name()
    done = stack.run("token", "add", name, "--stdin", stdin=f"{own}\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"the token {name!r} is valid now\n"
    assert status_with(stack, own) == 200


def test_short_existing_token_is_accepted_with_a_warning(either: Home) -> None:
    done = either.run("token", "add", new_name(), "--stdin", stdin=secrets.token_hex(4).encode())
    assert (done.status, done.stdout) == (0, "")
    assert "warning: this token has only 8 characters" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"two words", id="a space inside"),
        pytest.param("schlüssel".encode(), id="no ASCII"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"x" * 257, id="too long"),
        pytest.param(b"x" * 5000, id="longer than is read"),
    ],
)
def test_token_that_no_header_can_contain_is_refused(home: Home, text: bytes) -> None:
    assert "a token is 1 to 256 visible ASCII characters" in home.refusal("token", "add", "a", "--stdin", stdin=text)
    assert home.json("token", "list") == []


def test_token_that_exists_under_another_name_is_refused(home: Home) -> None:
    home.ok("token", "add", "one", "--stdin", stdin=b"the-same-token-for-both")
    line = home.refusal("token", "add", "two", "--stdin", stdin=b"the-same-token-for-both")
    assert "exists already, under the name 'one'" in line


def test_expired_token_is_refused_and_listed_as_expired(stack: Stack) -> None:
    home, name = Home(stack.data_dir), new_name()
    token = home.ok("token", "add", name, "--expires", "1s").strip()
    wait_until(lambda: status_with(stack, token) == 401, "it expires")
    assert state_of(home, name) == "expired"


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1.5h", "90D", "1 d", "1x", "", "99999999999d"])
def test_bad_lifetime_is_refused_with_the_right_spelling(home: Home, text: str) -> None:
    assert "write it as 90d (units: s m h d w y)" in home.refusal("token", "add", "a", "--expires", text)


@pytest.mark.parametrize("text", ["9999y", "999999999y"])
def test_lifetime_beyond_the_calendar_never_breaks_the_list(home: Home, text: str) -> None:
    home.run("token", "add", "far", "--expires", text)
    assert home.run("token", "list").status == 0


@pytest.mark.parametrize("name", ["", "-", "a/b", "a\nb", "x" * 65, " a"])
def test_bad_name_is_refused(home: Home, name: str) -> None:
    assert "is not a name for a token" in home.refusal("token", "add", "--", name)


def test_name_in_use_is_refused_until_its_token_is_revoked(either: Home) -> None:
    name = new_name()
    first = either.ok("token", "add", name)
    assert f"a token named {name!r} exists" in either.refusal("token", "add", name)
    assert either.ok("token", "revoke", name) == f"the token {name!r} is revoked\n"
    assert either.ok("token", "revoke", name) == f"the token {name!r} was revoked already\n"
    assert either.ok("token", "add", name) != first
    assert state_of(either, name) == "valid"


def test_unknown_token_cannot_be_revoked(either: Home) -> None:
    assert "there is no token named 'nobody'; `authsvc token list`" in either.refusal("token", "revoke", "nobody")


def test_list_shows_scope_state_and_times_but_no_token(home: Home) -> None:
    text = home.ok("token", "add", "chief", "--scope", "admin", "--expires", "1y").strip()
    home.ok("token", "add", "gone")
    home.ok("token", "revoke", "gone")
    chief, gone = home.json("token", "list")
    assert (chief["scope"], chief["state"], chief["last_used"]) == ("admin", "valid", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", chief["expires"])
    assert (gone["state"], gone["expires"]) == ("revoked", None)
    table = home.ok("token", "list")
    assert text not in table
    assert table.splitlines()[0].split() == ["name", "scope", "state", "created", "expires", "last", "used"]
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["chief", "gone"]


def test_last_use_is_listed(stack: Stack) -> None:
    home, name = Home(stack.data_dir), new_name()
    assert status_with(stack, home.ok("token", "add", name).strip()) == 200
    wait_until(
        lambda: next(item["last_used"] for item in home.json("token", "list") if item["name"] == name),
        "its use is noted",
    )


def test_tokens_change_while_uploads_are_written(stack: Stack) -> None:
    home, end, refused = Home(stack.data_dir), threading.Event(), []
    stack.post(picture())

    def keep_uploading() -> None:
        while not end.is_set():
            answer = stack.post(picture())
            if answer.status_code != 200:
                refused.append(answer.text)

    writers = [threading.Thread(target=keep_uploading) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(10):
            name = new_name()
            token = home.ok("token", "add", name).strip()
            assert status_with(stack, token) == 200
            home.ok("token", "revoke", name)
    finally:
        end.set()
        for writer in writers:
            writer.join(60)
    assert refused == []
