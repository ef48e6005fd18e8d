"""Values that follow from the settings: folders, own hosts, the public base."""

from pathlib import Path

import pytest

from authsvc.settings import Settings


def test_all_folders_are_in_the_data_folder() -> None:
    found = Settings(data_dir=Path("/srv/pictures"))
    below = {
        "blobs_dir": "blobs",
        "spool_dir": "tmp",
        "run_dir": "run",
        "catalog_path": "catalog/catalog.sqlite3",
        "nginx_dir": "nginx",
        "log_dir": "log",
        "acme_dir": "acme",
        "socket_path": "run/authsvc.sock",
        "site_list_path": "run/sites.list",
    }
    assert {name: getattr(found, name) for name in below} == {
        name: Path("/srv/pictures") / path for name, path in below.items()
    }


def test_socket_and_acme_root_can_be_elsewhere() -> None:
    found = Settings(acme_root=Path("/srv/acme"), socket=Path("/run/a.sock"))
    assert (found.acme_dir, found.socket_path) == (Path("/srv/acme"), Path("/run/a.sock"))


@pytest.mark.parametrize(
    ("public_url", "extra_hosts", "base_url", "own_hosts"),
    [
        ("", (), "http://localhost:8081", {"localhost"}),
        ("https://Img.example", ("cdn.example",), "https://img.example", {"img.example", "cdn.example"}),
        ("http://img.example:90/", ("img.example",), "http://img.example:90", {"img.example"}),
        ("http://[::1]:90", (), "http://[::1]:90", {"[::1]"}),
    ],
    ids=["local", "server", "port", "IPv6"],
)
def test_own_hosts_and_base_url_come_from_the_settings(
    public_url: str, extra_hosts: tuple[str, ...], base_url: str, own_hosts: set[str]
) -> None:
    found = Settings(port=8081, public_url=public_url, extra_hosts=extra_hosts)
    assert found.base_url == base_url
    assert found.own_hosts == own_hosts


def test_effective_settings_show_the_values_used_for_unset_ones() -> None:
    found = Settings(data_dir=Path("/srv/p"), port=8081).effective()
    assert list(found) == list(Settings.model_fields)
    assert found["socket"] == Path("/srv/p/run/authsvc.sock")
    assert found["acme_root"] == Path("/srv/p/acme")
    assert found["public_url"] == "http://localhost:8081"
    assert found["hotlink_placeholder"] is None
    assert (found["extra_hosts"], found["nginx_workers"], found["ipv6"]) == ((), 0, False)
