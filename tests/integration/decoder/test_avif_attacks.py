"""AVIF files that declare something wrong are refused by the walk, by the decoder, or by both.

The walk does not repeat what libheif checks. It checks what readers' browsers decode and libheif does not: the tracks
of an animation, and pictures besides the one that is shown, such as a gain map.
"""

import struct
from dataclasses import replace

import pytest

from authsvc.errors import AnswerError
from authsvc.imaging.avif.walk import walk_avif
from authsvc.model import ImageType
from tests.support.decoder.pool import decoding_errors, saved
from tests.support.imaging.avif_files import File, Made, box, full, grid, ispe, picture_item, stream
from tests.support.imaging.real_pictures import PICTURES, SIZE
from tests.support.limits import USUAL

LIMITS = replace(USUAL, max_side=1000)
LARGE = stream((1100, 900))
SMALL = picture_item(SIZE)
TILES = grid(1, 2, (100, 60), (64, 64))
ALPHA = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
ANIMATED = PICTURES["AVIF, animated"][1]


def animated(*frames: bytes) -> bytes:
    """Return an animation of these frames, whose boxes declare the usual size."""
    at = ANIMATED.index(b"stsz") + 16
    sizes = ANIMATED[:at] + struct.pack(f">{len(frames)}I", *map(len, frames)) + ANIMATED[at + 4 * len(frames) :]
    at = ANIMATED.index(b"stco") + 12
    return sizes[:at] + struct.pack(">I", len(ANIMATED) + 8) + sizes[at + 4 :] + box(b"mdat", *frames)


def with_wide_track() -> bytes:
    """Return an animation whose track header declares a width of 20,000 pixels."""
    at = ANIMATED.index(b"tkhd") + 4 + 88
    return ANIMATED[:at] + struct.pack(">H", 20_000) + ANIMATED[at + 2 :]


def frames() -> list[bytes]:
    (track,) = walk_avif(ANIMATED, USUAL).tracks
    return [ANIMATED[place.start : place.stop] for place in track.samples]


def with_second(*properties: bytes, refers: tuple[tuple[bytes, tuple[int, ...]], ...] = ()) -> bytes:
    """Return a picture and another one, with a stream that is larger than it declares."""
    return File([SMALL, Made(b"av01", LARGE, (*SMALL.properties, *properties), refers=refers)]).to_bytes()


ONLY_BY_THE_WALK = {
    "stream of another picture": with_second(),
    "stream of a tile": replace(TILES, items=[*TILES.items[:2], replace(TILES.items[2], data=LARGE)]).to_bytes(),
    "first frame": animated(LARGE, *frames()[1:]),
    "last frame": animated(*frames()[:-1], LARGE),
    "frame without a sequence header": animated(*map(bytes, map(len, frames()))),
    "size of a track": with_wide_track(),
    "tile of another codec": replace(TILES, items=[*TILES.items[:2], replace(TILES.items[2], kind=b"hvc1")]).to_bytes(),
    "tiles beyond the picture": grid(4, 4, (64, 64), (300, 300)).to_bytes(),
}
"""Browsers would decode these; libheif reads neither frames nor pictures that are not shown."""

ONLY_BY_THE_DECODER = {
    "no tile at one place": grid(2, 2, (100, 90), (64, 64), tiles=3).to_bytes(),
    "too many tiles": grid(2, 2, (100, 90), (64, 64), tiles=5).to_bytes(),
    "no tiles": grid(2, 2, (100, 90), (64, 64), tiles=0).to_bytes(),
    "tiles that do not cover the picture": grid(2, 2, (200, 90), (64, 64)).to_bytes(),
    "no configuration of the decoder": File([replace(SMALL, properties=(ispe(SIZE),))]).to_bytes(),
    "handler of another kind": File([SMALL]).to_bytes().replace(b"pict", b"mdir"),
    "no handler": File([SMALL]).to_bytes().replace(b"hdlr", b"free"),
}

BY_BOTH = {
    "no data": File([replace(SMALL, data=b"")]).to_bytes(),
    "data that is not a stream": File([replace(SMALL, data=b"no stream at all")]).to_bytes(),
    "no description of tiles": File([Made(b"grid", b"\0\0", (ispe(SIZE),))]).to_bytes(),
    "another codec": File([replace(SMALL, kind=b"hvc1")]).to_bytes(),
    "no size": File([replace(SMALL, properties=())]).to_bytes(),
    "tile that is the picture itself": replace(TILES, items=[*TILES.items[:2], TILES.items[0]]).to_bytes(),
}

HELD_BY_LIMITS = {
    "stream": File([replace(SMALL, data=LARGE)]).to_bytes(),
    "second sequence header": File([replace(SMALL, data=SMALL.data + LARGE)]).to_bytes(),
    "stream of the transparency": with_second(ALPHA, refers=((b"auxl", (1,)),)),
}
"""The decoder decodes these, so that its memory and time are limited, and the walk refuses them before."""


@pytest.fixture(scope="module")
def refused_by_the_decoder(tmp_path_factory: pytest.TempPathFactory) -> set[bytes]:
    """The files that libvips does not decode, as a worker uses it, without a walk before."""
    folder = tmp_path_factory.mktemp("pictures")
    contents = [*ONLY_BY_THE_WALK.values(), *ONLY_BY_THE_DECODER.values(), *BY_BOTH.values()]
    pictures = [(saved(folder, content, str(number)), ImageType.AVIF) for number, content in enumerate(contents)]
    errors = decoding_errors(pictures)
    assert all(error.startswith("The AVIF file is damaged") for error in errors if error)
    return {content for content, error in zip(contents, errors, strict=True) if error}


@pytest.mark.parametrize("content", ONLY_BY_THE_WALK.values(), ids=ONLY_BY_THE_WALK.keys())
def test_file_that_only_browsers_decode_is_refused_by_the_walk(
    refused_by_the_decoder: set[bytes], content: bytes
) -> None:
    assert content not in refused_by_the_decoder
    with pytest.raises(AnswerError):
        walk_avif(content, LIMITS)


@pytest.mark.parametrize("content", ONLY_BY_THE_DECODER.values(), ids=ONLY_BY_THE_DECODER.keys())
def test_inconsistent_file_is_refused_by_the_decoder(refused_by_the_decoder: set[bytes], content: bytes) -> None:
    walk_avif(content, LIMITS)
    assert content in refused_by_the_decoder


@pytest.mark.parametrize("content", BY_BOTH.values(), ids=BY_BOTH.keys())
def test_file_without_a_picture_is_refused_by_both(refused_by_the_decoder: set[bytes], content: bytes) -> None:
    assert content in refused_by_the_decoder
    with pytest.raises(AnswerError):
        walk_avif(content, LIMITS)


@pytest.mark.parametrize("content", HELD_BY_LIMITS.values(), ids=HELD_BY_LIMITS.keys())
def test_stream_beyond_the_limits_is_refused_before_it_is_decoded(content: bytes) -> None:
    walk_avif(content, USUAL)
    with pytest.raises(AnswerError, match="1100 x 900"):
        walk_avif(content, LIMITS)
