"""The page of measured figures says of every target whether it is kept, by how much not, and why not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import uploads
from bench.instructions import Counted
from bench.load import Round
from bench.read_instructions import _KINDS, _row
from bench.reads import row_of
from bench.reads_cases import AGAIN, MANY_SITES, ORIGINAL, REFUSED_AGAIN, TWIN, Running, groups
from bench.servers import Server
from bench.targets import Target, read_targets, upload_targets
from bench.upload_round import Round as UploadRound
from docs.performance import performance_page
from tests.support.stack import Stack

MACHINE = {"cores": "2", "kernel": "6.1.0", "python": "3.11.2", "nginx": "1.22.1", "day": "2026-01-31"}
NOBODY = Server(0, ())
MB = 2**20
# How fast the product is beside bare nginx: as fast keeps every limit, half as fast none.
quick = pytest.mark.parametrize("speed", [pytest.param(1.0, id="fast"), pytest.param(0.5, id="slow")])


class AnyServer(dict[str, Server]):
    """Rivals by any name, none of which runs."""

    def __missing__(self, name: str) -> Server:
        return NOBODY


def read_figures(folder: Path, speed: float) -> dict[str, Any]:
    """Return what bench/reads.py saves, of every case that it has, with a product of such a speed."""
    (folder / "data").mkdir()
    stack = Stack(data_dir=folder / "data")  # for its folder: nothing is started
    stack.client.close()
    running = Running(stack, folder, (), NOBODY, 7, AnyServer(), NOBODY, NOBODY, NOBODY, NOBODY, ["/aa/bb.png"])
    rows = []
    for group in groups(running, lambda _: False):
        for case in group.cases:
            slower = speed if case.whose == "ours" else 0.05 if case.name == ORIGINAL else 1.0
            slower *= speed if case.name == MANY_SITES else 1.0
            service = 0.0021 if speed == 1 else 0.0057
            case.rounds.append(Round(20_000 * slower, 2 / slower, 50 / slower, 0.9, service))
        rows += [row_of(group, case, group.cases) for case in group.cases]
    counted = {}
    for kind in _KINDS:
        slower = speed if kind.server == "ours" else 1.0
        counted[kind.name, kind.sent] = Counted(10_000 / slower, {"ngx_run": 10 / slower})
    costs = {
        "rest_percent": 0.2,
        "rss_mb": 50 / speed,
        "pss_mb": 41.5,
        "first_start_s": 1.75,
        "start_s": 0.8 / speed,
        "slowest_start_s": 1.85,
    }
    instructions = [_row(kind, counted) for kind in _KINDS]
    return {"machine": MACHINE, "seconds": 1, "rows": rows, "instructions": instructions, "service": costs}


def upload_figures(speed: float, *, put: float = 1400) -> dict[str, Any]:
    """Return what bench/uploads.py saves, with a product of such a speed."""
    rates = {uploads.ORIGINAL: 400.0, uploads.AGAIN: 400.0, uploads.DAV: put}
    cases = []
    for size in uploads.SIZES:
        for clients in uploads.CLIENTS:
            for way in (uploads.ORIGINAL, uploads.DAV, uploads.DURABLE, uploads.CARELESS, uploads.AGAIN):
                served = int(way != uploads.DAV)
                before, grown = 60 * MB * served, int(6 / speed**2) * MB * served
                peak = int(100 / speed) * MB * served
                first = UploadRound(
                    rate=rates.get(way, 800 * speed),
                    p50_ms=8.5,
                    p99_ms=19.5,
                    nginx_ms=0.35,
                    service_ms=1.45 * served,
                    client_share=0.31,
                    rss_before=before,
                    rss_behind=before + grown,
                    rss_peak=peak,
                )
                later = replace(first, rss_behind=first.rss_behind + grown)
                cases.append(uploads.Case(size, clients, way, [first, later]))
    return {"machine": MACHINE, "rounds": uploads.ROUNDS, "seconds": uploads.SECONDS, "rows": uploads.rows(cases)}


def page_of(folder: Path, **figures: Mapping[str, Any]) -> str:
    for name, saved in figures.items():
        (folder / f"{name}.json").write_text(json.dumps(saved))
    return performance_page(folder)


def line_of(page: str, target: Target) -> str:
    (line,) = (line for line in page.splitlines() if line.startswith(f"| {target.what} |"))
    return line


def assert_all_are_kept_or_missed(page: str, targets: Sequence[Target], *, kept: bool) -> None:
    assert [target.what for target in targets if target.measured is None] == []
    lines = [line_of(page, target) for target in targets]
    assert [line for line in lines if line.endswith("| yes |") != kept] == []
    assert [line for line in lines if ("| **no**, by " in line) == kept] == []
    assert ("Why a target is missed" in page) != kept
    unexplained = [target.what for target in targets if not target.why or (target.why in page) == kept]
    assert unexplained == []


@quick
def test_every_target_of_reads_is_measured_and_explained_if_missed(tmp_path: Path, speed: float) -> None:
    figures = read_figures(tmp_path, speed)
    targets = read_targets(figures)
    assert len(targets) == 11
    assert_all_are_kept_or_missed(page_of(tmp_path, reads=figures), targets, kept=speed == 1)


@quick
def test_every_target_of_uploads_is_measured_and_explained_if_missed(tmp_path: Path, speed: float) -> None:
    figures = upload_figures(speed)
    targets = upload_targets(figures)
    assert len(targets) == 5
    assert_all_are_kept_or_missed(page_of(tmp_path, uploads=figures), targets, kept=speed == 1)


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        pytest.param(Target("", 0, is_at_least=False, measured=2.5, unit="µs"), "**no**, by 2.5 µs", id="of nothing"),
        pytest.param(
            Target("", 0.95, is_at_least=True, measured=0.76), "**no**, by 0.19 (20 % of the limit)", id="at least"
        ),
        pytest.param(
            Target("", 150, is_at_least=False, measured=1650, unit="MB"),
            "**no**, by 1,500 MB (1,000 % of the limit)",
            id="at most",
        ),
        pytest.param(Target("", 0.95, is_at_least=True, measured=0.95), "yes", id="just kept"),
        pytest.param(Target("", 0.95, is_at_least=True, measured=None), "", id="not measured"),
    ],
)
def test_outcome_of_a_limit_names_the_amount_that_is_missed(target: Target, outcome: str) -> None:
    assert target.outcome == outcome


def test_processor_that_reads_add_to_the_service_is_shown_with_both_its_numbers(tmp_path: Path) -> None:
    page = page_of(tmp_path, reads=read_figures(tmp_path, 0.5))
    assert "0.57 % while they flow, 0.20 % at rest | ≤ 0.1 % of a core | 0.37 % of a core | **no**, by 0.27 %" in page
    assert "| Processor at rest | 0.20 % of a core |\n| Processor while reads flow | 0.57 % of a core |\n" in page


def test_starts_are_shown_with_the_first_and_the_slowest(tmp_path: Path) -> None:
    page = page_of(tmp_path, reads=read_figures(tmp_path, 1.0))
    assert (
        "median of 7 later starts (the first start, on an empty folder: 1.75 s; the slowest later one: 1.85 s)" in page
    )
    assert "| First start, on an empty folder | 1.75 s |" in page


def test_reason_of_a_missed_rate_has_processor_core_noise_and_profile(tmp_path: Path) -> None:
    page = page_of(tmp_path, reads=read_figures(tmp_path, 0.5))
    whys = page.partition("Why a target is missed")[2]
    assert "A read takes 100.0 µs of processor for known site, 50.0 µs for nginx, same headers" in whys
    assert "the server's core was busy to 0.90 and 0.90. So the load was the limit of at least one" in whys
    for noise in (AGAIN, REFUSED_AGAIN, TWIN):
        assert f"The noise: {noise}, which does the same work, has 1.000 (1.00 to 1.00)." in whys
    assert "known site takes 20,000 instructions, 2.00 times those of nginx, same headers" in whys
    assert "Most of what is more: `ngx_run` 10 (" in whys


def test_reason_of_missed_uploads_has_what_each_way_costs(tmp_path: Path) -> None:
    page = page_of(tmp_path, uploads=upload_figures(0.5))
    assert "At 100 KB and 32 clients an upload takes 0.35 ms of nginx's processor and 1.45 ms of the service's" in page
    assert "nginx's PUT itself reaches 3.50 times the 2018 way here" in page
    course = "the service had 60.0 MB before, at most 200.0 MB meanwhile, 84.0 MB behind the first round"
    assert f"{course} and 108.0 MB behind the last" in page


def test_limit_that_even_put_does_not_reach_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    page = page_of(tmp_path, uploads=upload_figures(0.5, put=520))
    assert "reaches 1.30 times the 2018 way here, so nothing that does more than PUT could reach 1.5. The" in page


def test_every_case_of_reads_has_its_row(tmp_path: Path) -> None:
    figures = read_figures(tmp_path, 1.0)
    lines = page_of(tmp_path, reads=figures).splitlines()
    for row in figures["rows"]:
        assert any(line.startswith(f"| {row['case']} | {row['rate']:,} | ") for line in lines), row["case"]
    for row in figures["instructions"]:
        assert f"| {row['case']} | {row['headers']} | 10,000 | 1.00 | {row['against']} |" in lines


def test_every_load_of_uploads_has_its_row_with_what_it_cost(tmp_path: Path) -> None:
    figures = upload_figures(1.0)
    page = page_of(tmp_path, uploads=figures)
    assert "| nginx ms | service ms | load's core | MB before | MB highest | MB behind first | MB behind |" in page
    for row in figures["rows"]:
        costs = "- | 0.31 | - | - | - | - |" if row["way"] == uploads.DAV else "1.45 | 0.31 | 60 | 100 | 66 | 72 |"
        begin = f"| {row['size']} | {row['clients']} | {row['way']} | {row['rate']:,.0f} | "
        assert [line for line in page.splitlines() if line.startswith(begin) and line.endswith(f"| 0.35 | {costs}")]


@pytest.mark.parametrize("names", [(), ("reads",), ("uploads",), ("reads", "uploads")], ids=" and ".join)
def test_page_has_the_parts_whose_figures_are_there(tmp_path: Path, names: Sequence[str]) -> None:
    known = {"reads": read_figures(tmp_path, 1.0), "uploads": upload_figures(1.0)}
    page = page_of(tmp_path, **{name: known[name] for name in names})
    for name in known:
        assert (f"\n### Targets of {name}\n" in page) == (name in names)
    assert page.endswith("changes nothing for it.\n")


def test_part_of_a_run_has_targets_that_are_not_measured(tmp_path: Path) -> None:
    figures = read_figures(tmp_path, 1.0) | {"rows": [], "instructions": [], "service": {}}
    page = page_of(tmp_path, reads=figures)
    assert page.count("| not measured | - |\n") == len(read_targets(figures))
