"""Where the templates of nginx's files are found."""

import sys
from pathlib import Path

import pytest

from authsvc.errors import Broken
from authsvc.nginx import templates
from authsvc.nginx.templates import template_dir


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The prefix of an installation: the package is in it, without a checkout."""
    monkeypatch.setattr(templates, "__file__", str(tmp_path / "site-packages" / "authsvc" / "nginx" / "templates.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return tmp_path


def test_templates_are_beside_the_package_in_a_checkout() -> None:
    assert template_dir() == Path(__file__).parents[3] / "nginx"


def test_templates_are_below_the_prefix_after_an_installation(prefix: Path) -> None:
    folder = prefix / "share" / "authsvc" / "nginx"
    folder.mkdir(parents=True)
    (folder / "authsvc-http.conf.j2").touch()
    assert template_dir() == folder


def test_missing_templates_are_an_error_that_names_both_places(prefix: Path) -> None:
    with pytest.raises(Broken, match=rf"in none of .*{prefix}/share/authsvc/nginx; install authsvc again"):
        template_dir()
