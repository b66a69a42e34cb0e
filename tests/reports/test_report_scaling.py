"""Scaling as a table, as JSON and CSV, and as a picture."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dataflow.metrics import Limit, PathPart
from dataflow.scaling.bottleneck import Bottleneck, ResourceUse
from dataflow.scaling.curve import Scaling, ScalingPoint, Unfit
from reports import scaling_json, show_scaling, write_scaling
from reports.scaling_files import FILES
from reports.scaling_picture import scaling_figure
from reports.scaling_table import bottleneck_grid, findings, scaling_csv, scaling_grid
from tests.reports.test_report_pictures import png_size
from tests.reports.test_report_tables import text


def point(processors: int, speed_up: float, resource: str, gain: float = 1.5, **setting: str) -> ScalingPoint:
    """A size with a batch of 64 and a step of 1 s over its speed-up."""
    return ScalingPoint(
        setting=setting,
        processors=processors,
        batch=64,
        step_time_s=1 / speed_up,
        examples_per_s=64 * speed_up,
        speed_up=speed_up,
        efficiency=speed_up / processors,
        exposed_share=0.25,
        bubble=0.5,
        limits=(Limit(resource, 1 / speed_up / gain, gain),),
        bottleneck=Bottleneck(
            ResourceUse("processor", "gpu0", 0.9), 0.6, (PathPart("convolution", 0.7 / speed_up, 0.7),)
        ),
    )


STRONG = Scaling(
    "alexnet-on-k20x8",
    "strong",
    (
        point(1, 1.0, "arithmetic", data="1"),
        point(2, 1.9, "arithmetic", data="2"),
        point(4, 3.2, "links", data="4"),
        point(8, 3.4, "kernel launches", 1.001, data="8"),
    ),
    (Unfit({"data": "16"}, 4096, "gpu0", 3_000_000_000),),
)


def test_table() -> None:
    """Each size with its numbers and what limits it; what does not fit says where."""
    grid = scaling_grid(STRONG)
    assert grid.title == "alexnet-on-k20x8: strong scaling"
    assert grid.rows[2] == (
        *("4", "4", "64", "312.5 ms", "204.8", "3.20x", "80.0 %", "25.0 %", "50.0 %", "links 1.50x"),
    )
    assert grid.rows[3][-1] == "nothing alone"
    assert grid.rows[4] == ("16", "-", "4096", *["-"] * 6, "does not fit in gpu0 (3.000 GB)")
    assert max(len(line.rstrip()) for line in text(show_scaling(STRONG), 100).splitlines()) <= 100


def test_sizes_that_do_not_fit_on_the_cores() -> None:
    """A row as of those that do not fit in memory, and a line with the reason; so in JSON."""
    unfit = Unfit({"training.dtype": "float32"}, 64, reason="conv cannot be computed on core0")
    scaling = replace(STRONG, unfit=(unfit,))
    assert scaling_grid(scaling).rows[-1] == ("float32", "-", "64", *["-"] * 6, "does not fit")
    told = "With dtype float32 it does not fit: conv cannot be computed on core0."
    assert told in text(show_scaling(scaling), 100)
    (found,) = scaling_json(scaling)["unfit"]
    assert (found["memory"], found["reason"]) == (None, "conv cannot be computed on core0")


def test_where_the_time_goes() -> None:
    """The busiest resource of each size; 3.4 over 3.2 is more than 5 %, so that eight still gain."""
    grid = bottleneck_grid(STRONG)
    assert grid.columns == ("data", "busiest", "busy", "mean", "critical path")
    assert grid.rows[0] == ("1", "gpu0", "90.0 %", "60.0 %", "convolution 70 %")
    (told,) = findings(STRONG)
    assert told == (
        "The largest size, 8 processors (3.40x), still gains. There gpu0 is busy 90 % of the step, "
        "processors in the mean 60 %; 70 % of the critical path is convolution."
    )


def test_where_scaling_stops() -> None:
    """Eight are 3 % faster than four: scaling stops at four, and table, JSON and picture say so."""
    eight = replace(STRONG.points[3], speed_up=3.3)
    stopped = replace(STRONG, points=(*STRONG.points[:3], eight))
    at, beyond = findings(stopped)
    assert at.startswith("Scaling stops at 4 processors (3.20x); more gain less than 5 %. There gpu0 is busy")
    assert beyond.startswith("With 8 gpu0 is busy 90 % of the step")
    assert (scaling_json(stopped)["stops_at"], scaling_json(STRONG)["stops_at"]) == (4, None)
    assert scaling_json(stopped)["points"][0]["busiest"] == "gpu0"
    assert "scaling stops" in [each.get_text() for each in scaling_figure(stopped).axes[0].texts]
    assert "Scaling stops at 4" in text(show_scaling(stopped), 100)


def test_json_and_csv_say_the_same() -> None:
    """Every point of the one is a line of the other."""
    document = scaling_json(STRONG)
    json.dumps(document, allow_nan=False)
    lines = list(csv.DictReader(scaling_csv(STRONG).splitlines()))
    assert [line["data"] for line in lines] == ["1", "2", "4", "8"]
    assert [float(line["speed_up"]) for line in lines] == [p["speed_up"] for p in document["points"]]
    assert [line["limited_by"] for line in lines] == ["arithmetic", "arithmetic", "links", ""]
    assert document["points"][3]["limited_by"] is None
    assert document["unfit"][0]["memory"] == "gpu0"


def test_files(tmp_path: Path) -> None:
    """All of them, readable, and the same bytes each time."""
    for name in ("a", "b"):
        write_scaling(STRONG, tmp_path / name)
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(FILES)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    width, height = png_size(tmp_path / "a" / "scaling.png")
    assert 1000 < width < 2000
    assert 400 < height < 1000


def test_picture_names_what_limits() -> None:
    """The ideal line, each limiting resource once beside its dot, and a legend of their colours."""
    figure = scaling_figure(STRONG)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["1", "2", "4", "8"]
    assert [each.get_text() for each in left.texts] == ["arithmetic", "links", "nothing alone"]
    labels = [each.get_text() for each in figure.legends[0].get_texts()]
    assert labels == ["ideal", "limited by arithmetic", "limited by links", "limited by nothing alone"]
    assert right.get_ylabel() == "efficiency, %"


def test_a_line_for_each_other_setting() -> None:
    """Two lengths of a second axis are two lines by name."""
    points = tuple(
        point(data * model, data * model * 0.9, "links", data=str(data), model=str(model))
        for data in (1, 2)
        for model in (1, 2)
    )
    figure = scaling_figure(Scaling("e", "weak", points))
    labels = [each.get_text() for each in figure.legends[0].get_texts()]
    assert labels == ["model 1", "model 2", "ideal", "limited by links"]


@pytest.mark.parametrize("count", [1, 2])
def test_other_fields_have_an_axis_of_their_own(count: int) -> None:
    """Where the processors stay the same, the values of the field go across."""
    batches = ("64", "128")[:count]
    points = tuple(point(2, 1.0, "links", **{"training.batch": batch}) for batch in batches)
    left = scaling_figure(Scaling("e", "strong", points)).axes[0]
    assert [label.get_text() for label in left.get_xticklabels()] == list(batches)
    assert left.get_xlabel() == "training.batch"


def test_what_grows() -> None:
    """Convolutions shrink from 0.7 s to 0.2 s; sums that were 0.1 s and are 0.3 s are what grows."""
    one, _, _, eight = STRONG.points
    first = replace(one.bottleneck, chain=(*one.bottleneck.chain, PathPart("gradient sums", 0.1, 0.1)))
    last = replace(eight.bottleneck, chain=(*eight.bottleneck.chain, PathPart("gradient sums", 0.3, 0.3)))
    scaling = replace(STRONG, points=(replace(one, bottleneck=first), replace(eight, bottleneck=last)))
    assert findings(scaling)[0].endswith(
        "; what more processors make longer is gradient sums, from 100.0 ms with 1 to 300.0 ms."
    )
    assert STRONG.growing is None
