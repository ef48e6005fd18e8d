"""What `make release` builds and refuses."""

import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from authsvc import __version__
from scripts import release
from tests.support.up.fresh import short_folder

CHECKOUT = Path(__file__).parents[3]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist of this checkout."""
    return release.build(CHECKOUT, tmp_path_factory.mktemp("release") / "out")


@pytest.fixture(scope="module")
def environment(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(built[0])], check=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def test_files_carry_the_version_of_the_package(built: tuple[Path, Path]) -> None:
    wheel, sdist = built
    assert release.version_of(CHECKOUT) == __version__
    assert (wheel.name, sdist.name) == (f"authsvc-{__version__}-py3-none-any.whl", f"authsvc-{__version__}.tar.gz")


def test_sdist_contains_the_templates_and_the_license(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"data/share/authsvc/nginx/authsvc-http.conf.j2", "LICENSE", "README.md", "authsvc/cli/root.py"} <= names


def test_installed_wheel_finds_its_own_templates(environment: Path) -> None:
    code = "from authsvc.nginx.templates import template_dir; print(template_dir())"
    command = [str(environment / "bin" / "python"), "-I", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert found == str(environment / "share" / "authsvc" / "nginx")
    assert {path.name for path in Path(found).rglob("*.j2")} == {p.name for p in (CHECKOUT / "nginx").rglob("*.j2")}


def test_installed_wheel_starts_service_and_nginx(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with short_folder() as folder:
        release.try_out(environment, __version__, folder / "data")
    assert "accept a picture, serve it and stop" in capsys.readouterr().out


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("a")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.0.1] - 2026-02-01\n\n## [1.0] - 2026-01-01\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_clean_checkout_without_the_tag_can_be_released(checkout: Path) -> None:
    assert release.why_not(checkout, "1.0") is None


@pytest.mark.parametrize("name", ["file", "other"], ids=["changed file", "new file"])
def test_uncommitted_change_cannot_be_released(checkout: Path, name: str) -> None:
    (checkout / name).write_text("b")
    assert f" {name}" in (release.why_not(checkout, "1.0") or "")


def test_version_that_has_a_tag_cannot_be_released_again(checkout: Path) -> None:
    git(checkout, "tag", "v1.0")
    assert release.why_not(checkout, "1.0") == "the tag v1.0 exists; raise __version__ in authsvc/__init__.py"
    assert release.why_not(checkout, "1.0.1") is None


@pytest.mark.parametrize("version", ["1.1", "1.0.1.1", "1x0"])
def test_version_without_a_section_in_the_changelog_cannot_be_released(checkout: Path, version: str) -> None:
    assert f"CHANGELOG.md has no section `## [{version}]`" in (release.why_not(checkout, version) or "")
