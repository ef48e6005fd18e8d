"""The limits that the figures of pictures are held against, by how much they keep them, and why not."""

from collections.abc import Mapping
from typing import Any, Final

from bench.targets import Target

COLD_CASE: Final = ("12 MP", 800)
_PEERS: Final = ("thumbor", "sharp")
_OURS: Final = "authsvc"
_RATE: Final = (
    "All decode a JPEG at a fraction of its size, and encode with libwebp at the same effort; {peer} at quality "
    "{quality}, where its pictures score {score}, ours {ours}. Ours also pass nginx, are written to the disk, synced "
    "and published, so that nobody makes them again; the rivals keep nothing. For each second of a processor it is "
    "{per_core} times."
)
_UPLOAD: Final = (
    "{inspected} ms against {as_it_comes} ms, one at a time. Walking through it and writing it clean are {prepare} ms "
    "of that, decoding the other {decoding:.1f} ms: all of its Huffman codes are read, one after the other."
)


def image_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of pictures, from what bench/images.py has saved."""
    rows = {row["engine"]: row for row in figures["rows"] if (row["photograph"], row["width"]) == COLD_CASE}
    peers = [
        Target(
            f"cold, 12 megapixels to 800 pixels: authsvc ÷ {peer}, pictures/s",
            1.0,
            is_at_least=True,
            measured=rows[peer]["ours_is"],
            why=_RATE.format(
                peer=peer,
                quality=rows[peer]["quality"],
                score=rows[peer]["score"],
                ours=rows[_OURS]["score"],
                per_core=rows[peer]["ours_is_per_core"],
            ),
        )
        for peer in _PEERS
    ]
    upload = figures["upload_ms"]
    return [
        *peers,
        Target(
            "cold, one at a time, 12 megapixels to 800 pixels as WebP",
            150,
            is_at_least=False,
            measured=figures["alone_ms"][_OURS],
            unit="ms",
            why="It is the time of a whole request: nginx, the service, a worker, a file that is written.",
        ),
        Target(
            "most memory of a worker, whatever it made",
            80,
            is_at_least=False,
            measured=figures["peak_mb"][_OURS],
            unit="MB",
            why="It is what the kernel saw of the one worker that had the most: all sizes, AVIF in the background too.",
        ),
        Target(
            "warm ÷ nginx sending the same files with the same headers, reads/s",
            0.9,
            is_at_least=True,
            measured=figures["warm"]["ratio"],
            why="A read passes the verdict, the maps of its width and formats, and a rewrite.",
        ),
        Target(
            "upload of 12 megapixels: inspected, cleaned and decoded ÷ as it comes",
            1.5,
            is_at_least=False,
            measured=round(upload["inspected"] / upload["as_it_comes"], 2),
            why=_UPLOAD.format(
                inspected=upload["inspected"],
                as_it_comes=upload["as_it_comes"],
                prepare=figures["parts_ms"]["prepare"],
                decoding=upload["inspected"] - upload["as_it_comes"] - figures["parts_ms"]["prepare"],
            ),
        ),
        Target(
            "taking metadata out of 12 megapixels",
            10,
            is_at_least=False,
            measured=figures["parts_ms"]["strip"],
            unit="ms",
            why="It is what the walk through the file takes longer with it than without.",
        ),
    ]
