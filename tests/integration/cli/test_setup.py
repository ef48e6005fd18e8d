"""`init`, `check-config` and `nginx render`."""

import json
import subprocess
from pathlib import Path

import httpx2
import pytest

from authsvc.settings import Settings
from tests.support.cli.command import Home
from tests.support.pictures import picture
from tests.support.stack import wait_until
from tests.support.up.fresh import FreshStack, short_folder
from tests.support.up.processes import children


def test_init_can_be_repeated_and_keeps_everything(home: Home) -> None:
    home.ok("token", "add", "kept")
    home.ok("site", "remove", "localhost")
    assert home.ok("init") == f"{home.folder} was ready before\n"
    assert [item["name"] for item in home.json("token", "list")] == ["kept"]
    assert "localhost" not in home.json("site", "list")["sites"]


def test_init_makes_a_missing_folder() -> None:
    with short_folder() as above:
        fresh = Home(above / "a" / "b")
        assert fresh.ok("init") == f"{fresh.folder} is ready\n"
        assert fresh.json("image", "list") == []


def test_init_is_safe_while_the_service_runs(either: Home) -> None:
    assert either.ok("init") == f"{either.folder} was ready before\n"


def test_init_refuses_a_placeholder_that_is_not_a_picture(home: Home) -> None:
    (home.folder / "authsvc.toml").write_text('hotlink_placeholder = "/etc/hostname"')
    assert "setting hotlink_placeholder = '/etc/hostname': not a JPEG" in home.refusal("init")


def test_every_setting_is_shown_with_its_origin(home: Home) -> None:
    (home.folder / "authsvc.toml").write_text('port = 81\nlisten = "*"\nhosts = ["b.example", "a.example"]\n')
    done = home.run("check-config", "--json", environment={"AUTHSVC_PORT": "82"})
    shown = {name: (item["value"], item["origin"]) for name, item in json.loads(done.stdout).items()}
    assert shown.keys() == Settings.model_fields.keys()
    assert shown["port"] == (82, "environment")
    assert shown["listen"] == ("*", "file")
    assert shown["extra_hosts"] == (["b.example", "a.example"], "file")
    assert shown["data_dir"] == (str(home.folder), "command line")
    assert shown["ipv6"] == (False, "default")


def test_config_table_names_the_file(home: Home) -> None:
    file = home.folder / "authsvc.toml"
    file.write_text('extra_hosts = ["b.example", "a.example"]\n')
    first, *table = home.ok("check-config").splitlines()
    assert first == f"settings file: {file}"
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in table[2:]}
    assert rows["extra_hosts"].split() == ["b.example,", "a.example", "file"]
    assert rows["ipv6"].split() == ["false", "default"]


def test_old_name_of_a_setting_is_accepted_with_a_note(home: Home) -> None:
    file = home.folder / "authsvc.toml"
    file.write_text('hosts = ["a.example"]\n')
    done = home.run("check-config", "--json", environment={"AUTHSVC_IMAGE_TIMEOUT": "9"})
    assert (done.status, done.stderr.splitlines()) == (
        0,
        [
            "authsvc: setting image_timeout is now called decode_timeout; rename it in the environment",
            f"authsvc: setting hosts is now called extra_hosts; rename it in {file}",
        ],
    )
    assert json.loads(done.stdout)["extra_hosts"] == {"value": ["a.example"], "origin": "file"}


def test_environment_names_another_file(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("port = 83\n")
    (home.folder / "authsvc.toml").write_text("port = 84\n")
    done = home.run("check-config", "--json", environment={"AUTHSVC_CONFIG": str(file)})
    assert json.loads(done.stdout)["port"] == {"value": 83, "origin": "file"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("prot = 80", "did you mean 'port'", id="unknown"),
        pytest.param("port = 0", "allowed: 1 to 65535", id="out of range"),
        pytest.param("port = ", "authsvc.toml: ", id="no TOML"),
        pytest.param("[nginx]\na = 1", "setting nginx", id="table for a text"),
        pytest.param('extra_hosts = ["a..example"]', "write 'a.example'", id="host with an empty label"),
        pytest.param('public_url = "img.example.com"', "such as https://", id="base without scheme"),
        pytest.param('missing_placeholder = "/nowhere.png"', "give a picture's path", id="placeholder"),
    ],
)
def test_bad_settings_file_is_one_line(home: Home, text: str, words: str) -> None:
    (home.folder / "authsvc.toml").write_text(text)
    assert words in home.refusal("check-config")


@pytest.mark.needs_nginx
def test_nginx_accepts_the_rendered_files(either: Home, tmp_path: Path) -> None:
    listed = either.ok("nginx", "render", str(tmp_path / "conf"), "--user", "www-data").splitlines()
    assert str(tmp_path / "conf" / "nginx.conf") in listed
    assert all(Path(name).is_file() for name in listed)
    main = (tmp_path / "conf" / "nginx.conf").read_text()
    assert "user www-data;" in main
    (either.folder / "nginx" / "tmp").mkdir(exist_ok=True)
    command = ["/usr/sbin/nginx", "-t", "-q", "-e", "stderr", "-c", str(tmp_path / "conf" / "nginx.conf")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


def test_rendered_files_go_below_the_data_folder_by_default(home: Home) -> None:
    listed = home.ok("nginx", "render").splitlines()
    assert listed
    assert all(Path(name).is_relative_to(home.folder / "nginx") for name in listed)


def test_folder_that_cannot_be_written_is_one_line(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in home.refusal("nginx", "render", str(tmp_path / "file" / "conf"))


@pytest.mark.needs_nginx
def test_rendering_beside_a_running_stack_changes_nothing_for_it() -> None:
    with FreshStack() as stack:
        path = stack.upload(picture())
        before = set(children(stack.pid("nginx")))
        Home(stack.data_dir).ok("nginx", "render")
        Home(stack.data_dir).ok("site", "add", "new.example")
        wait_until(lambda: not before & set(children(stack.pid("nginx"))), "nginx has reloaded")
        with httpx2.Client(base_url=stack.base, timeout=30) as client:
            assert client.get(path, headers={"Referer": "http://new.example/"}).status_code == 200
