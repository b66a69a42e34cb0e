"""Pictures: they exist, have a sane size, and their parts are where they must be."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataflow.errors import ReportError
from dataflow.result import Result
from reports import draw_hardware, draw_network, memory_png, timeline_png
from reports.lanes import lanes
from reports.memory_chart import memory_figure
from reports.network_layout import layout
from reports.timeline import timeline_figure
from reports.window import window_of
from tests.reports.worlds import (
    alexnet,
    alexnet_result,
    gpus,
    neighbours,
    result_of,
    tiny_data_parallel,
    tiny_network,
    tiny_result,
)


def png_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header of a PNG."""
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:24])
    return width, height


@pytest.mark.parametrize("draw", [timeline_png, memory_png])
@pytest.mark.parametrize("result", [alexnet_result(), tiny_result()], ids=["alexnet", "tiny"])
def test_pictures_of_runs(tmp_path: Path, draw: Callable[[Result, Path], None], result: Result) -> None:
    """Wide enough to read, not higher than a screen or two."""
    draw(result, tmp_path / "picture.png")
    width, height = png_size(tmp_path / "picture.png")
    assert width == 1920
    assert 300 < height < 2400


def test_timeline_says_what_it_shows() -> None:
    """The title has step time and utilisation; rows are processors, copy engines and links in use."""
    axes = timeline_figure(alexnet_result()).axes[0]
    title = axes.get_title(loc="left")
    assert title.startswith("alexnet-2x-gtx580:  step 614.6 ms,  208.3 images/s,  processors busy 99.2 %")
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("gpu0", "gpu0 copy", "gpu1", "gpu1 copy"),
        *(f"{name} \N{RIGHTWARDS ARROW} switch" for name in ("gpu0",)),
        *("switch \N{RIGHTWARDS ARROW} gpu0", "gpu1 \N{RIGHTWARDS ARROW} switch"),
        *("switch \N{RIGHTWARDS ARROW} gpu1", "host \N{RIGHTWARDS ARROW} switch"),
    ]
    assert axes.get_xlabel().startswith("simulated time since the first step began, ms ")
    written = {text.get_text() for text in axes.texts}
    assert {"conv2", "conv2 dw", "conv2 dx", "step 0", "step 1"} <= written


def test_legend_tells_phases_and_waits() -> None:
    """Every colour that is drawn has its name."""
    (legend,) = timeline_figure(tiny_result()).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("forward", "loss", "gradient", "update", "load", "exchange"),
        *("waits for a transfer", "waits for another processor"),
    ]


def test_many_rows_stay_one_picture() -> None:
    """Twelve GPUs: more rows, each thinner, not a picture of endless height."""
    figure = timeline_figure(result_of(tiny_data_parallel(12)))
    assert len(figure.axes[0].get_yticklabels()) == 12 + 12 + 24 + 1
    assert figure.get_figheight() < 20


def test_long_runs_show_their_first_steps() -> None:
    """Two of five steps, and the picture says so."""
    result = tiny_result(5)
    window = window_of(result.trace)
    assert (window.steps, window.all_steps, window.end_ps) == (2, 5, result.trace.step_ends_ps[1])
    assert "(first 2 of 5 steps)" in timeline_figure(result).axes[0].get_title(loc="left")


def test_memory_is_stacked_up_to_what_is_used() -> None:
    """One panel a memory; the peak is named, and the outline reaches it."""
    result = alexnet_result()
    figure = memory_figure(result)
    assert [axes.get_title(loc="left").partition(":")[0] for axes in figure.axes] == ["gpu0", "gpu1", "host"]
    outline = np.max(np.asarray(figure.axes[0].lines[0].get_ydata()))
    assert outline == pytest.approx(result.metrics.memories["gpu0"].peak_bytes / 1e9)
    assert any(text.get_text().startswith("peak 1.012 GB") for text in figure.axes[0].texts)


def test_capacity_is_drawn_when_it_is_near() -> None:
    """A memory that is three quarters full shows its limit."""
    result = tiny_result()
    uses = result.metrics.memories
    full = {name: replace(use, capacity_bytes=use.peak_bytes * 4 // 3) for name, use in uses.items()}
    figure = memory_figure(replace(result, metrics=replace(result.metrics, memories=full)))
    assert "capacity" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_lanes_of_overlapping_spans() -> None:
    """Two transfers at once on two copy engines are two lanes, and no lane overlaps."""
    span = tiny_result().trace.spans[0]
    spans = [
        replace(span, index=i, start_ps=s, end_ps=e) for i, (s, e) in enumerate([(0, 4), (2, 6), (4, 5)])
    ]
    assert [[s.index for s in lane] for lane in lanes(spans)] == [[0, 2], [1]]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_pictures_of_descriptions(tmp_path: Path, suffix: str) -> None:
    """Networks and machines, with and without a switch, small and large."""
    for network in (alexnet(), tiny_network()):
        draw_network(network, tmp_path / f"{network.name}{suffix}")
    for hardware in (gpus(1), gpus(2), gpus(12), neighbours()):
        draw_hardware(hardware, tmp_path / f"{hardware.name}{suffix}")
    assert len(list(tmp_path.iterdir())) == 6
    for path in tmp_path.iterdir():
        if suffix == ".png":
            assert all(400 < side < 2600 for side in png_size(path))
        else:
            assert path.read_text().rstrip().endswith("</svg>")


def test_svg_is_the_same_each_time(tmp_path: Path) -> None:
    """No date and no random names in it."""
    for name in ("a.svg", "b.svg"):
        draw_network(tiny_network(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_pictures_that_cannot_be_saved(tmp_path: Path) -> None:
    """A wrong suffix or folder is told, and nothing is left."""
    with pytest.raises(ReportError, match=r"is neither .svg nor .png"):
        draw_network(tiny_network(), tmp_path / "net.pdf")
    with pytest.raises(ReportError, match=r"cannot be written: No such file or directory"):
        draw_hardware(gpus(1), tmp_path / "missing" / "net.svg")
    assert list(tmp_path.iterdir()) == []


def test_branches_stand_side_by_side() -> None:
    """Layered by generation: what reads the same is in one row, what reads both below them."""
    places = layout({"data": (), "a": ("data",), "b": ("data",), "sum": ("a", "b"), "skip": ("sum", "data")})
    assert places["a"].row == places["b"].row == 1
    assert places["a"].x < places["data"].x < places["b"].x
    assert (places["sum"].row, places["skip"].row) == (2, 3)
    assert len({(place.x, place.y) for place in places.values()}) == 5


def test_long_networks_go_on_in_columns() -> None:
    """A chain of forty is not forty rows high; order is kept."""
    chain = {f"l{i}": (f"l{i - 1}",) if i else () for i in range(40)}
    places = layout(chain)
    assert max(place.row for place in places.values()) < 12
    order = [(place.column, place.row) for place in places.values()]
    assert order == sorted(order)
