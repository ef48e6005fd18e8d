"""No setting that nothing reads: the templates are Python's dead-code finder's blind spot."""

import re
from pathlib import Path

import pytest

from authsvc.nginx.templates import template_dir
from authsvc.settings import Settings

PACKAGE = Path(__file__).parents[3] / "authsvc"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_read_somewhere(name: str) -> None:
    python = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    templates = "\n".join(path.read_text() for path in template_dir().rglob("*.j2"))
    assert re.search(rf"(settings|self)\.{name}\b", python) or re.search(rf"\bs\.{name}\b", templates)
