"""The figures of a campaign are kept a line for each experiment, and the page shows them all."""

from pathlib import Path

import pytest

from docs.campaign import GROUPS, campaign_parts
from tests.support.experiments import keep

HERE = {"cores": "2", "kernel": "6.1.0", "python": "3.11.2", "nginx": "1.22.1", "day": "2026-01-31"}
LATER = {**HERE, "day": "2026-02-01"}


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """The figures of a campaign for some of the tests."""
    file = tmp_path / "figures" / "campaign.jsonl"
    keep(file, "fuzz: header sets", {"sets": 100_000, "wrong": 0}, HERE)
    keep(file, "faults: service killed", {"reads": 9_000, "p99_ms": 12.5, "note": "a | b"}, HERE)
    keep(file, "faults: service frozen", {"reads": 8_000, "lost": 0}, HERE)
    return file


def test_experiment_that_runs_again_takes_the_place_of_its_line(figures: Path) -> None:
    before = figures.read_text().splitlines()
    keep(figures, "faults: service killed", {"reads": 1}, LATER)
    after = figures.read_text().splitlines()
    assert (after[0], after[2], len(after)) == (before[0], before[2], 3)
    assert '"reads": 1' in after[1]
    assert [path.name for path in figures.parent.iterdir()] == [figures.name]


def test_page_has_a_row_for_each_experiment(figures: Path) -> None:
    page = campaign_parts(figures)["faults"]
    assert "| Fault | allowed reads | p99, ms | lost | note |\n| --- | ---: | ---: | ---: | ---: |\n" in page
    assert "| service killed | 9,000 | 12.5 | - | a \\| b |\n| service frozen | 8,000 | - | 0 | - |\n" in page


def test_page_has_a_row_for_each_figure_of_an_experiment_alone(figures: Path) -> None:
    assert (
        "| Experiment | header sets |\n| --- | ---: |\n| header sets sent | 100,000 |\n"
        in campaign_parts(figures)["fuzz"]
    )


def test_page_says_where_and_when_each_table_was_measured(figures: Path) -> None:
    keep(figures, "faults: service frozen", {"reads": 8_000}, LATER)
    versions = "2 cores, Linux 6.1.0, Python 3.11.2, nginx 1.22.1"
    assert f"Measured on 2026-01-31: {versions}; on 2026-02-01: {versions}." in campaign_parts(figures)["faults"]


def test_experiments_of_an_unknown_group_get_a_table(figures: Path) -> None:
    keep(figures, "novelty: thing", {"first_try_us": 3}, HERE)
    assert campaign_parts(figures)["novelty"].startswith(
        "| Experiment | thing |\n| --- | ---: |\n| first try, µs | 3 |\n"
    )


def test_group_without_figures_is_named_as_not_measured(tmp_path: Path) -> None:
    assert campaign_parts(tmp_path / "nothing") == dict.fromkeys(GROUPS, "Not measured yet.\n")
