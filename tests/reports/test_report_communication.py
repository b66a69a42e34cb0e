"""Who sent how much to whom, as tables, a heat map and CSV; and what collectives took."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from dataflow.result import Result
from reports import compare, compare_json, report_json, report_markdown, summary
from reports.communication_csv import communication_csv
from reports.communication_picture import communication_figure
from reports.communication_tables import bubble, collectives, dimensions, matrix, overlap
from reports.document import report_of
from tests.reports.made import ring, staircase
from tests.reports.test_report_tables import text
from tests.reports.worlds import alexnet_result, tiny_result


def test_matrix_of_the_two_towers() -> None:
    """30,015,488 B each way, and half of the batch to each; nothing goes to the host."""
    grid = matrix(report_of(alexnet_result()))
    assert grid.columns == ("from \\ to", "gpu0", "gpu1", "host")
    dot = "\N{MIDDLE DOT}"
    assert grid.rows == (
        ("gpu0", dot, "30.0 MB", dot),
        ("gpu1", "30.0 MB", dot, dot),
        ("host", "79.1 MB", "79.1 MB", dot),
    )


def test_many_memories_show_their_largest_pairs() -> None:
    """64 neighbours in a ring: each pair 126 times 100 B; the first pairs, and how much is not shown."""
    grid = matrix(report_of(ring(64)), pairs=5)
    assert len(grid.rows) == 5
    assert grid.rows[0] == ("gpu0->gpu1", "12.60 kB", "12.60 kB", "126", "630.0 us")
    assert grid.note.endswith("; 59 more pairs (743.4 kB) in report.json")


def test_csv_has_every_pair() -> None:
    """As many lines as pairs, the same bytes in all."""
    lines = list(csv.DictReader(communication_csv(report_of(ring(64))).splitlines()))
    assert len(lines) == 64
    assert (lines[0]["from"], lines[0]["to"], lines[0]["bytes"]) == ("gpu0", "gpu1", "12600")
    assert sum(int(line["bytes"]) for line in lines) == 64 * 126 * 100


@pytest.mark.parametrize("result", [alexnet_result(), ring(64)], ids=["two", "64"])
def test_heat_map(result: Result) -> None:
    """One cell for each pair with its bytes, logarithmic; every row and column has its name."""
    figure = communication_figure(report_of(result))
    axes = figure.axes[0]
    traffic = result.metrics.traffic
    cells = np.ma.filled(axes.images[0].get_array(), 0)
    assert cells.sum() == sum(use.bytes for use in traffic.values())
    assert np.count_nonzero(cells) == len(traffic)
    names = [name for name in result.metrics.memories if any(name in ends for ends in traffic)]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert len(axes.texts) == (len(traffic) if len(names) < 20 else 0)
    assert figure.get_figwidth() < 16


def test_heat_map_of_nothing() -> None:
    """A run in which nothing moved says so."""
    result = tiny_result()
    quiet = replace(result, metrics=replace(result.metrics, traffic={}))
    (axes,) = communication_figure(report_of(quiet)).axes
    assert [each.get_text() for each in axes.texts] == ["nothing was sent"]


def test_collectives_and_dimensions() -> None:
    """The ring lasts 126 rounds of 5 us, and all 64 wait for all of it."""
    report = report_of(ring(64))
    row = ("8,064", "806.4 kB", "630.0 us", "40.32 ms")
    assert collectives(report).rows == (("all-reduce ring", *row),)
    assert dimensions(report).rows == (("data", *row),)
    (layer,) = overlap(report).rows
    assert layer == ("b", "gradient", "806.4 kB", "40.32 ms", "0 s", "0 %")


def test_what_is_hidden() -> None:
    """Shares of each layer's exchanges in the two towers are between none and all."""
    rows = overlap(report_of(alexnet_result())).rows
    assert {row[0] for row in rows} >= {"conv3", "fc6", "fc7", "fc8"}
    assert all(0 <= float(row[-1].removesuffix(" %")) <= 100 for row in rows)


def test_bubble_in_a_sentence() -> None:
    """Four stages, eight micro-batches: each is busy for 240 of 342 us."""
    told = bubble(report_of(staircase(4, 8)))
    assert told.startswith("29.8 % idle from the first forward to the last gradient task (342.0 us); most on")


def test_summary_and_page_of_many_stay_short() -> None:
    """64 processors: no table of a console is longer than a screen, no page endless."""
    shown = text(summary(ring(64)), 100)
    assert len(shown.splitlines()) < 150
    assert "Communication by collective" in shown
    assert "Communication by dimension" in shown
    assert len(report_markdown(ring(64)).splitlines()) < 900


def test_compared() -> None:
    """Collectives and dimensions of both, and the bubble."""
    one, other = report_json(ring(4)), report_json(ring(8))
    compared = compare_json(one, other)
    # 6 rounds of 5 us against 14.
    assert compared["collectives"]["all-reduce ring"]["busy_s"]["ratio"] == pytest.approx(14 / 6)
    assert compared["dimensions"]["data"]["bytes"]["b"] == 14 * 8 * 100
    assert compared["run"]["bubble"]["a"] == 0
    assert "all-reduce ring busy" in text(compare(one, other))
