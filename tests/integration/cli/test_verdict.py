import pytest

from tests.support.cli.command import Home


def fetch(mode: str, *more: str) -> list[str]:
    return headers("Sec-Fetch-Site: cross-site", f"sec-fetch-mode:{mode}", *more)


def headers(*lines: str) -> list[str]:
    return [part for line in lines for part in ("--header", line)]


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        pytest.param(["--referer", "http://127.0.0.1:1313/post/"], 0, "known_site", id="site"),
        pytest.param(["--referer", "http://localhost/"], 0, "own_host", id="own host"),
        pytest.param(["--referer", "https://stranger.example/"], 3, "stranger", id="stranger"),
        pytest.param(["--referer", "https://notlocalhost/"], 3, "stranger", id="look-alike"),
        pytest.param([], 0, "no_referer", id="no header at all"),
        pytest.param(["--referer", "nonsense"], 3, "invalid_referer", id="nonsense"),
        pytest.param(fetch("no-cors"), 3, "hidden_referer", id="hidden page"),
        pytest.param(fetch("no-cors", "User-Agent: a Electron/30.0"), 0, "no_referer", id="preview of an editor"),
        pytest.param(headers("Origin: https://stranger.example"), 3, "stranger", id="origin of a stranger"),
        pytest.param(
            ["--referer", "http://127.0.0.1/", *headers("Referer: https://stranger.example/")],
            0,
            "known_site",
            id="first of two headers counts",
        ),
    ],
)
def test_verdict_has_an_exit_status_and_a_reason(either: Home, arguments: list[str], status: int, reason: str) -> None:
    done = either.run("verdict", *arguments)
    word = "deny" if status else "allow"
    assert done.status == status
    assert done.stdout.startswith(f"{word}  {reason}: "), done.stdout
    assert "embedder: " in done.stdout


def test_verdict_in_json_names_the_embedder_and_the_steps(home: Home) -> None:
    shown = home.json("verdict", "--referer", "http://127.0.0.1:8000/a")
    assert [step["subject"] for step in shown.pop("steps")] == [
        "Referer: http://127.0.0.1:8000/a",
        "Embedder 127.0.0.1",
        "Who answers",
        "Answer",
    ]
    assert shown == {"verdict": "allow", "reason": "known_site", "embedder": "127.0.0.1"}


REQUEST = """\
GET /7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png HTTP/2
Host: img.example.com
User-Agent: Mozilla/5.0
Referer: https://stranger.example/post
Sec-Fetch-Site: cross-site

not: a header any more
"""


def test_whole_request_is_explained_line_by_line(home: Home) -> None:
    done = home.run("verdict", "--request", "-", stdin=REQUEST.encode())
    assert done.status == 3
    assert [line.strip() for line in done.stdout.splitlines()] == [
        "deny  stranger: the host is not on the list of sites (embedder: stranger.example)",
        "",
        "GET /7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png",
        "a picture's address: nginx gets the verdict before it opens the file",
        "Referer: https://stranger.example/post",
        "the page is on stranger.example; the other headers do not count",
        "Embedder stranger.example",
        "none of the 3 sites covers it, and it is not one of the service's own hosts: localhost",
        "Who answers",
        "the service; nginx caches its answer for 10 s, and refuses while the service is down",
        "Answer",
        "403 with the hotlink picture, whether or not the picture exists; it must not be cached",
        "To allow it",
        "authsvc site add stranger.example",
    ]


def test_request_cannot_control_the_terminal(home: Home) -> None:
    done = home.run("verdict", "--request", "-", stdin=b"Referer: http://a\x1b[2J\xff/\n")
    assert done.status == 3
    assert "\x1b" not in done.stdout
    assert "its host has" in done.stdout


def test_bad_line_of_a_request_is_wrong_usage(home: Home) -> None:
    done = home.run("verdict", "--request", "-", stdin=b"GET / HTTP/1.1\nnonsense\n")
    assert done.status == 2
    assert "'nonsense' is not a header" in done.stderr
    assert "--request" in done.stderr


@pytest.mark.parametrize("line", ["no colon", ": value", ""])
def test_bad_header_is_wrong_usage(home: Home, line: str) -> None:
    done = home.run("verdict", "--header", line)
    assert done.status == 2
    assert "write it as 'Name: value'" in done.stderr


def test_settings_decide_on_empty_and_hidden(home: Home) -> None:
    hidden = ["--header", "Origin: null"]
    assert home.run("verdict").status == 0
    assert home.run("verdict", *hidden).status == 3
    reversed_choice = {"AUTHSVC_EMPTY_REFERER": "deny", "AUTHSVC_HIDDEN_REFERER": "allow"}
    assert home.run("verdict", environment=reversed_choice).status == 3
    assert home.run("verdict", *hidden, environment=reversed_choice).status == 0
