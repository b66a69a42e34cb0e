"""A load curve as a table, as JSON and CSV, and as a picture."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest

from dataflow.serving.sweep import standard_error
from reports.serving_files import FILES, write_load_curve
from reports.serving_picture import load_curve_figure
from reports.serving_table import (
    findings,
    load_curve_csv,
    load_curve_grid,
    load_curve_json,
    prediction_grid,
    show_load_curve,
)
from tests.reports.test_report_pictures import png_size
from tests.reports.test_report_tables import text
from tests.serving.made import curve

PLAIN = curve(notes=("a note",))
LOSSY = curve(queue=8)


def test_knee_of_one_server() -> None:
    """In M/D/1 rho over 1 + rho / (2 (1 - rho)) is greatest at 2 - sqrt(2) = 0.586: of these loads 60 %."""
    assert PLAIN.knee is not None
    assert PLAIN.knee.load == 0.6
    assert PLAIN.one_server
    assert not replace(PLAIN, service_s=3e-5).one_server


def test_one_load_has_no_knee() -> None:
    """Where there is no curve nothing is called its knee: in the table, sentences, JSON and picture."""
    one = curve(loads=(0.5,))
    assert one.knee is None
    grid = load_curve_grid(one)
    assert grid.rows[0][0] == "50.0 %"
    assert "knee" not in grid.note
    assert findings(one)[1] == "no knee: one load; busiest: core0"
    document = load_curve_json(one)
    assert (document["knee"], document["warm_up"]) == (None, 200)
    above = load_curve_figure(one).axes[0]
    assert [each.get_text() for each in above.texts] == []


def test_table() -> None:
    """A row a load with the knee starred, and where waits only grow; no line is too wide."""
    grid = load_curve_grid(PLAIN)
    assert [row[0] for row in grid.rows] == [
        *("10.0 %", "30.0 %", "50.0 %", "60.0 % *", "70.0 %", "90.0 %", "110 % ^"),
    ]
    assert grid.rows[0][1] == "10,000"
    assert grid.rows[0][3] == "10.00 us"
    assert grid.rows[0][-2:] == ("0 %", "50.0 %")
    assert "^ waits grow" in grid.note
    assert "^" not in load_curve_grid(LOSSY).note
    shown = text(show_load_curve(PLAIN), 100)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100
    assert "note: a note" in shown


def test_theory_stands_beside() -> None:
    """For the loads below 1, none where requests are lost."""
    grid = prediction_grid(PLAIN)
    assert [row[0] for row in grid.rows] == ["10.0 %", "30.0 %", "50.0 %", "60.0 %", "70.0 %", "90.0 %"]
    assert grid.columns[:4] == ("load", "mean wait", "+-", "wait M/D/1")
    assert grid.rows[2][3] == "5.000 us"
    assert "M/D/1" not in text(show_load_curve(LOSSY), 100)
    streaming = replace(PLAIN, service_s=3e-5)
    assert "Avi-Itzhak 1965" in prediction_grid(streaming).note


def test_findings() -> None:
    """Capacity, knee and arrivals, a sentence each."""
    capacity, knee, arrivals, note = findings(PLAIN)
    assert capacity == (
        "capacity: 100,000 requests/s of 1 image in mode inference, one every 10.00 us; "
        "alone a request takes 10.00 us"
    )
    assert knee.startswith("knee: of these loads 60.0 %, 60,000 requests/s with p99")
    assert arrivals == (
        "arrivals: 2,000 requests a load, Poisson (seed 1), the first 200 not counted; a queue without limit"
    )
    assert note == "note: a note"
    assert findings(LOSSY)[2].endswith("a queue of 8")


def test_json_and_csv_say_the_same() -> None:
    """Every point of the one is a line of the other; beyond capacity theory stands empty."""
    document = load_curve_json(PLAIN)
    json.dumps(document, allow_nan=False)
    lines = list(csv.DictReader(load_curve_csv(PLAIN).splitlines()))
    assert [float(line["p99_s"]) for line in lines] == [point["p99_s"] for point in document["points"]]
    assert document["knee"] == 0.6
    assert document["theory"] == "M/D/1"
    assert (document["points"][-1]["predicted"], lines[-1]["predicted_p99_s"]) == (None, "")
    assert float(lines[2]["predicted_mean_wait_s"]) == pytest.approx(5e-6)
    assert load_curve_json(LOSSY)["points"][-1]["loss_share"] > 0.05
    assert load_curve_json(LOSSY)["theory"] is None


def test_files(tmp_path: Path) -> None:
    """All of them, readable, and the same bytes each time."""
    for name in ("a", "b"):
        write_load_curve(PLAIN, tmp_path / name)
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(FILES)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    width, height = png_size(tmp_path / "a" / "load.png")
    assert 1000 < width < 1500
    assert 700 < height < 1100


def test_picture() -> None:
    """Latency above with the knee and theory, loss below; no theory where requests are lost."""
    above, below = load_curve_figure(PLAIN).axes
    assert above.get_yscale() == "log"
    labels = [each.get_text() for each in above.get_legend().get_texts()]
    assert labels == ["p99", "p50", "p99, M/D/1", "p50, M/D/1", "a request alone"]
    assert [each.get_text().split("\n")[0] for each in above.texts] == ["knee: 60.0 %"]
    assert below.get_xlabel() == "offered load, % of capacity"
    lossy = load_curve_figure(LOSSY).axes[0].get_legend().get_texts()
    assert [each.get_text() for each in lossy] == ["p99", "p50", "a request alone"]


def test_standard_error() -> None:
    """Twenty pairs of equal values from 1 to 20 have the error of 1 to 20: their deviation over sqrt(20)."""
    values = [value for value in range(1, 21) for _ in range(2)]
    # The variance of 1 to n with n - 1 below is n (n + 1) / 12 = 35.
    assert standard_error(values) == pytest.approx(sqrt(35 / 20))
    few = curve(loads=(0.5,), requests=40)
    assert few.points[0].wait_error_s is None
    assert prediction_grid(few).rows[0][2] == "-"
