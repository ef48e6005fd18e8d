"""The tables of measured figures show every figure, and name every target with its outcome."""

import json
from pathlib import Path
from typing import Any

import pytest

from docs.images import image_targets
from docs.performance import delay_targets, performance_parts, read_targets, upload_targets
from docs.tables import FIGURES, figure_table, with_parts
from docs.targets import Target, at_least, at_most, target_table


def figures(name: str) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text())
    return saved


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        pytest.param(at_most("", 0, 2.5, "µs"), "**no**, by 2.5 µs", id="limit of zero"),
        pytest.param(at_least("", 0.95, 0.76), "**no**, by 0.19 (20 % of the limit)", id="at least"),
        pytest.param(at_most("", 150, 1650, "MB"), "**no**, by 1,500 MB (1,000 % of the limit)", id="at most"),
        pytest.param(at_least("", 0.95, 0.95), "yes", id="just met"),
        pytest.param(at_least("", 0.95, None), "", id="not measured"),
    ],
)
def test_outcome_names_the_amount_by_which_a_limit_is_missed(target: Target, outcome: str) -> None:
    assert target.outcome == outcome


def test_target_without_a_figure_is_shown_as_not_measured() -> None:
    assert "| reads | ≥ 0.95 | not measured | - |\n" in target_table([at_least("reads", 0.95, None)])


@pytest.mark.parametrize(
    ("targets", "count"),
    [
        pytest.param(read_targets(figures("reads")), 11, id="reads"),
        pytest.param(upload_targets(figures("uploads")), 5, id="uploads"),
        pytest.param(delay_targets(figures("upload-delays")), 4, id="delays of uploads"),
        pytest.param(image_targets(figures("images")), 7, id="images"),
    ],
)
def test_every_target_finds_its_figure(targets: list[Target], count: int) -> None:
    assert len(targets) == count
    assert [target.what for target in targets if target.measured is None] == []


def test_every_case_of_reads_has_a_row() -> None:
    lines = "".join(performance_parts().values()).splitlines()
    saved = figures("reads")
    for row in saved["rows"]:
        assert any(line.startswith(f"| {row['case']} | {row['rate']:,} | ") for line in lines), row["case"]
    for row in saved["instructions"]:
        assert any(line.startswith(f"| {row['case']} | {row['headers']} | {row['instructions']:,} |") for line in lines)


def test_every_load_of_uploads_has_a_row() -> None:
    lines = "".join(performance_parts().values()).splitlines()
    for row in figures("uploads")["rows"]:
        begin = f"| {row['size']} | {row['clients']} | {row['way']} | {row['rate']:,.0f} |"
        assert any(line.startswith(begin) for line in lines), begin


def test_every_case_of_delays_has_a_row() -> None:
    lines = performance_parts()["delays"].splitlines()
    for row in figures("upload-delays")["rows"]:
        begin = f"| {row['case']} | {row['uploads']} | {row['refused']} |"
        assert any(line.startswith(begin) for line in lines), begin


def test_part_of_a_run_has_targets_without_figures() -> None:
    saved = figures("reads") | {"rows": [], "instructions": [], "service": {}}
    assert all(target.measured is None for target in read_targets(saved))


def test_figures_are_aligned_to_the_right() -> None:
    assert figure_table(("a", "b", "c"), [("x|y", "1", "")]).splitlines()[1:] == [
        "| --- | ---: | ---: |",
        "| x\\|y | 1 | - |",
    ]


def test_page_keeps_its_text_around_a_generated_part(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- sums: written by sums.py -->\n\nold\n\n<!-- end of sums -->\nafter\n")
    assert with_parts(page, {"sums": "new\n"}) == (
        "before\n<!-- sums: written by sums.py -->\n\nnew\n\n<!-- end of sums -->\nafter\n"
    )


@pytest.mark.parametrize("parts", [{}, {"sums": "", "more": ""}], ids=["one is left", "one has no place"])
def test_page_and_parts_have_to_agree(tmp_path: Path, parts: dict[str, str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- sums: written by sums.py -->\n<!-- end of sums -->\n")
    with pytest.raises(ValueError, match="has the parts"):
        with_parts(page, parts)
