"""The servers around the browsers, started once per process."""

import base64
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.browser.imagehost import ImageHost, image_host
from tests.support.browser.pages import Pages
from tests.support.browser.places import IMAGE_HOST, TLS_PORTS
from tests.support.browser.sight import draw_picture
from tests.support.browser.socks import Route, leading
from tests.support.browser.trial import World
from tests.support.tls import Pair, make_pair


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The product with HTTPS, a server of pages, and a proxy that resolves the names of both."""
    # Not pytest's folder, which nginx's user may not enter.
    with tempfile.TemporaryDirectory(prefix="asv-browser-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _world(folder) as made:
            yield made


@contextmanager
def _world(folder: Path) -> Iterator[World]:
    certificate = make_pair(folder / "tls", IMAGE_HOST)
    pages = Pages(certificate)
    with (
        image_host(folder, certificate) as image,
        pages.serving(),
        leading(_route(image, pages)) as proxy_port,
    ):
        yield World(image, pages, image.stack.upload(draw_picture()), proxy_port, _spki(certificate))


def _route(image: ImageHost, pages: Pages) -> Route:
    def route(host: str, port: int) -> int:
        place = image if host.removesuffix(".") == IMAGE_HOST else pages
        return place.tls_port if port in TLS_PORTS else place.plain_port

    return route


def _spki(certificate: Pair) -> str:
    """Return the fingerprint of its key in Chromium's form (RFC 7469 section 2.4)."""
    key = subprocess.run(
        ["openssl", "pkey", "-in", certificate.key, "-pubout", "-outform", "DER"], capture_output=True, check=True
    )
    return base64.b64encode(hashlib.sha256(key.stdout).digest()).decode()
