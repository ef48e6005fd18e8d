import grp
import os
import stat
import tomllib
from pathlib import Path

import pytest

from authsvc.settings import load
from tests.support.cli.command import Done, Home

DOMAIN = "img.example.com"
LIVE = f"/etc/letsencrypt/live/{DOMAIN}"


@pytest.fixture
def file(folder: Path) -> Path:
    """The path of the settings file."""
    return folder / "etc" / "authsvc.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and no setting in the environment."""
    for name in [name for name in os.environ if name.startswith("AUTHSVC_")]:
        monkeypatch.delenv(name)
    return tmp_path


def new_config(file: Path, *arguments: str) -> Done:
    return Home(file.parent / "unused").run("new-config", *arguments, str(file))


def written(file: Path, *arguments: str) -> dict[str, object]:
    """Run it, which must succeed; return the values in the file."""
    done = new_config(file, *arguments)
    assert done.status == 0, done.stderr
    return tomllib.loads(file.read_text())


def default_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.default")


def test_first_file_has_the_settings_of_a_server(file: Path) -> None:
    assert written(file, "--domain", DOMAIN) == {
        "data_dir": "/var/lib/authsvc",
        "socket": "/run/authsvc/authsvc.sock",
        "acme_root": "/var/lib/authsvc-acme",
        "public_url": f"https://{DOMAIN}",
        "extra_hosts": [],
        "certificate": f"{LIVE}/fullchain.pem",
        "certificate_key": f"{LIVE}/privkey.pem",
    }
    assert default_of(file).read_bytes() == file.read_bytes()


def test_service_accepts_the_file(file: Path) -> None:
    written(file, "--domain", DOMAIN, "--domain", "pics.example.org")
    settings = load(config=file).settings
    assert settings.domains == (DOMAIN, "pics.example.org")
    assert settings.base_url == f"https://{DOMAIN}"


def test_outcome_is_printed(file: Path) -> None:
    said = [new_config(file, "--domain", name).stdout for name in (DOMAIN, DOMAIN, "pics.example.org")]
    assert said == [
        f"settings: wrote {file}\n",
        f"settings: already in place: {file}\n",
        f"settings: wrote {file}\n",
    ]


def test_choices_are_remembered(file: Path) -> None:
    first = written(
        file,
        *("--domain", DOMAIN, "--domain", "pics.example.org", "--data-dir", "/srv/pictures"),
        *("--certificate", "/etc/ssl/chain.pem", "--certificate-key", "/etc/ssl/key.pem"),
    )
    assert first["acme_root"] == "/srv/pictures-acme"
    assert written(file) == first


def test_choices_of_an_earlier_version_are_remembered_by_their_new_names(file: Path) -> None:
    first = written(file, "--domain", DOMAIN, "--domain", "pics.example.org")
    old = file.read_text().replace("public_url", "public_base").replace("extra_hosts", "hosts")
    for path in (file, default_of(file)):
        path.write_text(old)
    assert written(file) == first


def test_one_choice_can_be_changed_alone(file: Path) -> None:
    first = written(file, "--domain", DOMAIN, "--domain", "pics.example.org")
    second = written(file, "--data-dir", "/srv/pictures")
    assert {name for name in first if first[name] != second[name]} == {"data_dir", "acme_root"}


def test_certificate_of_another_domain_is_not_kept(file: Path) -> None:
    written(file, "--domain", DOMAIN)
    after = written(file, "--domain", "pics.example.org", "--domain", DOMAIN)
    assert after["certificate"] == "/etc/letsencrypt/live/pics.example.org/fullchain.pem"
    assert after["certificate_key"] == "/etc/letsencrypt/live/pics.example.org/privkey.pem"


def test_edited_file_is_kept_and_the_default_is_written(file: Path) -> None:
    written(file, "--domain", DOMAIN)
    edited = file.read_text() + "max_upload_bytes = 1048576\n"
    file.write_text(edited)
    done = new_config(file, "--domain", "pics.example.org")
    assert done.stdout == f"settings: {file} was edited and is kept; the default is in {default_of(file)}\n"
    assert file.read_text() == edited
    assert "pics.example.org" in default_of(file).read_text()


def test_existing_file_of_the_operator_is_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("port = 8081\n")
    assert new_config(file, "--domain", DOMAIN).status == 0
    assert file.read_text() == "port = 8081\n"


def test_without_a_domain_nothing_is_written(file: Path) -> None:
    done = new_config(file)
    assert (done.status, done.stdout) == (1, "")
    assert "make install DOMAIN=img.example.com" in done.stderr
    assert not file.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--domain", "img_example com"), "img_example com"),
        (("--domain", "https://img.example.com"), "https://https://img.example.com"),
        (("--domain", DOMAIN, "--domain", "-none"), "-none"),
        (("--domain", DOMAIN, "--data-dir", '/srv/a"b'), '/srv/a"b'),
        (("--domain", DOMAIN, "--certificate", "/etc/a\nb", "--certificate-key", "/etc/k"), "certificate"),
        (("--domain", DOMAIN, "--certificate", "/etc/ssl/chain.pem"), "certificate"),
    ],
    ids=["no host", "address", "second no host", "quoted folder", "line feed", "certificate without its key"],
)
def test_bad_value_is_refused_and_nothing_is_written(file: Path, arguments: tuple[str, ...], words: str) -> None:
    done = new_config(file, *arguments)
    assert (done.status, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert words in done.stderr
    assert not file.parent.exists()


@pytest.mark.parametrize("text", ["public_url = ", "port = 8081\n"], ids=["no TOML", "choices are missing"])
def test_damaged_default_is_one_line(file: Path, text: str) -> None:
    written(file, "--domain", DOMAIN)
    default_of(file).write_text(text)
    done = new_config(file)
    assert (done.status, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert str(default_of(file)) in done.stderr


@pytest.mark.needs_root
def test_services_group_may_read_it_and_others_may_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A group that exists on every system, instead of the service's.
    monkeypatch.setattr("authsvc.cli.new_config._GROUP", "daemon")
    written(file, "--domain", DOMAIN)
    for path in (file, default_of(file)):
        status = path.stat()
        assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (grp.getgrnam("daemon").gr_gid, 0o640)


def test_file_is_private_when_the_group_does_not_exist(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsvc.cli.new_config._GROUP", "no-such-group")
    written(file, "--domain", DOMAIN)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
