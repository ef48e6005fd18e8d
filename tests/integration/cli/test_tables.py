"""Tables show what is stored, letter by letter."""

from tests.support.cli.command import Home


def test_address_that_looks_like_an_emoji_code_is_shown_as_it_is(home: Home) -> None:
    home.ok("site", "add", "[2001:db8:a:b::1]")
    assert "[2001:db8:a:b::1]" in home.ok("site", "list")
