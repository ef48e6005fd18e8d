"""Damaged pictures that are accepted are cleaned like others: no metadata is left, and they show the same."""

import random
import struct
import zlib
from collections import Counter

import pytest

from authsvc.errors import UploadRefused
from authsvc.imaging.gif.walk import EXTENSION, walk_gif
from authsvc.imaging.inspection import Inspected, inspect
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.corpus.pictures import VALID
from tests.support.experiments import FULL, report, size
from tests.support.limits import USUAL
from tests.unit.imaging.test_strip import frames

PLACES = size(60, 1000)
"""The number of damaged places in each picture."""
SEED = 1_709_114_627
HEAD_BYTES = 2000
"""The beginning of a file, which has most of its data other than pixels."""
LONGEST_RUN = 40


def changed(content: bytes, shade: random.Random) -> bytes:
    """Return the file with one byte changed, or with some bytes removed, doubled or copied elsewhere."""
    at = shade.randrange(min(len(content), HEAD_BYTES if shade.random() < 0.7 else len(content)))
    run = content[at : at + shade.randrange(1, LONGEST_RUN)]
    other = shade.randrange(len(content))
    match shade.randrange(5):
        case 0:
            return content[:at] + content[at + len(run) :]
        case 1:
            return content[:at] + run + content[at:]
        case 2:
            return content[:other] + run + content[other:]
        case _:
            return content[:at] + bytes([content[at] ^ shade.randrange(1, 256)]) + content[at + 1 :]


def checked(content: bytes) -> bytes:
    """Return a PNG with the right checksums, as far as its chunks follow each other."""
    made, at = bytearray(content), 8
    while at + 12 <= len(made):
        (length,) = struct.unpack_from(">I", made, at)
        end = at + 8 + length
        if end + 4 > len(made):
            break
        struct.pack_into(">I", made, end, zlib.crc32(made[at + 4 : end]))
        at = end + 4
    return bytes(made)


def walked(content: bytes, kind: ImageType) -> Inspected | None:
    try:
        return inspect(content, kind, USUAL, strips=True)
    except UploadRefused:
        return None


def seen(content: bytes) -> object:
    """Return everything visible of a picture, None when it cannot be decoded."""
    try:
        found = frames(content)
    except Exception:  # noqa: BLE001 — Pillow's decoders raise almost anything
        return None
    # The time of a single frame has no effect.
    return [frame[:3] for frame in found] if len(found) == 1 else found


def has_empty_extension(gif: bytes) -> bool:
    """Return whether a GIF has an extension without data: Pillow reads the bytes after it as its data."""
    return any(
        block.kind == EXTENSION and block.end - block.start == len(b"!\xfe\0") for block in walk_gif(gif, USUAL).blocks
    )


@pytest.mark.timeout(size(300, 3000))
def test_accepted_damaged_picture_is_clean_and_shows_the_same() -> None:
    seed = random.SystemRandom().randrange(2**32) if FULL else SEED
    shade = random.Random(seed)
    sent, taken, decoded = 0, Counter[str](), 0
    for name, (kind, whole) in VALID.items():
        for _ in range(PLACES):
            content = changed(whole, shade)
            if kind is ImageType.PNG:
                content = checked(content)
            sent += 1
            found = walked(content, kind)
            if found is None:
                continue
            taken[kind.name] += 1
            clean = b"".join(contents(content, found.pieces))
            again = walked(clean, kind)
            # The message contains the file, to reproduce the failure.
            assert again == Inspected(found.width, found.height, [range(len(clean))]), (name, content.hex())
            before = seen(content)
            if before is not None and not (kind is ImageType.GIF and has_empty_extension(content)):
                decoded += 1
                assert seen(clean) == before, (name, content.hex())
    report(
        "corpus: spoilt pictures, cleaned",
        seed=seed,
        sent=sent,
        taken=taken.total(),
        decoded=decoded,
        kinds=", ".join(f"{kind} {count}" for kind, count in sorted(taken.items())),
    )
    assert min(taken[kind.name] for kind in ImageType) > PLACES
    assert decoded > taken.total() // 2
