"""Pictures that Pillow, Chromium and libvips all display are accepted, and have smaller sizes."""

import base64
import io
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from authsvc.imaging.inspection import inspect, size_in_header
from authsvc.imaging.pieces import contents
from tests.support.corpus.pictures import VALID
from tests.support.decoder.pool import decoding_errors, saved
from tests.support.experiments import report
from tests.support.imaging.private_pictures import oddly_turned
from tests.support.limits import USUAL
from tests.support.stack import Stack

CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHROMIUM_SECONDS = 60


SHOWN = {**VALID, **{f"oddly turned {name}": entry for name, entry in oddly_turned().items()}}


@pytest.fixture(scope="module")
def sizes_in_chromium(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """The pictures that a page in Chromium shows, with their width and height there."""
    folder = tmp_path_factory.mktemp("page")
    images = "".join(
        f'<img alt="{name}" src="data:{kind.mime};base64,{base64.b64encode(content).decode()}">'
        for name, (kind, content) in SHOWN.items()
    )
    script = "document.body.textContent = shown.join('\\n')"
    line = "`[${i.alt}] ${i.naturalWidth} x ${i.naturalHeight}`"
    gather = f"const shown = [...document.images].filter(i => i.naturalWidth).map(i => {line});"
    page = folder / "page.html"
    page.write_text(f"<meta charset=utf-8><body>{images}<script>onload = () => {{{gather} {script}}}</script>")
    command = [*CHROMIUM, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=CHROMIUM_SECONDS).stdout
    return {name: (int(width), int(height)) for name, width, height in re.findall(r"\[([^\]]+)\] (\d+) x (\d+)", dom)}


@pytest.fixture(scope="module")
def shown_by_chromium(sizes_in_chromium: dict[str, tuple[int, int]]) -> set[str]:
    """The names of the valid pictures that a page in Chromium shows."""
    return set(sizes_in_chromium) & set(VALID)


@pytest.fixture(scope="module")
def decoded_by_libvips(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("pictures")
    pictures = enumerate(VALID.values())
    errors = decoding_errors((saved(folder, content, str(number)), kind) for number, (kind, content) in pictures)
    return {name for name, error in zip(VALID, errors, strict=True) if not error}


def opened_by_pillow() -> set[str]:
    found = set()
    for name, (_, content) in VALID.items():
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            found.add(name)
    return found


def test_every_picture_that_all_decoders_display_is_accepted(
    stack: Stack, shown_by_chromium: set[str], decoded_by_libvips: set[str]
) -> None:
    assert stack.token  # created once, before several threads need it
    with ThreadPoolExecutor(4) as threads:
        answers = dict(zip(VALID, threads.map(lambda entry: stack.post(entry[1]), VALID.values()), strict=True))
    taken = {name for name, answer in answers.items() if answer.status_code == 200}
    displayed = opened_by_pillow() & shown_by_chromium & decoded_by_libvips
    report(
        "corpus: whole pictures",
        pictures=len(VALID),
        chromium=len(shown_by_chromium),
        libvips=len(decoded_by_libvips),
        displayed=len(displayed),
        taken=len(taken & displayed),
    )
    assert {name: answers[name].text for name in displayed - taken} == {}
    # Pictures that only some display are accepted as well.
    assert set(VALID) - taken == set()
    assert len(displayed) > len(VALID) * 0.9


@pytest.mark.parametrize("accept", ["*/*", "image/webp", "image/avif,image/webp"], ids=["plain", "webp", "avif"])
def test_every_picture_is_shown_smaller(stack: Stack, accept: str) -> None:
    assert stack.token

    def size(entry: tuple[object, bytes]) -> tuple[int, int]:
        path = stack.upload(entry[1])
        answer = stack.get(f"{path}?w=160", Accept=accept)
        with Image.open(io.BytesIO(answer.content)) as image:
            return answer.status_code, image.width

    with ThreadPoolExecutor(4) as threads:
        found = dict(zip(VALID, threads.map(size, VALID.values()), strict=True))
    assert {name: found[name] for name in found if found[name][0] != 200 or found[name][1] > 160} == {}


def test_size_is_the_one_that_chromium_shows(sizes_in_chromium: dict[str, tuple[int, int]]) -> None:
    found = {}
    for name in sizes_in_chromium:
        kind, content = SHOWN[name]
        picture = inspect(content, kind, USUAL, strips=True)
        found[name] = picture.width, picture.height
        # A reindex reads only the header of the stored file.
        clean = b"".join(contents(content, picture.pieces))
        assert (name, size_in_header(clean, kind)) == (name, found[name])
    assert found == sizes_in_chromium
    assert {name for name in found if found[name][0] < found[name][1]} >= {
        "private JPEG, turned 6",
        "private PNG, turned 6",
    }


def test_page_of_this_test_reports_each_picture_by_name(
    shown_by_chromium: set[str], sizes_in_chromium: dict[str, tuple[int, int]]
) -> None:
    assert "JPEG, baseline" in shown_by_chromium
    assert len(shown_by_chromium) > len(VALID) * 0.9
    assert set(sizes_in_chromium) <= set(SHOWN)


def test_extension_of_the_uploaded_name_changes_nothing(stack: Stack) -> None:
    for name in ("JPEG, baseline", "PNG, colour", "GIF, 89a", "WEBP, lossy", "AVIF, colour"):
        kind, content = VALID[name]
        names = [f"holiday.{extension}" for extension in ("exe", "svg", "png", "jpg", "html", "")]
        (path,) = {stack.upload(content, name) for name in names}
        assert path.endswith(f".{kind.value}")
