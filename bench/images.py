"""Measure sizes against thumbor, sharp and Pillow, and what checking an upload costs, in one run.

All engines run at once, on the same photographs, and take turns. Each rival has the
quality at which its pictures are as good as ours, so that the same is compared.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

from bench.figures import paired_ratios, save, text_table
from bench.image_engines import OUR_QUALITY, OURS, Engine, install_rivals, ours, pillow, sharp, thumbor
from bench.image_inspection import inspection
from bench.image_photographs import SIZES, photographs
from bench.image_quality import matching_quality, reference, score
from bench.image_warm import warm
from tests.support.stack import Stack, wait_until

CASES: Final = (("12 MP", 800), ("12 MP", 320), ("12 MP", 1280), ("3 MP", 800), ("1 MP", 800))
"""Photographs and widths; the first is the one that qualities are matched at."""
ROUNDS, PICTURES, ONE_BY_ONE = 5, 12, 12
QUICK_ROUNDS, QUICK_PICTURES = 1, 4
CLIENTS: Final = 4
JUDGED: Final = 2
"""How many photographs of a case are judged: it takes a second each."""
AGAIN: Final = f"{OURS} again"


@dataclass
class Series:
    """What one engine did in one case, in each round."""

    rates: list[float] = field(default_factory=list)
    """Pictures a second."""
    core_rates: list[float] = field(default_factory=list)
    """Pictures a second of processor."""
    afterwards: list[float] = field(default_factory=list)
    """Milliseconds of processor for each picture after all were answered: what is made in the background."""

    def measure(self, engine: Engine, names: Sequence[str], width: int, quality: int) -> None:
        """Add a round in which no picture was there."""
        engine.make_cold()
        spent, start = engine.processor_seconds(), time.monotonic()
        with httpx2.Client(timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda name: engine.derive(client, name, width, quality), names))
        self.rates.append(len(names) / (time.monotonic() - start))
        self.core_rates.append(len(names) / (engine.processor_seconds() - spent))
        self.afterwards.append(1000 * engine.reload_done() / len(names))


@contextmanager
def running(scenes: Mapping[str, bytes]) -> Iterator[tuple[dict[str, Engine], Stack, dict[str, str]]]:
    """Run every engine on the photographs; yield them with our stack and addresses."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp"))) / "pictures"
        folder.mkdir()
        for name, content in scenes.items():
            (folder / name).write_bytes(content)
        mine, product, paths = stack.enter_context(ours(dict(scenes)))
        rivals = [stack.enter_context(start(folder)) for start in (thumbor, sharp, pillow)]
        yield {engine.name: engine for engine in (mine, *rivals)}, product, paths


def names_of(size: str, count: int) -> list[str]:
    """Return the photographs of a size."""
    return [f"{size.replace(' ', '')}-{number}.jpg" for number in range(count)]


def one_by_one(engine: Engine, names: Sequence[str], width: int, quality: int) -> list[float]:
    """Return the milliseconds that each took, alone on the machine."""
    engine.make_cold()
    found = []
    with httpx2.Client(timeout=60) as client:
        for name in names:
            start = time.monotonic()
            engine.derive(client, name, width, quality)
            found.append((time.monotonic() - start) * 1000)
    engine.reload_done()
    return found


def matched(engines: Mapping[str, Engine], scenes: Mapping[str, bytes], case: tuple[str, int]) -> dict[str, int]:
    """Return the quality of each engine at which it is as good as ours in this case."""
    size, width = case
    names = names_of(size, JUDGED)
    wanted = {name: reference(scenes[name], width) for name in names}

    def score_of(engine: Engine, quality: int) -> float:
        with httpx2.Client(timeout=60) as client:
            return statistics.mean(score(wanted[name], engine.derive(client, name, width, quality)) for name in names)

    target = score_of(engines[OURS], OUR_QUALITY)
    qualities = {OURS: OUR_QUALITY}
    for name, engine in engines.items():
        if name != OURS:
            qualities[name], _ = matching_quality(target, lambda quality, engine=engine: score_of(engine, quality))  # type: ignore[misc]
        print(f"{size} to {width}: {name} has quality {qualities[name]}", file=sys.stderr)
    engines[OURS].reload_done()
    return qualities


def judged(engine: Engine, scenes: Mapping[str, bytes], case: tuple[str, int], quality: int) -> dict[str, float]:
    """Return the bytes and the score of a case."""
    size, width = case
    sizes, scores = [], []
    with httpx2.Client(timeout=60) as client:
        for name in names_of(size, JUDGED):
            found = engine.derive(client, name, width, quality)
            sizes.append(len(found))
            scores.append(score(reference(scenes[name], width), found))
    return {"bytes": round(statistics.mean(sizes)), "score": round(statistics.mean(scores), 1)}


def avif(stack: Stack, paths: Mapping[str, str], scenes: Mapping[str, bytes]) -> dict[str, float]:
    """Return the bytes and the score of our AVIF in the first case, which is made in the background."""
    size, width = CASES[0]
    sizes, scores = [], []
    for name in names_of(size, JUDGED):
        address = f"{paths[name]}?w={width}"

        def read(address: str = address) -> httpx2.Response:
            return stack.get(address, Accept="image/avif,image/webp")

        wait_until(lambda read=read: read().headers["content-type"] == "image/avif", "AVIF is there", seconds=120)  # type: ignore[misc]
        found = read().content
        sizes.append(len(found))
        scores.append(score(reference(scenes[name], width), found))
    return {"bytes": round(statistics.mean(sizes)), "score": round(statistics.mean(scores), 1)}


def cold(
    engines: Mapping[str, Engine], qualities: Mapping[tuple[str, int], Mapping[str, int]], *, rounds: int, pictures: int
) -> dict[tuple[str, int], dict[str, Series]]:
    """Measure every case and engine, in turns."""
    found = {case: {name: Series() for name in (*engines, AGAIN)} for case in CASES}
    for number in range(rounds):
        for case in CASES:
            print(f"cold, round {number + 1} of {rounds}: {case[0]} to {case[1]}", file=sys.stderr)
            for name in (*engines, AGAIN):
                engine = engines[name.removesuffix(" again")]
                quality = qualities[case][engine.name]
                found[case][name].measure(engine, names_of(case[0], pictures), case[1], quality)
    return found


def figures(*, rounds: int, pictures: int) -> dict[str, Any]:
    """Measure everything; return what is saved."""
    scenes = {
        name: content
        for size, pixels in SIZES.items()
        for name, content in zip(names_of(size, pictures), photographs(pixels, pictures), strict=True)
    }
    looked_at = inspection(scenes[names_of("12 MP", 1)[0]], rounds=rounds)
    with running(scenes) as (engines, stack, paths):
        qualities = {case: matched(engines, scenes, case) for case in CASES}
        alone = {
            name: one_by_one(engine, names_of("12 MP", min(pictures, ONE_BY_ONE)), 800, qualities[CASES[0]][name])
            for name, engine in engines.items()
        }
        measured = cold(engines, qualities, rounds=rounds, pictures=pictures)
        peaks = {name: engine.peak_bytes() for name, engine in engines.items()}
        rows = [
            row_of(case, name, measured[case], qualities[case][name])
            | judged(engines[name], scenes, case, qualities[case][name])
            for case in CASES
            for name in measured[case]
            if name != AGAIN
        ]
        noise = [
            statistics.median(measured[case][AGAIN].rates) / statistics.median(measured[case][OURS].rates)
            for case in CASES
        ]
        extra = {"avif": avif(stack, paths, scenes), "warm": warm(stack, list(paths.values()), rounds=rounds)}
    return {
        "rounds": rounds,
        "pictures": pictures,
        "afterwards_ms": round(statistics.median(measured[CASES[0]][OURS].afterwards)),
        "photograph_bytes": {size: len(scenes[names_of(size, 1)[0]]) for size in SIZES},
        "rows": rows,
        "noise": [round(min(noise), 3), round(max(noise), 3)],
        "alone_ms": {name: round(statistics.median(each), 1) for name, each in alone.items()},
        "peak_mb": {name: round(peak / 2**20, 1) for name, peak in peaks.items()},
        **extra,
        **looked_at,
    }


def row_of(case: tuple[str, int], name: str, measured: Mapping[str, Series], quality: int) -> dict[str, Any]:
    """Return a line of the table of cold pictures."""
    series = measured[name]
    return {
        "photograph": case[0],
        "width": case[1],
        "engine": name,
        "quality": quality,
        "rate": round(statistics.median(series.rates), 2),
        "core_rate": round(statistics.median(series.core_rates), 2),
        "ours_is": round(statistics.median(paired_ratios(measured[OURS].rates, series.rates)), 2),
        "ours_is_per_core": round(statistics.median(paired_ratios(measured[OURS].core_rates, series.core_rates)), 2),
    }


def main() -> None:
    """Measure, print, and keep the figures unless the run is a quick one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round with few pictures; keeps no figures")
    quick = parser.parse_args().quick
    install_rivals()
    found = figures(rounds=QUICK_ROUNDS if quick else ROUNDS, pictures=QUICK_PICTURES if quick else PICTURES)
    rows = found["rows"]
    print(text_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    for name, value in found.items():
        if name != "rows":
            print(f"{name}: {value}")
    if not quick:
        print(f"kept in {save('images', found)}")


if __name__ == "__main__":
    main()
