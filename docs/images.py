"""The tables of docs/images.md, from the figures of `make bench-images`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from docs.tables import FIGURES, figure_table, measured_on
from docs.targets import Target, at_least, at_most, target_table

_PARTS: Final = {
    "walk_jpg": "walk a JPEG",
    "walk_png": "walk a PNG, with its CRCs",
    "walk_gif": "walk a GIF",
    "walk_webp": "walk a WebP",
    "walk_avif": "walk an AVIF",
    "strip": "remove metadata from a JPEG, without the walk",
    "prepare": "walk a JPEG and write the clean file",
}


def images_parts(folder: Path = FIGURES) -> dict[str, str]:
    """Return the generated parts of the page by name."""
    figures = json.loads((folder / "images.json").read_text(encoding="utf-8"))
    return {
        "machine": measured_on(figures["machine"]),
        "targets": target_table(image_targets(figures)),
        "cold": _cold(figures["rows"]),
        "alone": figure_table(
            ("Engine", "ms", "MB"),
            [(name, str(taken), str(figures["peak_mb"][name])) for name, taken in figures["alone_ms"].items()],
        ),
        "warm": _warm(figures["warm"]),
        "parts": figure_table(
            ("Step", "ms"), [(words, f"{figures['parts_ms'][name]:.2f}") for name, words in _PARTS.items()]
        ),
        "upload": figure_table(
            ("Upload of a JPEG of 12 MP", "ms"),
            [
                ("checked, cleaned and decoded", str(figures["upload_ms"]["inspected"])),
                ("stored as received", str(figures["upload_ms"]["as_it_comes"])),
            ],
        ),
    }


def image_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of images."""
    cold = {row["engine"]: row for row in figures["rows"] if (row["photograph"], row["width"]) == ("12 MP", 800)}
    upload = figures["upload_ms"]
    return [
        *(
            at_least(f"cold, 12 MP to 800 px: authsvc ÷ {peer}, sizes/s", 1.0, cold[peer]["ours_is"])
            for peer in ("thumbor", "sharp")
        ),
        at_most("cold, one at a time, 12 MP to 800 px as WebP", 150, figures["alone_ms"]["authsvc"], "ms"),
        at_most("peak memory of a worker", 80, figures["peak_mb"]["authsvc"], "MB"),
        at_least("warm ÷ nginx sending the same files with the same headers, reads/s", 0.9, figures["warm"]["ratio"]),
        at_most(
            "upload of 12 MP: checked, cleaned and decoded ÷ stored as received",
            1.5,
            round(upload["inspected"] / upload["as_it_comes"], 2),
        ),
        at_most("removing metadata from 12 MP", 10, figures["parts_ms"]["strip"], "ms"),
    ]


def _cold(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ("Photo", "Width", "Engine", "Quality", "Sizes/s", "authsvc ÷ it", "Per core", "authsvc ÷ it")
    return figure_table(
        (*columns, "Bytes", "Score"),
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


def _warm(warm: Mapping[str, float]) -> str:
    return figure_table(
        ("Server", "Reads/s", "Ratio"),
        [
            ("nginx sending the same files with the same headers", f"{warm['static_reads']:,.0f}", "1.00"),
            ("authsvc", f"{warm['reads']:,.0f}", f"{warm['ratio']:.2f}"),
            ("authsvc again (noise)", "", f"{warm['again']:.2f}"),
        ],
    )
