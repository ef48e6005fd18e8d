"""Write docs/images.md from the figures that the measurements have left in docs/figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import FOLDER, markdown_table
from bench.image_targets import image_targets
from bench.targets import Target, spelled

NOTICE: Final = "<!-- Written by docs/images.py from docs/figures: run `make bench-images`. -->\n\n"

HEAD: Final = """# Pictures, measured

What it costs to look at a picture before it is kept, and to show it in a smaller size, beside other programs that make
smaller sizes.

```sh
make bench-images
```

measures all of this in one run of about 20 minutes, and writes this page again. `BENCH_ARGS=--quick` takes a few and
keeps no figures.

- The photographs are made up, and the same in every run: noise at all scales, things with sharp edges, a sensor's
  grain, saved as cameras do.
- Every engine runs as it would on a server with two cores, asked over HTTP by four clients: authsvc with nginx in front
  and an empty cache, thumbor with two processes, sharp (the most used library of Node.js, on libvips, too) with two
  threads, Pillow with two processes. They take turns.
- Quality is judged by [SSIMULACRA2](https://github.com/cloudinary/ssimulacra2) against Pillow's Lanczos of every pixel:
  100 is the same picture, 90 looks the same, 70 is high quality. In each case a rival has the least quality setting
  at which its pictures are as good as ours at 80, found by trying. So bytes and rates are those of pictures that are as
  good.

"""

COLD_HOW: Final = """## Smaller sizes that are not there yet

Pictures a second, and *per core*, for each second of a processor (of all processes together). *authsvc is* says how
many times as fast as this engine authsvc was, the median of the ratios within the rounds.

"""
ALONE_HOW: Final = """
One request at a time, 12 megapixels to 800 pixels, and the most memory that the largest process of each engine has had
during all of the measurements:

"""
INSPECTION_HOW: Final = """
## Looking at an upload

Each picture is walked through, metadata is taken out, and a worker decodes it. The parts alone, for a photograph of
12 megapixels in each type, in milliseconds:

"""
_PARTS: Final = {
    "walk_jpg": "walk through a JPEG",
    "walk_png": "walk through a PNG, with its CRCs",
    "walk_gif": "walk through a GIF",
    "walk_webp": "walk through a WebP",
    "walk_avif": "walk through an AVIF",
    "strip": "metadata out of a JPEG, besides the walk",
    "prepare": "all of that: walk, write the clean JPEG",
}


def images_page(folder: Path = FOLDER) -> str:
    """Return the page; without figures it says how to get them."""
    path = folder / "images.json"
    if not path.exists():
        return NOTICE + HEAD + "Nothing is measured yet.\n"
    figures = json.loads(path.read_text())
    return NOTICE + HEAD + "".join(_parts(figures))


def _parts(figures: Mapping[str, Any]) -> Sequence[str]:
    machine = figures["machine"]
    targets = image_targets(figures)
    return (
        f"Measured on {machine['day']}: {machine['cores']} cores, Linux {machine['kernel']}, nginx {machine['nginx']}, "
        f"Python {machine['python']}; {figures['rounds']} rounds of {figures['pictures']} photographs, which take "
        + ", ".join(f"{size / 1e6:.1f} MB ({name})" for name, size in figures["photograph_bytes"].items())
        + ".\n\n",
        "## Targets\n\n",
        _targets(targets),
        COLD_HOW,
        _cold(figures["rows"]),
        _noise(figures["noise"]),
        _avif(figures["avif"], figures["afterwards_ms"]),
        ALONE_HOW,
        markdown_table(
            ("Engine", "ms", "MB"),
            [(name, str(taken), str(figures["peak_mb"][name])) for name, taken in figures["alone_ms"].items()],
        ),
        _warm(figures["warm"]),
        INSPECTION_HOW,
        markdown_table(("Part", "ms"), [(words, f"{figures['parts_ms'][name]:.2f}") for name, words in _PARTS.items()]),
        _upload(figures["upload_ms"]),
    )


def _targets(targets: Sequence[Target]) -> str:
    rows = [
        (
            target.what,
            f"{'≥' if target.is_at_least else '≤'} {spelled(target.limit)} {target.unit}".strip(),
            f"{spelled(target.measured or 0)} {target.unit}".strip(),
            target.outcome,
        )
        for target in targets
    ]
    missed = [target for target in targets if not target.is_met]
    reasons = "".join(f"- *{target.what}*: {target.why}\n" for target in missed)
    why = f"\nWhy a target is missed:\n\n{reasons}" if missed else ""
    return markdown_table(("Target", "limit", "measured", "kept"), rows) + why + "\n"


def _cold(rows: Sequence[Mapping[str, Any]]) -> str:
    return markdown_table(
        (
            "Picture",
            "width",
            "engine",
            "quality",
            "pictures/s",
            "authsvc is",
            "per core",
            "authsvc is",
            "bytes",
            "score",
        ),
        [
            (
                row["photograph"],
                str(row["width"]),
                row["engine"],
                str(row["quality"]),
                f"{row['rate']:.1f}",
                f"{row['ours_is']:.2f}",
                f"{row['core_rate']:.1f}",
                f"{row['ours_is_per_core']:.2f}",
                f"{row['bytes']:,}",
                str(row["score"]),
            )
            for row in rows
        ],
    )


def _noise(noise: Sequence[float]) -> str:
    return f"\nauthsvc asked once more was {noise[0]} to {noise[1]} times as fast as itself: that much is noise.\n"


def _avif(avif: Mapping[str, float], afterwards_ms: float) -> str:
    return (
        "\nWhen nobody waits any more, authsvc makes an AVIF of each, which takes another "
        f"{afterwards_ms:.0f} ms of a processor for 12 megapixels to 800 pixels. It has {avif['bytes']:,} bytes and "
        f"scores {avif['score']}.\n"
    )


def _upload(upload: Mapping[str, float]) -> str:
    return (
        f"\nAn upload of such a JPEG takes {upload['inspected']} ms, and {upload['as_it_comes']} ms in a service that "
        "takes every file as it comes: medians, one upload at a time, through nginx, each picture another one, on the "
        "disk before it is answered.\n"
    )


def _warm(warm: Mapping[str, float]) -> str:
    return (
        "\n## Smaller sizes that are there\n\n"
        "Read by a page of an allowed site, 320 pixels wide, 32 connections, one nginx worker on one core: "
        f"{warm['reads']:,.0f} reads a second, against {warm['static_reads']:,.0f} of an nginx that only sends these "
        f"very files with the same headers: {warm['ratio']:.2f} times as many. Asked once more, authsvc was "
        f"{warm['again']:.2f} times as fast as itself.\n"
    )
