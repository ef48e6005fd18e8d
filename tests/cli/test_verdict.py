import pytest

from tests.cli.command import Home


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
def test_verdict_says_so_by_status_and_reason(either: Home, arguments: list[str], status: int, reason: str) -> None:
    done = either.run("verdict", *arguments)
    word = "deny" if status else "allow"
    assert done.status == status
    assert done.stdout.startswith(f"{word}  {reason}: "), done.stdout
    assert "embedder: " in done.stdout


def test_verdict_in_json_names_the_embedder(home: Home) -> None:
    assert home.json("verdict", "--referer", "http://127.0.0.1:8000/a") == {
        "verdict": "allow",
        "reason": "known_site",
        "embedder": "127.0.0.1",
    }


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
