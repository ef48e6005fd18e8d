import secrets

import pytest

from tests.support.cli.command import Home
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until


def new_host() -> str:
    return f"{secrets.token_hex(6)}.example"


def test_site_is_added_listed_and_removed(either: Home) -> None:
    host = new_host()
    assert either.ok("site", "add", host) == f"{host} may embed now\n"
    assert either.ok("site", "add", host.upper()) == f"{host} was on the list before\n"
    assert host in either.json("site", "list")["sites"]
    assert either.ok("site", "remove", host) == f"{host} may no longer embed\n"
    assert host not in either.json("site", "list")["sites"]


def test_site_takes_effect_without_a_reload_by_hand(stack: Stack) -> None:
    home, host, path = Home(stack.data_dir), new_host(), stack.upload(picture())
    home.ok("site", "add", f"*.{host}")
    wait_until(lambda: stack.get(path, Referer=f"https://blog.{host}/").status_code == 200, "it may embed")
    home.ok("site", "remove", f"*.{host}")
    wait_until(lambda: stack.get(path, Referer=f"https://blog.{host}/").status_code == 403, "it may not any more")


@pytest.mark.parametrize(
    ("pattern", "spelling"),
    [
        pytest.param("*", "or *.example.com", id="everybody"),
        pytest.param("a..b", "write 'a.b'", id="two dots"),
        pytest.param("a.*.example.com", "as in *.example.com", id="star inside"),
        pytest.param("", "such as blog.example.com", id="empty"),
        pytest.param("a b", "such as blog.example.com", id="space"),
        pytest.param("300.1.2.3", "write it as 192.0.2.1", id="no IPv4 address"),
        pytest.param("[::g]", "write it as [2001:db8::1]", id="no IPv6 address"),
        pytest.param("*.127.0.0.1", "leave out the *.", id="wildcard address"),
    ],
)
@pytest.mark.parametrize("command", ["add", "remove"])
def test_wrong_pattern_is_refused_with_the_right_spelling(
    home: Home, command: str, pattern: str, spelling: str
) -> None:
    before = home.json("site", "list")
    assert spelling in home.refusal("site", command, "--", pattern)
    assert home.json("site", "list") == before


@pytest.mark.parametrize(
    ("pasted", "canonical"),
    [
        pytest.param("https://blog.example.com/", "blog.example.com", id="address"),
        pytest.param("https://user@blog.example.com:8443/a?b#c", "blog.example.com", id="whole address"),
        pytest.param("https://*.example.com/", "*.example.com", id="wildcard in an address"),
        pytest.param("blog.example.com:8080", "blog.example.com", id="port"),
        pytest.param("blog.example.com/posts", "blog.example.com", id="path"),
        pytest.param("Blog.Example.com.", "blog.example.com", id="capital letters and a last dot"),
        pytest.param("bücher.example", "xn--bcher-kva.example", id="Unicode"),
        pytest.param("::2", "[::2]", id="IPv6 without brackets"),
    ],
)
def test_other_spelling_of_a_site_is_normalised_with_a_note(home: Home, pasted: str, canonical: str) -> None:
    done = home.run("site", "add", pasted)
    assert (done.status, done.stdout, done.stderr) == (0, f"{canonical} may embed now\n", f"using {canonical}\n")
    done = home.run("site", "remove", pasted)
    assert (done.status, done.stderr) == (0, f"using {canonical}\n")
    assert canonical not in home.json("site", "list")["sites"]


def test_canonical_site_gets_no_note(home: Home) -> None:
    assert home.run("site", "add", "blog.example.com").stderr == ""


def test_unknown_site_cannot_be_removed(either: Home) -> None:
    host = new_host()
    assert f"{host} is not on the list; `authsvc site list`" in either.refusal("site", "remove", host)


def test_local_addresses_are_on_the_first_list_and_can_be_removed(home: Home) -> None:
    assert home.json("site", "list")["sites"] == ["127.0.0.1", "[::1]", "localhost"]
    home.ok("site", "remove", "[::1]")
    assert home.json("site", "list")["sites"] == ["127.0.0.1", "localhost"]


def test_own_hosts_are_listed_and_stay_allowed(home: Home) -> None:
    (home.folder / "authsvc.toml").write_text(
        'public_url = "https://img.example.com"\nextra_hosts = ["bilder.example.com"]\n'
    )
    assert home.json("site", "list")["own_hosts"] == ["bilder.example.com", "img.example.com"]
    table = home.ok("site", "list").splitlines()
    assert [line.split(maxsplit=1) for line in table[2:]][-1] == ["img.example.com", "own host, always"]
    home.ok("site", "add", "img.example.com")
    done = home.run("site", "remove", "img.example.com")
    assert done.status == 0
    assert "note: img.example.com is the service's own host" in done.stderr
    assert home.run("verdict", "--referer", "https://img.example.com/").status == 0
