"""The values that single settings accept, and the results."""

import os
from pathlib import Path

import pytest

from authsvc.errors import BadSetting
from authsvc.settings import MAX_SOCKET_PATH_BYTES, Settings, allowed_range, load
from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS

BOUNDED = [name for name in Settings.model_fields if " to " in allowed_range(name)]
CHOICES = [name for name in Settings.model_fields if " or " in allowed_range(name)]


def setting(name: str, value: object) -> object:
    """Return what setting `name` becomes when the command line gives `value`."""
    return getattr(load(flags={name: value}).settings, name)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", BOUNDED)
def test_number_is_accepted_up_to_its_bounds(name: str) -> None:
    low, high = (int(word) for word in allowed_range(name).split() if word.isdigit())
    assert (setting(name, low), setting(name, str(high))) == (low, high)
    for value in (low - 1, high + 1, "many", 1.5):
        with pytest.raises(BadSetting) as caught:
            setting(name, value)
        assert f"setting {name} = {value!r} (command line)" in caught.value.text
        assert f"allowed: {low} to {high}" in caught.value.text


def test_every_number_and_choice_has_a_documented_range() -> None:
    fields = Settings.model_fields.items()
    numbers = {name for name, field in fields if field.annotation is int}
    assert numbers == set(BOUNDED)
    assert {name for name, field in fields if field.annotation is bool} < set(CHOICES)
    assert allowed_range("max_upload_bytes") == "1024 to 1073741824 bytes"
    assert allowed_range("empty_referer") == "allow or deny"
    assert allowed_range("hotlink_status") == "403 or 200"
    assert allowed_range("ipv6") == "true or false"
    assert allowed_range("nginx") == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", CHOICES)
def test_value_that_is_not_a_choice_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match=f"setting {name} = 'perhaps' .*allowed: {allowed_range(name)}"):
        setting(name, "perhaps")


@pytest.mark.usefixtures("folder")
def test_environment_gives_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSVC_EXTRA_HOSTS", " Img.example.com , bücher.example,, [::1]")
    monkeypatch.setenv("AUTHSVC_EDITOR_AGENTS", "Zettlr/,Electron/")
    monkeypatch.setenv("AUTHSVC_TRUSTED_PROXIES", "192.0.2.0/24,2001:db8::/32,unix:")
    loaded = load().settings
    assert loaded.extra_hosts == ("img.example.com", "xn--bcher-kva.example", "[::1]")
    assert loaded.editor_agents == ("Zettlr/", "Electron/")
    assert loaded.trusted_proxies == ("192.0.2.0/24", "2001:db8::/32", "unix:")


@pytest.mark.usefixtures("folder")
def test_empty_list_switches_editors_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSVC_EDITOR_AGENTS", "")
    assert load().settings.editor_agents == ()


@pytest.mark.usefixtures("folder")
def test_default_editors_written_out_match_no_other_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut at the comma in `(KHTML, like Gecko)`, its first half would fit every Chrome and Safari."""
    monkeypatch.setenv("AUTHSVC_EDITOR_AGENTS", ",".join(DEFAULT_EDITOR_AGENTS))
    assert load().settings.editor_agents == DEFAULT_EDITOR_AGENTS


def test_file_gives_lists_as_arrays_or_with_commas(folder: Path) -> None:
    (folder / "a.toml").write_text(
        'extra_hosts = ["A.example", "b.example"]\ntrusted_proxies = "192.0.2.1, 192.0.2.2"\n'
    )
    loaded = load(config=folder / "a.toml").settings
    assert loaded.extra_hosts == ("a.example", "b.example")
    assert loaded.trusted_proxies == ("192.0.2.1/32", "192.0.2.2/32")


@pytest.mark.usefixtures("folder")
def test_host_is_taken_from_an_address_with_a_note() -> None:
    loaded = load(flags={"extra_hosts": "https://A.example/x, b.example"})
    assert loaded.settings.extra_hosts == ("a.example", "b.example")
    assert loaded.notes == ("setting extra_hosts: using a.example for 'https://A.example/x'",)


REFUSED = {
    "wildcard host": ("extra_hosts", "*.example.com", "single name"),
    "host with an empty label": ("extra_hosts", "a..b", "write 'a.b'"),
    "host with a zone": ("extra_hosts", "[fe80::1%;]", "IPv6"),
    "list of numbers": ("extra_hosts", [1], "string"),
    "agent for everybody": ("editor_agents", "a", "usable piece of a User-Agent"),
    "base without scheme": ("public_url", "img.example.com", "https://img.example.com"),
    "base of another scheme": ("public_url", "ftp://img.example.com", "https://img.example.com"),
    "base with a path": ("public_url", "https://img.example.com/a", "without a path"),
    "base with a query": ("public_url", "https://img.example.com?a", "without a path"),
    "base with userinfo": ("public_url", "https://me@img.example.com", "without a path"),
    "base with a wildcard": ("public_url", "https://*.example.com", "single name"),
    "base with an empty label": ("public_url", "https://a..b", "write 'a.b'"),
    "base with a quote": ("public_url", 'https://a"b', "letters, digits"),
    "base with a port above 65535": ("public_url", "https://img.example.com:65536", "65535"),
    "base with port zero": ("public_url", "https://img.example.com:0", "65535"),
    "base with a six-digit port": ("public_url", "https://img.example.com:123456", "without a path"),
    "base with a zone": ("public_url", "https://[fe80::1%25eth0]", "without a path"),
    "listen on a name": ("listen", "localhost", "listen"),
    "listen and more": ("listen", "127.0.0.1;", "listen"),
    "listen with a newline": ("listen", "127.0.0.1\n", "listen"),
    "listen on dots": ("listen", "...", "listen"),
    "listen above 255": ("listen", "127.0.0.256", "listen"),
    "proxy by name": ("trusted_proxies", "cdn.example", "not an address or network"),
    "proxy and more": ("trusted_proxies", "192.0.2.1;", "not an address or network"),
    "proxy's network too narrow": ("trusted_proxies", "192.0.2.0/33", "not an address or network"),
    "proxy with a zone": ("trusted_proxies", "fe80::1%eth0;", "must have no zone"),
    "PROXY protocol": ("real_ip_header", "proxy_protocol", "not a header name"),
    "proxy above 255": ("trusted_proxies", "192.0.2.256", "not an address or network"),
    "proxy of colons": ("trusted_proxies", ":::", "not an address or network"),
    "proxy by hex word": ("trusted_proxies", "cafe", "not an address or network"),
    "header with a space": ("real_ip_header", "X Forwarded", "not a header name"),
    "header and more": ("real_ip_header", "X;", "not a header name"),
    "no program": ("nginx", "", "at least 1 character"),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "value", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_value_is_refused_by_name_and_value(name: str, value: object, message: str) -> None:
    with pytest.raises(BadSetting, match=message) as caught:
        setting(name, value)
    assert f"setting {name} = " in caught.value.text
    assert (repr(value) if isinstance(value, str) else "1") in caught.value.text


TAKEN = {
    "base": ("public_url", "https://Img.Example.com/", "https://img.example.com"),
    "base with a port": ("public_url", "http://img.example.com:8443", "http://img.example.com:8443"),
    "highest port": ("public_url", "http://img.example.com:65535", "http://img.example.com:65535"),
    "IPv6 base": ("public_url", "http://[2001:DB8::0:1]:80/", "http://[2001:db8::1]:80"),
    "Unicode base": ("public_url", "https://bücher.example", "https://xn--bcher-kva.example"),
    "no base": ("public_url", "", ""),
    "all addresses": ("listen", "*", "*"),
    "one address": ("listen", "192.0.2.1", "192.0.2.1"),
    "proxies": ("trusted_proxies", ["192.0.2.1", "::1/128", "unix:"], ("192.0.2.1/32", "::1/128", "unix:")),
    "header": ("real_ip_header", "CF-Connecting-IP", "CF-Connecting-IP"),
    "path of spaces and letters": ("acme_root", "/srv/my acme/ü", Path("/srv/my acme/ü")),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "value", "expected"), TAKEN.values(), ids=TAKEN.keys())
def test_value_is_stored_in_its_canonical_form(name: str, value: object, expected: object) -> None:
    assert setting(name, value) == expected


PATHS = ["data_dir", "socket", "hotlink_placeholder", "missing_placeholder", "acme_root"]
UNSAFE = [*"\"'\\$;{}#*?[]:\n\r\t\0", "\udcff"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("character", UNSAFE, ids=ascii)
def test_path_with_a_special_character_of_nginx_is_refused(name: str, character: str) -> None:
    with pytest.raises(BadSetting, match=f"setting {name} = .*must not be in nginx's files"):
        setting(name, f"/tmp/a{character}b")


def test_relative_path_in_an_unsafe_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a;b").mkdir()
    monkeypatch.chdir(folder / "a;b")
    with pytest.raises(BadSetting, match=r"setting data_dir = .*must not be in nginx's files"):
        load()


def test_paths_become_absolute(folder: Path) -> None:
    loaded = load(flags={name: f"sub/{name}" for name in PATHS}).settings
    assert [getattr(loaded, name) for name in PATHS] == [folder / "sub" / name for name in PATHS]


@pytest.mark.usefixtures("folder")
def test_socket_path_is_measured_in_bytes() -> None:
    assert setting("socket", "/tmp/" + "ü" * 51) == Path("/tmp/" + "ü" * 51)
    with pytest.raises(BadSetting, match="has 109 bytes; a Unix socket allows 107"):
        setting("socket", "/tmp/" + "ü" * 52)


@pytest.mark.parametrize("length", [107, 108], ids=["longest", "too long"])
def test_socket_below_the_data_folder_has_the_kernels_limit(folder: Path, length: int) -> None:
    own = "/run/authsvc.sock"
    data_dir = f"{folder}/".ljust(length - len(own), "x")
    if length <= MAX_SOCKET_PATH_BYTES:
        assert len(os.fsencode(load(flags={"data_dir": data_dir}).settings.socket_path)) == length
        return
    with pytest.raises(BadSetting, match="has 108 bytes; a Unix socket allows 107: choose a shorter data_dir"):
        load(flags={"data_dir": data_dir})
    assert load(flags={"data_dir": data_dir, "socket": folder / "s"}).settings.socket_path == folder / "s"
