"""Console tables and report.md: that they say what must be said, and fit."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest
from rich.console import Console, RenderableType

from reports import report_markdown, show_verification, summary, verification_json
from reports.grid import Grid
from tests.reports.worlds import alexnet_result, tiny_result, verification


def text(renderable: RenderableType, width: int = 100) -> str:
    """What a console of this width shows."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_summary_says_first_what_matters_most() -> None:
    """Step time, throughput, days, loss, limits and the critical path are in the first lines."""
    head = "\n".join(text(summary(alexnet_result())).splitlines()[:12])
    metrics = alexnet_result().metrics
    assert f"{metrics.step_time_s * 1e3:.1f} ms" in head
    assert f"{metrics.images_per_s:.1f} images/s" in head
    assert "6.001 days for 90 epochs of 1,200,000 images" in head
    assert "loss           6.8980 in the last of 2 steps" in head
    assert "limited by     arithmetic: twice as fast, a step would take 319.9 ms (1.92x the speed)" in head
    assert "critical path  of 614.6 ms: 41.2 % convolution weight gradient on gpu0" in head


def test_summary_has_every_table() -> None:
    """Processors, memory, links, layers, latency, verification, overrides and warnings."""
    shown = text(summary(tiny_result()))
    for part in (
        *(
            "Processors (cpu)",
            "Memory at its fullest",
            "Links",
            "Communication matrix",
            "bubble",
            "Layers",
            "median",
            "99th percentile",
        ),
        *("cpu0->cpu1", "hidden", "exposed", "set: training.batch = 4", "warning: training.momentum"),
        *("passed against numpy on one processor", "tolerance 1e-05", "(fc8@0)"),
    ):
        assert part in shown


@pytest.mark.parametrize("width", [80, 100])
def test_summary_fits(width: int) -> None:
    """No line is wider than the console, and no name is cut."""
    shown = text(summary(alexnet_result()), width)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    assert "gpu0->switch" in shown
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown


def test_failed_verification_is_told() -> None:
    """A tensor beyond tolerance, and one that is not finite, are named."""
    failed = replace(tiny_result(), verification=verification({"a@0": 0.5}))
    assert "FAILED" in text(summary(failed))
    assert "worst relative error 5.0e-01 (a@0)" in text(summary(failed))
    not_finite = replace(tiny_result(), verification=verification({"a@0": nan}))
    assert "worst relative error not finite (a@0)" in text(summary(not_finite), 140)


def test_run_without_values_says_so() -> None:
    """No losses, no verification, no transfers of values to talk about."""
    shown = text(summary(replace(tiny_result(), losses=None, verification=None)))
    assert "loss           not computed" in shown
    assert "verification   not done" in shown


def test_verification_alone() -> None:
    """The verdict, each kind's largest error, and the worst tensors first."""
    checked = verification({"b@0": 2e-6, "a@0": 1e-6, "conv1.weight@1": 3e-7})
    shown = text(show_verification(checked))
    assert shown.startswith("passed against numpy on one processor")
    assert shown.index("b@0  ") < shown.index("a@0  ")
    assert verification_json(checked)["worst_tensor"] == "b@0"
    missing = replace(checked, missing=("lost@0",))
    assert "missing on one side: lost@0" in text(show_verification(missing))


def test_markdown_names_every_constant_with_its_source() -> None:
    """Path, value, source and line of each constant are in report.md."""
    page = report_markdown(alexnet_result())
    for constant in alexnet_result().experiment.hardware.constants:
        for part in (constant.path, constant.text, constant.source, constant.where):
            assert part.replace("|", r"\|") in page


def test_markdown_has_pictures_and_all_sections() -> None:
    """Pictures are linked by name; whatever the report holds has its heading."""
    page = report_markdown(tiny_result())
    assert "](timeline.png)" in page
    assert "](memory.png)" in page
    assert "](communication.png)" in page
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert headings == [
        *("How to read this", "What limits the step", "Critical path", "Processors (cpu)"),
        *("Exposed communication by layer", "Exposed and hidden communication", "Bubble by processor"),
        *("Busy time by phase", "Memory at its fullest", "Largest tensors at the peak", "Links"),
        *("Communication matrix", "Communication by collective", "Communication by dimension"),
        *("Layers", "What moved", "Slowest transfers", "Verification", "Plan"),
        *("Set from outside", "Versions"),
    ]


def test_markdown_tables_are_whole() -> None:
    """Every row of a table has as many cells as its header."""
    rows: list[str] = []
    for line in [*report_markdown(alexnet_result()).splitlines(), ""]:
        if line.startswith("|"):
            rows.append(line.replace(r"\|", ""))
        elif rows:
            assert len({row.count("|") for row in rows}) == 1, rows
            rows = []


def test_grid_by_hand() -> None:
    """Alignment, a bar in a cell, and what is left out."""
    grid = Grid(
        "t", ("name", "n", "why"), (("a", "1", "x|y"), ("b", "22", "z"), ("c", "3", "")), left=("why",)
    )
    assert grid.markdown().splitlines() == [
        "| name | n | why |",
        "| --- | ---: | --- |",
        r"| a | 1 | x\|y |",
        "| b | 22 | z |",
        "| c | 3 |  |",
    ]
    assert grid.first(1).rows == (("a", "1", "x|y"), ("... 2 more", "", ""))
    assert grid.first(3) is grid


def test_rows_alike_are_folded() -> None:
    """Of four rows three differ in their names alone."""
    grid = Grid("t", ("name", "n"), (("a", "1"), ("b", "2"), ("c", "1"), ("d", "1")))
    assert grid.folded(3).rows == (("a +2", "1"), ("b", "2"))
    assert grid.folded(3).note == "+n: so many more that differ in name alone"
    assert grid.folded(4) is grid
